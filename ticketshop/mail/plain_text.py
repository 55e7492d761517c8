"""Make the text part of a mail from its HTML part, so that both have the same content.

Reads the few elements that ``templates/emails`` use:

- ``p``, headings and table cells are paragraphs, ``br`` ends a line, ``li`` begins with a hyphen;
- an element with the class ``card`` is a paragraph of several lines, one for each ``p`` in it;
- a link is "label: URL"; with the class ``button`` the URL is alone on its line, so that no mail program breaks it;
- the class ``signature`` begins the footer, after the line ``-- `` by which mail programs recognise the end of a text.
"""

import re
from html.parser import HTMLParser

from ticketshop.lib.web.template_tags import colon

_WHITE = re.compile(r"[ \t\r\n\f]+")  # without the no-break space
_BLOCKS = frozenset("p h1 h2 h3 td ul ol li table div".split())
_SILENT = frozenset(("head", "style", "script"))
_LISTS = frozenset(("ul", "ol"))
_VOID = frozenset(("img", "br", "hr", "meta", "link"))


class _Reader(HTMLParser):
    """A parser that collects paragraphs."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.line = ""  # of the block being read
        self.lines: list[str] = []  # of the card, list or footer being read
        self.open: list[tuple[str, frozenset[str], str]] = []  # tag, classes, href
        self.link = ""  # the text of the link being read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "br":
            self.line = f"{self.line.rstrip(' ')}\n"
        if tag in _BLOCKS:
            self.end_block()
        if tag in _VOID:
            return
        classes = frozenset((values.get("class") or "").split())
        if tag in _LISTS or classes & {"card", "signature"}:
            self.end_group()
        if "signature" in classes:
            self.lines.append("-- ")
        if tag == "li":
            self.line = "- "
        if tag == "a":
            self.link = ""
        self.open.append((tag, classes, values.get("href") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or not any(opened == tag for opened, _classes, _href in self.open):
            return
        while True:
            opened, classes, href = self.open.pop()
            if opened == "a":
                self.end_link(href, "button" in classes)
            if opened in _BLOCKS:
                self.end_block()
            if opened in _LISTS or classes & {"card", "signature"}:
                self.end_group()
            if opened == tag:
                return

    def handle_data(self, data: str) -> None:
        if any(tag in _SILENT for tag, _classes, _href in self.open):
            return
        text = _WHITE.sub(" ", data)
        if self.line[-1:] in {"", " ", "\n"}:
            text = text.lstrip(" ")
        self.line += text
        self.link += text

    def end_link(self, href: str, is_button: bool) -> None:
        """Add the URL of a link after its label."""
        label = self.link.strip(" ")
        if not href or href == label or not href.startswith(("http:", "https:")):
            return
        self.line = (
            self.line.rstrip(" ").removesuffix(label) + colon(label) + ("\n" if is_button else " ") + href
        )

    def end_block(self) -> None:
        """End the line or paragraph being read."""
        text, self.line = self.line.strip(" \n"), ""
        if not text or text == "-":
            return
        if any(tag in _LISTS or classes & {"card", "signature"} for tag, classes, _href in self.open):
            self.lines.append(text)
        else:
            self.paragraphs.append(text)

    def end_group(self) -> None:
        """End the card, list or footer being read."""
        if self.lines:
            self.paragraphs.append("\n".join(self.lines))
        self.lines = []


def text_of(html: str) -> str:
    """Return the text of a mail's HTML: paragraphs with an empty line between them. Uses the active language for colons."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_block()
    reader.end_group()
    return "\n\n".join(reader.paragraphs) + "\n"
