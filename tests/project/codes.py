"""Find technical codes such as ``link_new`` in what a page shows."""

import re

CODE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
HIDDEN = re.compile(r"(?s)<(script|style|head)\b.*?</\1>|<!--.*?-->|<[^>]*>")


def codes_in(page) -> list[str]:
    """Return the codes in the text of a response; none if it is no page of HTML."""
    if not page.headers["Content-Type"].startswith("text/html"):
        return []
    return CODE.findall(HIDDEN.sub(" ", page.content.decode()))
