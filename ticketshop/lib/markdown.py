"""The limited markdown organisers write: rendered without raw HTML, then sanitised."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_RENDERER = MarkdownIt("commonmark", {"html": False, "breaks": True})
_TAGS = {"p", "br", "em", "strong", "a", "ul", "ol", "li", "h2", "h3", "h4", "blockquote"}


def to_html(source: str, top: int = 3) -> SafeString:
    """Safe HTML: paragraphs, emphasis, lists, links to http, https and mailto, headings from level ``top`` down."""
    tokens = _RENDERER.parse(source or "")
    _fit_headings(tokens, top)
    html = _RENDERER.renderer.render(tokens, _RENDERER.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - the only place: nh3 has just cleaned it


def _fit_headings(tokens: list[Token], top: int) -> None:
    """Let the headings stand below those of the page: they begin at ``top`` and skip no level, whatever was typed."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    levels = sorted({token.tag for token in headings})
    before = top - 1
    for opening, closing in zip(headings[::2], headings[1::2], strict=True):
        before = min(top + levels.index(opening.tag), before + 1, 4)
        opening.tag = closing.tag = f"h{before}"
