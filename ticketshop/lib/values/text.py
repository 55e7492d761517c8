"""Typed text: a normal form for storing, and a folded form for comparing and sorting.

``fold`` exists in the database, too (function ``contact_fold`` of the ``contacts`` migrations), where it generates the search
columns; a test compares the two.
"""

import contextlib
import re
import unicodedata

import idna

# Letters that Unicode does not decompose into a base letter and an accent.
LETTERS = {
    "ß": "ss", "ẞ": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l",
    "ħ": "h", "ŧ": "t", "þ": "th", "ı": "i", "ŋ": "n", "ĸ": "k", "ς": "σ",
}  # fmt: skip
_LETTER_TABLE = str.maketrans(LETTERS)
# Accents; Hebrew points, Arabic vowel signs and tatweel, which names seldom have. The vowel signs of Indic scripts are letters.
MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"
)
# Straight and curly, ʻokina, primes, the half rings of transliterated Arabic and Hebrew, geresh, the Catalan dot.
APOSTROPHES = re.compile(
    "['`´·\u02b9-\u02bf\u02c8\u02ca\u02cb\u05f3\u2018\u2019\u201b\u2027\u2032\u2035\ua78c\uff07]"
)
# Control, bidi and zero-width characters. Not the zero-width joiners, which are part of emoji and Indic words.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_LINE_CONTROL = re.compile("[\t\n]")
_BREAKS = re.compile("\r\n|[\r\n\u2028\u2029]")
_SPACES = re.compile(r"\s+")
_LONGEST_DOMAIN = 253


def normalise_line(value: str) -> str:
    """Return one line as it is stored: NFC, without control and bidi characters, with single spaces.

    Lone surrogates, which JSON may contain and PostgreSQL can't store, are removed.
    """
    value = value.encode("utf-8", "ignore").decode("utf-8", "ignore")
    # Spaces again at the end: an invisible character may have been between two of them.
    value = _INVISIBLE.sub("", _SPACES.sub(" ", value))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", value)).strip()


def normalise_text(value: str, *, lines: bool) -> str:
    """Return a text as it is stored: NFC, each line break as LF, or as a space if ``lines`` is False.

    Control, bidi and zero-width characters are removed, and lone surrogates, which PostgreSQL can't store.
    """
    value = value.encode("utf-8", "ignore").decode("utf-8", "ignore")
    value = _BREAKS.sub("\n" if lines else " ", unicodedata.normalize("NFC", value))
    return _INVISIBLE.sub("", value.replace("\t", " ")).strip()


def has_invisible(value: str) -> bool:
    """Return whether a text contains control, bidi or zero-width characters, or a line break."""
    return _INVISIBLE.search(value) is not None or _LINE_CONTROL.search(value) is not None


def has_control(value: str) -> bool:
    """Return whether a text contains an ASCII control character, such as a line break."""
    return any(character < " " or character == "\x7f" for character in value)


def fold(value: str) -> str:
    """Return the form for comparing and sorting: lower case, without accents and apostrophes, with single spaces."""
    # Apostrophes before and after: NFKD turns one of them into a space, and creates another from a letter.
    value = unicodedata.normalize("NFKD", APOSTROPHES.sub("", value)).lower()
    value = MARKS.sub("", APOSTROPHES.sub("", value)).translate(_LETTER_TABLE)
    return re.sub(r"(?:[^\w@.+]|_)+", " ", value).strip()


def fold_words(value: str) -> list[str]:
    """Return the folded words of a text, in order. Search compares their beginnings."""
    return [word for word in re.split(r"[^\w]+", fold(value)) if word]


def normalise_email(value: str) -> str:
    """Return an e-mail address in the normal form in which it is stored, compared and mailed to.

    Trimmed, ASCII letters in lower case, and the domain in ASCII by IDNA 2008 (``ascii_domain``). Only ASCII letters
    change case, so that "mıke" never becomes "mike". Any other text is returned trimmed and in lower case.
    """
    value = unicodedata.normalize("NFC", _INVISIBLE.sub("", value)).strip()
    local, at, domain = value.rpartition("@")
    if not at:
        return _ascii_lower(value)
    return f"{_ascii_lower(local)}@{ascii_domain(domain) or _ascii_lower(domain)}"


# Letters, digits and hyphens, the third and fourth of a label not both hyphens.
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII | re.IGNORECASE)


def ascii_domain(domain: str) -> str:
    """Return a domain in ASCII: IDNA 2008 (RFC 5891) after the mapping of UTS 46; empty for an invalid domain.

    Python's codec "idna", which Django's mail package uses, follows IDNA 2003: it turns ``faß.example`` into another domain,
    ``fass.example``. So it must never get letters beyond ASCII.
    """
    if len(domain) > 4 * _LONGEST_DOMAIN:
        return ""
    if len(domain) <= _LONGEST_DOMAIN and _PLAIN_DOMAIN.fullmatch(domain):
        return domain.lower()  # as below, in a hundredth of the time
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return ""


def readable_email(value: str) -> str:
    """Return an e-mail address with a readable domain (IDN)."""
    local, at, domain = value.rpartition("@")
    if "xn--" in domain:
        with contextlib.suppress(idna.IDNAError, UnicodeError):
            domain = idna.decode(domain)
    return f"{local}{at}{domain}"


def _ascii_lower(value: str) -> str:
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in value)


def digits(value: str) -> str:
    """Return the ASCII digits of a text, in order."""
    return re.sub(r"[^0-9]", "", value)


def number_in(text: str | None, *, digits: int) -> int | None:
    """Return the whole number in a text of at most ``digits`` ASCII digits; None for any other text."""
    if text and text.isascii() and text.isdecimal() and len(text) <= digits:
        return int(text)
    return None
