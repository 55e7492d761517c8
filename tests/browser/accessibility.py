"""axe in a page: what is wrong for assistive technology, and colours that are hard to read, in light and in dark."""

import json
import os
from pathlib import Path
from weakref import WeakSet

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# Rules about colours, the only ones that a colour scheme changes. They take four fifths of the time of all rules.
COLOURS = ("color-contrast", "link-in-text-block")

# Half a megabyte that is read where it is called: sent to a window once, for all its pages.
_LOADER = f"window.loadAxe = () => {{{AXE}}}"
_has_loader: WeakSet[Page] = WeakSet()

# Returns the violations alone: what axe says of all that is right takes as long to be sent as a small page to be checked.
_RULES = """async (options) => {
  if (!("axe" in window)) {
    if (!("loadAxe" in window)) return null;
    loadAxe();
  }
  return (await axe.run(options)).violations;
}"""

# Checks the colours of the elements with text whose numbers are not in ``known``. Returns the violations, and the numbers of what
# was found good. An element has two numbers:
# - of its place: its tag, classes and computed style and those of all elements around it. Elements of one place are the same part of
#   pages in the same colours. The classes of <body> name the page and colour nothing by themselves.
# - of its colours: those of its text and of all that is painted below it, wherever it is. axe must have measured them, which it does
#   not for a single letter or what is not seen. A link among other words has none: what matters there is how it differs from them.
# A colour that is just changing is no colour of the page. Nothing is waited for: a browser without a window that has nothing to draw
# may never come to the end of an animation.
_NEW_COLOURS = """async ([known, rules]) => {
  document.getAnimations().forEach((one) => one.finish());
  const seen = new Set(known.split(",").map(Number)), places = new Map(), grounds = new Map(), elements = new Map(), good = [];
  const hash = (text) => {
    let a = 0xdeadbeef, b = 0x41c6ce57;
    for (let i = 0; i < text.length; i++) {
      a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
      b = Math.imul(b ^ text.charCodeAt(i), 1597334677);
    }
    return 4294967296 * (2097151 & (b ^ (b >>> 15))) + ((a ^ (a >>> 16)) >>> 0);
  };
  const classes = (e) => e === document.body ? "" : e.className;
  const place = (e) => {
    if (!e) return 0;
    if (!places.has(e)) {
      const style = getComputedStyle(e);
      places.set(e, hash([place(e.parentElement), e.tagName, classes(e), e.type,
        style.color, style.backgroundColor, style.backgroundImage, style.opacity, style.fontSize, style.fontWeight,
        style.textDecorationLine, style.textShadow, style.display, style.position, style.visibility].join("|")));
    }
    return places.get(e);
  };
  const ground = (e) => {
    if (!e) return 0;
    if (!grounds.has(e)) {
      const style = getComputedStyle(e), below = ground(e.parentElement);
      const painted = [
        style.backgroundColor === "rgba(0, 0, 0, 0)" ? "" : style.backgroundColor,
        style.backgroundImage === "none" ? "" : style.backgroundImage,
        style.opacity === "1" ? "" : style.opacity,
        style.position === "static" ? "" : [style.position, e.tagName, classes(e)].join(" "),
      ].join("|");
      grounds.set(e, painted === "|||" ? below : hash(`${below}|${painted}`));
    }
    return grounds.get(e);
  };
  const ofColours = (e) => {
    const style = getComputedStyle(e);
    if (e.closest("a")) {
      let block = e.closest("a");
      while (getComputedStyle(block).display.startsWith("inline") && block.parentElement) block = block.parentElement;
      if (block.textContent.trim() !== e.textContent.trim()) return null;
    }
    return hash(["colours", ground(e), style.color, style.fontSize, style.fontWeight, style.textShadow,
      e.matches(":disabled, [aria-disabled=true]"), /^(INPUT|SELECT|TEXTAREA)$/.test(e.tagName) && e.type].join("|"));
  };
  for (const e of document.body.querySelectorAll("*")) {
    const hasText = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const isField = e.matches("input:not([type=checkbox], [type=radio]), select, textarea"), box = e.getBoundingClientRect();
    if (!(hasText || isField) || box.width <= 1 || box.height <= 1) continue;
    const own = place(e);
    if (seen.has(own)) continue;
    const colours = ofColours(e);
    if (seen.has(colours)) continue;
    seen.add(own);
    elements.set(e, colours);
    good.push(own);
  }
  if (!elements.size) return [[], []];
  if (!("axe" in window)) {
    if (!("loadAxe" in window)) return null;
    loadAxe();
  }
  const options = {runOnly: rules, resultTypes: ["violations", "passes"], preload: false, elementRef: true, selectors: false};
  const {violations, passes} = await axe.run({include: [...elements.keys()]}, options);
  for (const node of passes.filter((rule) => rule.id === "color-contrast").flatMap((rule) => rule.nodes)) {
    const colours = elements.get(node.element);
    if (colours) good.push(colours);
  }
  for (const node of violations.flatMap((rule) => rule.nodes)) delete node.element;
  return [violations, [...new Set(good)]];
}"""

# The numbers of what was found good, one in a line, on all pages that any process of this run has seen.
_GOOD_COLOURS = Path(os.environ["VAR_DIR"]) / "good-colours"


def axe(page: Page, options: dict) -> list[str]:
    """Return what axe finds on the page by its rules, without those about colours; see ``colours``."""
    page.wait_for_load_state()  # a click returns while the next page is still read
    others = {rule: {"enabled": False} for rule in COLOURS}
    options = {"resultTypes": ["violations"], **options, "rules": {**options.get("rules", {}), **others}}
    return _sentences(_evaluate(page, _RULES, options))


def colours(page: Page) -> list[str]:
    """Return the text of the page whose colours are hard to read.

    Parts that an earlier page has shown in the same colours are not checked again, unless they were wrong there.
    """
    page.wait_for_load_state()
    known = _GOOD_COLOURS.read_text().split() if _GOOD_COLOURS.exists() else []
    violations, numbers = _evaluate(page, _NEW_COLOURS, [",".join(known), COLOURS])
    if numbers and not violations:
        with _GOOD_COLOURS.open("a") as file:
            file.write("".join(f"{number}\n" for number in numbers))
    return _sentences(violations)


def _evaluate(page: Page, script: str, argument):
    """Run a script that returns null if it needs axe and the page cannot load it."""
    found = page.evaluate(script, argument)
    if found is None:
        page.evaluate(_LOADER)
        if page not in _has_loader:
            page.add_init_script(_LOADER)
            _has_loader.add(page)
        found = page.evaluate(script, argument)
    return found


def _sentences(violations: list[dict]) -> list[str]:
    return [
        f"{violation['id']}: {node['html'][:100]} {json.dumps(node['any'][:1])[:160]}"
        for violation in violations
        for node in violation["nodes"][:3]
    ]
