"""Text as people type it: one normal form for storing, one folded form for comparing and sorting.

``fold`` has a twin in the database (function ``contact_fold`` of the ``contacts`` migrations) so that search
columns are generated there and can't drift; a test compares the two.
"""

import contextlib
import re
import unicodedata

import idna

# Letters that Unicode does not take apart into a base letter and an accent.
LETTERS = {
    "ß": "ss", "ẞ": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l",
    "ħ": "h", "ŧ": "t", "þ": "th", "ı": "i", "ŋ": "n", "ĸ": "k", "ς": "σ",
}  # fmt: skip
_LETTER_TABLE = str.maketrans(LETTERS)
# Accents; the points of Hebrew and the vowel signs of Arabic, with which a name is seldom written, and its stretching.
# The vowel signs of Indic scripts are letters.
MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"
)
# Straight and curly, ʻokina, primes, the half rings of transliterated Arabic and Hebrew, geresh, the Catalan dot.
APOSTROPHES = re.compile(
    "['`´·\u02b9-\u02bf\u02c8\u02ca\u02cb\u05f3\u2018\u2019\u201b\u2027\u2032\u2035\ua78c\uff07]"
)
# Control, bidi and zero-width characters. Zero-width joiners inside emoji and Indic words are kept
# out of this set on purpose: removing them would change what people typed.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_LINE_CONTROL = re.compile("[\t\n]")
_BREAKS = re.compile("\r\n|[\r\n\u2028\u2029]")
_SPACES = re.compile(r"\s+")
_LONGEST_DOMAIN = 253


def normalise_line(value: str) -> str:
    """One line as stored: NFC, no control or bidi characters, runs of white space become one space."""
    # Spaces once more at the end: what was taken out may have stood between two of them.
    value = _INVISIBLE.sub("", _SPACES.sub(" ", value))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", value)).strip()


def normalise_text(value: str, *, lines: bool) -> str:
    """A free text as stored: NFC, every kind of line break as one LF (a space where ``lines`` is False).

    Control, bidi and zero-width characters go, lone surrogates too: PostgreSQL can't store them. Emoji stay.
    """
    value = value.encode("utf-8", "ignore").decode("utf-8", "ignore")
    value = _BREAKS.sub("\n" if lines else " ", unicodedata.normalize("NFC", value))
    return _INVISIBLE.sub("", value.replace("\t", " ")).strip()


def has_invisible(value: str) -> bool:
    """Whether a text holds control, bidi or zero-width characters, or a line break."""
    return _INVISIBLE.search(value) is not None or _LINE_CONTROL.search(value) is not None


def has_control(value: str) -> bool:
    """Whether a text holds an ASCII control character, a line break included."""
    return any(character < " " or character == "\x7f" for character in value)


def fold(value: str) -> str:
    """The form people and titles are compared and sorted by: no case, no accents, no apostrophes, single spaces."""
    # Apostrophes before and after: one of them becomes a space when it is taken apart, another comes out of a letter.
    value = unicodedata.normalize("NFKD", APOSTROPHES.sub("", value)).lower()
    value = MARKS.sub("", APOSTROPHES.sub("", value)).translate(_LETTER_TABLE)
    return re.sub(r"(?:[^\w@.+]|_)+", " ", value).strip()


def fold_words(value: str) -> list[str]:
    """The folded words of a text, in order: what search matches the beginnings of."""
    return [word for word in re.split(r"[^\w]+", fold(value)) if word]


def normalise_email(value: str) -> str:
    """Return an e-mail address in the one form in which it is stored, compared and mailed to; empty for an empty value.

    Trimmed, ASCII letters in lower case, and the domain in ASCII by IDNA 2008 (``ascii_domain``). Only ASCII letters
    change case, so that "mıke" never becomes "mike". What is no address comes back trimmed and lower.
    """
    value = unicodedata.normalize("NFC", _INVISIBLE.sub("", value)).strip()
    local, at, domain = value.rpartition("@")
    if not at:
        return _ascii_lower(value)
    return f"{_ascii_lower(local)}@{ascii_domain(domain) or _ascii_lower(domain)}"


def ascii_domain(domain: str) -> str:
    """Return a domain as machines write it: IDNA 2008 (RFC 5891) after the mapping of UTS 46; empty for no domain.

    Python's codec "idna", and Django's mail package with it, follow IDNA 2003, which makes ``fass.example`` of
    ``faß.example``: another domain. Neither is ever given letters beyond ASCII.
    """
    if len(domain) > 4 * _LONGEST_DOMAIN:
        return ""
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return ""


def readable_email(value: str) -> str:
    """Return an address as people write it: the domain with its own letters."""
    local, at, domain = value.rpartition("@")
    if "xn--" in domain:
        with contextlib.suppress(idna.IDNAError, UnicodeError):
            domain = idna.decode(domain)
    return f"{local}{at}{domain}"


def _ascii_lower(value: str) -> str:
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in value)


def digits(value: str) -> str:
    """The ASCII digits of a text, in order."""
    return re.sub(r"[^0-9]", "", value)


def number_in(text: str | None, *, digits: int) -> int | None:
    """The whole number that a text is, in at most so many ASCII digits; None for any other text."""
    if text and text.isascii() and text.isdecimal() and len(text) <= digits:
        return int(text)
    return None
