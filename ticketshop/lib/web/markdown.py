"""Render the limited markdown of organisers, without raw HTML, and sanitise the result."""

from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_RENDERER = MarkdownIt("commonmark", {"html": False, "breaks": True})
# For a text on one line: emphasis and links only.
_INLINE = MarkdownIt("zero").enable(["emphasis", "link"])
_INLINE_TAGS = {"em", "strong", "a"}
_NEW_TAB = {"a": {"target": "_blank"}}
_TAGS = {"p", "br", "em", "strong", "a", "ul", "ol", "li", "h2", "h3", "h4", "blockquote"}


@lru_cache(maxsize=128)
def to_html(source: str, top: int = 3, *, new_tab: bool = False) -> SafeString:
    """Return safe HTML: paragraphs, emphasis, lists, links to http, https and mailto, headings from level ``top`` down.

    ``new_tab``: links open in a new tab, so that a half-filled form on the page is not lost.
    """
    tokens = _RENDERER.parse(source or "")
    _fit_headings(tokens, top)
    html = _RENDERER.renderer.render(tokens, _RENDERER.options, {})
    return _clean(html, _TAGS, new_tab)


@lru_cache(maxsize=2048)
def inline_html(source: str) -> SafeString:
    """Return safe HTML of a text on one line, such as a label: emphasis, and links that open in a new tab."""
    return _clean(_INLINE.renderInline(source), _INLINE_TAGS, new_tab=True)


@lru_cache(maxsize=2048)
def plain(source: str) -> str:
    """Return a text on one line without emphasis and URLs: for headings, messages, files."""
    tokens = [child for token in _INLINE.parseInline(source) for child in token.children or ()]
    return "".join(token.content for token in tokens)


def _clean(html: str, tags: set[str], new_tab: bool) -> SafeString:
    clean = nh3.clean(
        html,
        tags=tags,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values=_NEW_TAB if new_tab else None,
    )
    return mark_safe(clean)  # noqa: S308 - cleaned by nh3


def _fit_headings(tokens: list[Token], top: int) -> None:
    """Change the levels of headings, so that they begin at ``top`` and skip no level."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    levels = sorted({token.tag for token in headings})
    before = top - 1
    for opening, closing in zip(headings[::2], headings[1::2], strict=True):
        before = min(top + levels.index(opening.tag), before + 1, 4)
        opening.tag = closing.tag = f"h{before}"
