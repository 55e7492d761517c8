"""The markdown of organisers becomes safe HTML."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketshop.lib.web.markdown import inline_html, plain, to_html

ALLOWED = {"p", "br", "em", "strong", "a", "ul", "ol", "li", "h2", "h3", "h4", "blockquote"}


class Tags(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("One *two* **three**", "<p>One <em>two</em> <strong>three</strong></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("# Top", "<h3>Top</h3>"),
        ("## Alone", "<h3>Alone</h3>"),
        ("# Top\n## Next", "<h3>Top</h3>\n<h4>Next</h4>"),
        ("# Top\n#### Deep", "<h3>Top</h3>\n<h4>Deep</h4>"),
        ("", ""),
    ],
)
def test_allowed_markdown_is_rendered(source, html):
    assert to_html(source).strip() == html


def levels(html: str) -> list[int]:
    return [int(tag[1]) for tag, _attrs in Tags(html).found if tag[0] == "h"]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(2, 3))
def test_headings_begin_where_the_page_says_and_skip_no_level(typed, top):
    found = levels(to_html("\n\n".join(f"{'#' * level} x" for level in typed), top))
    assert len(found) == len(typed)
    assert found[0] == top
    assert all(top <= after <= before + 1 for before, after in pairwise(found))


def test_links_to_the_web_and_to_mailboxes():
    html = to_html("[a](https://a.example/?x=1&y=2) <mailto:b@b.example>")
    links = [attrs for tag, attrs in Tags(html).found if tag == "a"]
    assert [link["href"] for link in links] == ["https://a.example/?x=1&y=2", "mailto:b@b.example"]
    assert {link["rel"] for link in links} == {"noopener noreferrer nofollow"}


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "<iframe src=https://evil.example></iframe>",
        "<style>*{display:none}</style>",
        "![x](https://evil.example/pixel.png)",
        "[click](javascript:alert(1))",
        "[click](JaVa\tscript:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "[click](vbscript:x)",
        "<a href='javascript:alert(1)'>x</a>",
        "[x]: javascript:alert(1)\n\n[x]",
        "<h3 onclick=alert(1)>x</h3>",
        "`<b onmouseover=alert(1)>`",
        "<b><p>never closed",
    ],
)
def test_markup_that_runs_or_loads_is_removed(source):
    html = to_html(f"before {source}\n\nafter")
    assert "before" in html
    assert "after" in html
    for tag, attrs in Tags(html).found:
        assert tag in ALLOWED
        assert set(attrs) <= {"href", "rel"}
        assert attrs.get("href", "https:").split(":")[0] in {"http", "https", "mailto"}


@given(st.text(st.sampled_from("<>\"'&/=!-[]()`*_#:;\\ \n\tajscriptonx1"), max_size=60))
def test_no_text_escapes_its_element(source):
    for tag, attrs in Tags(to_html(source)).found:
        assert tag in ALLOWED
        assert set(attrs) <= {"href", "rel"}


LABELS = {
    "I accept the [rules](https://example.org/a?b=1&c=2).": (
        'I accept the <a href="https://example.org/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer nofollow">rules</a>.',
        "I accept the rules.",
    ),
    "*Very* **sure**": ("<em>Very</em> <strong>sure</strong>", "Very sure"),
    "A * B _ C [D] (E)": ("A * B _ C [D] (E)", "A * B _ C [D] (E)"),
    "# 5 < 6 & `x` &amp; <b>": ("# 5 &lt; 6 &amp; `x` &amp;amp; &lt;b&gt;", "# 5 < 6 & `x` &amp; <b>"),
    "[x](javascript:alert(1))": ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
    "[x](data:text/html,y) ![z](https://example.org/p.png)": None,
    "<img src=x onerror=alert(1)>": ("&lt;img src=x onerror=alert(1)&gt;", "<img src=x onerror=alert(1)>"),
}


@pytest.mark.scenario("RF-10")
@pytest.mark.parametrize("source", LABELS)
def test_a_label_holds_links_and_emphasis_and_nothing_else(source):
    html, text = inline_html(source), plain(source)
    if (expected := LABELS[source]) is not None:
        assert (html, text) == expected
    assert not re.search('<(?!/?(em|strong|a)\\b)|href="(?!https:)', html)


def test_links_beside_fields_open_in_a_new_tab():
    assert 'target="_blank"' in to_html("[a](https://example.org)", new_tab=True)
    assert "target" not in to_html("[a](https://example.org)")
