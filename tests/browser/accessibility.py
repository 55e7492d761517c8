"""axe in a page: what is wrong for assistive technology, and colours that are hard to read, in light and in dark."""

import json
import os
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# Rules about colours, the only ones that a colour scheme changes. They take four fifths of the time of all rules.
COLOURS = ("color-contrast", "link-in-text-block")
# A colour that is just changing is no colour of the page. Nothing is waited for: a browser without a window that has nothing to draw
# may never come to the end of an animation.
_SETTLED = "() => document.getAnimations().forEach((one) => one.finish())"

# Checks the colours of the elements with text that are not in ``known``. Returns the violations, and a number for each element
# that was checked: of its tag, classes and computed style and those of all elements around it. Elements of one number are the
# same part of pages in the same colours. The classes of <body> name the page and colour nothing by themselves.
_NEW_COLOURS = """async ([known, rules]) => {
  const seen = new Set(known.split(",").map(Number)), numbers = new Map(), elements = [], added = [];
  const hash = (text) => {
    let a = 0xdeadbeef, b = 0x41c6ce57;
    for (let i = 0; i < text.length; i++) {
      a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
      b = Math.imul(b ^ text.charCodeAt(i), 1597334677);
    }
    return 4294967296 * (2097151 & (b ^ (b >>> 15))) + ((a ^ (a >>> 16)) >>> 0);
  };
  const number = (e) => {
    if (!e) return 0;
    if (!numbers.has(e)) {
      const style = getComputedStyle(e);
      numbers.set(e, hash([number(e.parentElement), e.tagName, e === document.body ? "" : e.className, e.type,
        style.color, style.backgroundColor, style.backgroundImage, style.opacity, style.fontSize, style.fontWeight,
        style.textDecorationLine, style.textShadow, style.display, style.position, style.visibility].join("|")));
    }
    return numbers.get(e);
  };
  for (const e of document.body.querySelectorAll("*")) {
    const hasText = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!(hasText || /^(INPUT|SELECT|TEXTAREA)$/.test(e.tagName)) || !e.getClientRects().length) continue;
    const own = number(e);
    if (seen.has(own)) continue;
    seen.add(own);
    elements.push(e);
    added.push(own);
  }
  if (!elements.length) return [[], []];
  if (!("axe" in window)) return null;
  const options = {runOnly: rules, resultTypes: ["violations"], preload: false};
  return [(await axe.run({include: elements}, options)).violations, added];
}"""

# The numbers of elements without violation, one in a line, on all pages that any process of this run has seen.
_GOOD_COLOURS = Path(os.environ["VAR_DIR"]) / "good-colours"


def axe(page: Page, options: dict) -> list[str]:
    """Return what axe finds on the page by its rules, without those about colours; see ``colours``."""
    page.wait_for_load_state()  # a click returns while the next page is still read
    others = {rule: {"enabled": False} for rule in COLOURS}
    options = {"resultTypes": ["violations"], **options, "rules": {**options.get("rules", {}), **others}}
    found = _evaluate(page, "(options) => 'axe' in window ? axe.run(options) : null", options)
    return _sentences(found["violations"])


def colours(page: Page) -> list[str]:
    """Return the text of the page whose colours are hard to read.

    Parts that an earlier page has shown in the same colours are not checked again, unless they were wrong there.
    """
    page.wait_for_load_state()
    page.evaluate(_SETTLED)
    known = _GOOD_COLOURS.read_text().split() if _GOOD_COLOURS.exists() else []
    violations, numbers = _evaluate(page, _NEW_COLOURS, [",".join(known), COLOURS])
    if numbers and not violations:
        with _GOOD_COLOURS.open("a") as file:
            file.write("".join(f"{number}\n" for number in numbers))
    return _sentences(violations)


def _evaluate(page: Page, script: str, argument):
    """Run a script that returns null if it needs axe and the page has none. Half a megabyte is not loaded for nothing."""
    found = page.evaluate(script, argument)
    if found is None:
        page.evaluate(AXE)
        found = page.evaluate(script, argument)
    return found


def _sentences(violations: list[dict]) -> list[str]:
    return [
        f"{violation['id']}: {node['html'][:100]} {json.dumps(node['any'][:1])[:160]}"
        for violation in violations
        for node in violation["nodes"][:3]
    ]
