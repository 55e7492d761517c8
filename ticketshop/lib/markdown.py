"""The limited markdown organisers write: rendered without raw HTML, then sanitised."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_RENDERER = MarkdownIt("commonmark", {"html": False, "breaks": True})
_TAGS = {"p", "br", "em", "strong", "a", "ul", "ol", "li", "h2", "h3", "h4", "blockquote"}


def to_html(source: str) -> SafeString:
    """Safe HTML: paragraphs, emphasis, lists, links to http, https and mailto, headings from level 3 down."""
    html = _RENDERER.render(source or "")
    for level in (4, 3, 2, 1):
        # A page has its own h1 and h2; an organiser's headings stand below them.
        html = html.replace(f"<h{level}>", f"<h{min(level + 2, 4)}>").replace(
            f"</h{level}>", f"</h{min(level + 2, 4)}>"
        )
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - the only place: nh3 has just cleaned it
