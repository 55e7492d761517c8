"""What a person's name may hold where it is printed in mails: no link, no phone number.

Whoever types a name can send it to an address of their choice. Names of real people pass: a dot is part of a name
("St.John", "Md.Rahim") unless a mail program would make a link of it.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Two labels and what follows: “evil.example”; not “J.R.R. Tolkien”, where a single letter stands before the dot.
_HOST = re.compile(r"(?<=[\w-]{2})\.([^\W_][\w-]*)")
# A single letter before the dot is an initial (“A.Li”), but for the domains that people think of first.
_SHORT_HOST = re.compile(r"\b\w\.(?:com|net|org)\b")
_PATH = re.compile(r"\w\.[^\W\d_]{2,}/")
# Seven digits, however they are grouped; a number that is written onto letters is no phone number.
_PHONE = re.compile(r"(?<!\w)\+?\d(?:[\s().\-/]*\d){6,}(?!\w)")
# Catalan writes a double l with a dot between, on most keyboards a full stop; “la” and “li” are top-level domains.
_CATALAN = re.compile(
    r"\b(?:ange|aure|ave|cami|cei|dànie|este|fa|ga|gabrie|marce|mire|petroni|po|prisci|sibi|tu)l\.l[aií]\b"
)
_EXAMPLES = frozenset({"example", "localhost", "local", "onion", "test"})


@cache
def top_level_domains() -> frozenset[str]:
    """Return the top-level domains of the internet, those of other scripts in their own letters too."""
    lines = (Path(__file__).parent / "top_level_domains.txt").read_text(encoding="ascii").split("\n")
    names = {line for line in lines if line and not line.startswith("#")}
    readable = {idna.decode(name) for name in names if name.startswith("xn--")}
    return frozenset(names | readable | _EXAMPLES)


def no_markup_in_name(value: str) -> None:
    """Raise ValidationError for a name that holds a link: “@”, “://”, “www.”, a host and its domain; or a phone number."""
    # As a browser reads an address: a full-width dot is a dot.
    read = unicodedata.normalize("NFKC", value).replace("。", ".").lower()
    text = _CATALAN.sub("", read)
    if "@" in read or "://" in read or "www." in read or _PATH.search(text) or _has_host(text):
        raise ValidationError(_("Enter a name, without an address or a link. Put a space after a dot."))
    if _PHONE.search(read):
        raise ValidationError(_("Enter a name, without a phone number."))


def _has_host(text: str) -> bool:
    return bool(_SHORT_HOST.search(text)) or any(
        match[1] in top_level_domains() for match in _HOST.finditer(text)
    )
