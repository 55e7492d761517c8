"""Search for a person's name, e-mail address or phone number in a text, each as a whole.

Names are compared by the folded forms of ``contacts.names``, word by word: "Zoe Mueller" names Zoé Müller.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from contacts import names
from contacts.models import Contact
from ticketshop.lib.values.text import APOSTROPHES, MARKS, normalise_email, readable_email

WORD = re.compile(rf"(?:\w|{MARKS.pattern})+")
MAIL_ADDRESS = re.compile(r"\S+@\S+")
DIGITS = re.compile(r"\+?\d[\d ()./\-]{5,}\d")
PHONE_DIGITS = 9  # of the end of a number: the same with and without a country code
# Chinese, Japanese and Korean names are written without a space, the family name first.
_UNSPACED = re.compile("[\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SPACES = re.compile("[\\s\u30fb]+")

Word = frozenset[str]  # the folded forms of one word
# For a pattern in the database: two letters of a folded form, and how they may be written.
_TWO_LETTERS = {"ae": "ae?|æ", "oe": "oe?|œ", "ue": "ue?", "aa": "aa?", "ss": "ss|ß", "th": "th|þ"}
_SIMPLE = {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i", "ŋ": "n", "ĸ": "k", "ς": "σ"}
_ARABIC = {"\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9", "\u0629": "\u0647"}
_BETWEEN = f"(?:{MARKS.pattern}|{APOSTROPHES.pattern})*"


@dataclass(frozen=True)
class SearchTerms:
    """The name, e-mail addresses and last digits of the phone number of a person; each may be empty."""

    first_name: str
    last_name: str
    addresses: tuple[str, ...]
    phone: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to search for."""
        return not (self.first_name or self.last_name or self.addresses or self.phone)

    @property
    def has_one_part(self) -> bool:
        """Whether there is only a first or only a last name: then it counts only where it is the whole text."""
        return bool(self.first_name) != bool(self.last_name)

    def match_names(self, first_name: str, last_name: str) -> bool:
        """Return whether a first and a last name are those of the person."""
        return bool(self.first_name or self.last_name) and names.same_person(
            self.first_name, self.last_name, first_name or "", last_name or ""
        )

    def match_text(self, text: str) -> bool:
        """Return whether a text contains the name, an e-mail address or the phone number."""
        return self._has_name(text) or self._has_address(text) or self._has_phone(text)

    def _has_name(self, text: str) -> bool:
        first, last = _words(self.first_name), _words(self.last_name)
        # The parts of an e-mail address don't count as names.
        text = MAIL_ADDRESS.sub(" ", text)
        if self.has_one_part:
            return _matches_at(first or last, _words(text), 0, to_the_end=True)
        if not first or not last:
            return False
        if _UNSPACED.fullmatch(self.first_name) and _UNSPACED.fullmatch(self.last_name):
            return self.last_name + self.first_name in _SPACES.sub("", text) or self._in_words(
                first, last, text
            )
        return self._in_words(first, last, text)

    @staticmethod
    def _in_words(first: list[Word], last: list[Word], text: str) -> bool:
        words = _words(text)
        return any(_contains(words, name) for name in (first + last, last + first))

    def _has_address(self, text: str) -> bool:
        return any(
            re.search(rf"(?<![\w.+@-]){re.escape(address)}(?![\w@-]|\.\w)", text, re.IGNORECASE)
            for address in self.addresses
        )

    def _has_phone(self, text: str) -> bool:
        return bool(self.phone) and any(
            re.sub(r"\D", "", number).endswith(self.phone) for number in DIGITS.findall(text)
        )

    @property
    def pattern(self) -> str:
        """A regular expression of PostgreSQL for the longest word of the name; empty without a name.

        Matches each text in which ``match_names`` or ``match_text`` find the name, and others.
        """
        words = _words(self.last_name) or _words(self.first_name)
        longest = max(words, key=lambda forms: min(map(len, forms)), default=frozenset())
        return "|".join(sorted(_as_written(form) for form in longest if form))


def terms_of(contact: Contact) -> SearchTerms:
    """Return what to search for; e-mail addresses both as stored and as people write them."""
    typed = {
        normalise_email(contact.email or ""),
        normalise_email(contact.user.email) if contact.user else "",
    } - {""}
    digits = re.sub(r"\D", "", contact.phone)
    return SearchTerms(
        contact.first_name,
        contact.last_name,
        tuple(sorted(typed | {readable_email(address) for address in typed})),
        digits[-PHONE_DIGITS:] if len(digits) >= PHONE_DIGITS else "",
    )


def _words(text: str) -> list[Word]:
    return [
        names.forms(word) for word in WORD.findall(unicodedata.normalize("NFC", APOSTROPHES.sub("", text)))
    ]


def _contains(words: list[Word], name: list[Word]) -> bool:
    return any(_matches_at(name, words, start) for start in range(len(words) - len(name) + 1))


def _matches_at(name: list[Word], words: list[Word], start: int, *, to_the_end: bool = False) -> bool:
    """Return whether ``words`` are those of ``name`` from ``start``; two words are equal if they share a folded form."""
    if to_the_end and len(name) != len(words):
        return False
    return all(forms & others for forms, others in zip(name, words[start:], strict=False))


@cache
def _variants() -> dict[str, str]:
    """Return the letters that fold to a letter without accent, by that letter; all in lower case."""
    variants: dict[str, str] = {}
    for letter in map(chr, (*range(0xC0, 0x700), *range(0x1E00, 0x2000))):
        base = MARKS.sub("", unicodedata.normalize("NFKD", letter))
        base = {**_SIMPLE, **_ARABIC}.get(base, base)
        if base != letter and len(base) == 1 and letter == letter.lower():
            variants[base] = variants.get(base, "") + letter
    return variants


def _as_written(form: str) -> str:
    """Return a regular expression for the spellings of a folded form."""
    parts, position = [], 0
    while position < len(form):
        two = _TWO_LETTERS.get(form[position : position + 2])
        parts.append(f"(?:{_with_variants(two)})" if two else _with_variants(form[position]))
        position += 2 if two else 1
    return _BETWEEN.join(parts)


def _with_variants(letters: str) -> str:
    return "".join(
        f"[{letter}{_variants()[letter]}]" if letter in _variants() else letter for letter in letters
    )
