"""Refuse names with links or phone numbers, since names are printed in mails to addresses that the visitor chooses.

Real names are accepted: a dot is part of a name ("St.John", "Md.Rahim") unless mail programs would turn it into a link.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Two characters, a dot and a label: “evil.example”; not “J.R.R. Tolkien”, with a single letter before the dot.
_HOST = re.compile(r"(?<=[\w-]{2})\.([^\W_][\w-]*)")
# A single letter before the dot is an initial (“A.Li”), except before the most common domains.
_SHORT_HOST = re.compile(r"\b\w\.(?:com|net|org)\b")
_PATH = re.compile(r"\w\.[^\W\d_]{2,}/")
# Seven digits in any grouping; not digits next to letters.
_PHONE = re.compile(r"(?<!\w)\+?\d(?:[\s().\-/]*\d){6,}(?!\w)")
# Catalan has a dot between double l, usually typed as a full stop; “la” and “li” are top-level domains.
_CATALAN = re.compile(
    r"\b(?:ange|aure|ave|cami|cei|dànie|este|fa|ga|gabrie|marce|mire|petroni|po|prisci|sibi|tu)l\.l[aií]\b"
)
_EXAMPLES = frozenset({"example", "localhost", "local", "onion", "test"})


@cache
def top_level_domains() -> frozenset[str]:
    """Return the top-level domains of the internet; those in other scripts also with their own letters."""
    lines = (Path(__file__).parent / "top_level_domains.txt").read_text(encoding="ascii").split("\n")
    names = {line for line in lines if line and not line.startswith("#")}
    readable = {idna.decode(name) for name in names if name.startswith("xn--")}
    return frozenset(names | readable | _EXAMPLES)


def no_markup_in_name(value: str) -> None:
    """Raise ValidationError for a name with a link (“@”, “://”, “www.”, a host name) or a phone number."""
    # Browsers take a full-width dot for a dot.
    normalised = unicodedata.normalize("NFKC", value).replace("。", ".").lower()
    text = _CATALAN.sub("", normalised)
    if (
        "@" in normalised
        or "://" in normalised
        or "www." in normalised
        or _PATH.search(text)
        or _has_host(text)
    ):
        raise ValidationError(_("Enter a name, without an address or a link. Put a space after a dot."))
    if _PHONE.search(normalised):
        raise ValidationError(_("Enter a name, without a phone number."))


def _has_host(text: str) -> bool:
    return bool(_SHORT_HOST.search(text)) or any(
        match[1] in top_level_domains() for match in _HOST.finditer(text)
    )
