"""Whether a text names a person: by first and last name, e-mail address or phone number, each whole.

Names are compared by the folded forms of ``contacts.names``, word by word: "Zoe Mueller" names Zoé Müller.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from contacts import names
from contacts.models import Contact
from ticketshop.lib.text import APOSTROPHES, MARKS, normalise_email, readable_email

WORD = re.compile(rf"(?:\w|{MARKS.pattern})+")
MAIL_ADDRESS = re.compile(r"\S+@\S+")
DIGITS = re.compile(r"\+?\d[\d ()./\-]{5,}\d")
PHONE = 9  # the last digits tell a number, with and without a country code
# Chinese, Japanese and Korean names are written without a space, the family name first.
_UNSPACED = re.compile("[\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SPACES = re.compile("[\\s\u30fb]+")

Word = frozenset[str]  # the folded forms of one word
# In a pattern for the database: two letters of a folded form that may have been written as one, or as one of the two.
_TWO_LETTERS = {"ae": "ae?|æ", "oe": "oe?|œ", "ue": "ue?", "aa": "aa?", "ss": "ss|ß", "th": "th|þ"}
_SIMPLE = {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i", "ŋ": "n", "ĸ": "k", "ς": "σ"}
_ARABIC = {"\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9", "\u0629": "\u0647"}
_BETWEEN = f"(?:{MARKS.pattern}|{APOSTROPHES.pattern})*"


@dataclass(frozen=True)
class Words:
    """What a person is called and reached by."""

    first_name: str
    last_name: str
    addresses: tuple[str, ...]
    phone: str

    @property
    def is_empty(self) -> bool:
        return not (self.first_name or self.last_name or self.addresses or self.phone)

    @property
    def has_one_part(self) -> bool:
        """Whether the name has one part only: a single word says little, so it has to be all that stands in a text."""
        return bool(self.first_name) != bool(self.last_name)

    def in_pair(self, first_name: str, last_name: str) -> bool:
        """Whether a first and a last name are the person's."""
        return bool(self.first_name or self.last_name) and names.same_person(
            self.first_name, self.last_name, first_name or "", last_name or ""
        )

    def in_text(self, text: str) -> bool:
        """Whether a text contains the name, an address or the phone, whole."""
        return self._has_name(text) or self._has_address(text) or self._has_phone(text)

    def _has_name(self, text: str) -> bool:
        first, last = _words(self.first_name), _words(self.last_name)
        # The parts of an e-mail address are no names.
        text = MAIL_ADDRESS.sub(" ", text)
        if self.has_one_part:
            return _is_at(first or last, _words(text), 0, whole=True)
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
        return any(_is_in(name, words) for name in (first + last, last + first))

    def _has_address(self, text: str) -> bool:
        return any(
            re.search(rf"(?<![\w.+@-]){re.escape(address)}(?![\w@-]|\.\w)", text, re.IGNORECASE)
            for address in self.addresses
        )

    def _has_phone(self, text: str) -> bool:
        return bool(self.phone) and any(
            re.sub(r"\D", "", found).endswith(self.phone) for found in DIGITS.findall(text)
        )

    @property
    def pattern(self) -> str:
        """A regular expression of PostgreSQL for the longest word of the name; empty without a name.

        Whatever ``in_pair`` or ``in_text`` finds by the name matches it; so does more.
        """
        words = _words(self.last_name) or _words(self.first_name)
        longest = max(words, key=lambda forms: min(map(len, forms)), default=frozenset())
        return "|".join(sorted(_as_written(form) for form in longest if form))


def words_of(contact: Contact) -> Words:
    """What is looked for; the phone by its last digits, addresses also as people write them."""
    typed = {
        normalise_email(contact.email or ""),
        normalise_email(contact.user.email) if contact.user else "",
    } - {""}
    digits = re.sub(r"\D", "", contact.phone)
    return Words(
        contact.first_name,
        contact.last_name,
        tuple(sorted(typed | {readable_email(address) for address in typed})),
        digits[-PHONE:] if len(digits) >= PHONE else "",
    )


def _words(text: str) -> list[Word]:
    return [
        names.forms(word) for word in WORD.findall(unicodedata.normalize("NFC", APOSTROPHES.sub("", text)))
    ]


def _is_in(part: list[Word], whole: list[Word]) -> bool:
    return any(_is_at(part, whole, start) for start in range(len(whole) - len(part) + 1))


def _is_at(part: list[Word], words: list[Word], start: int, *, whole: bool = False) -> bool:
    if whole and len(part) != len(words):
        return False
    return all(one & other for one, other in zip(part, words[start:], strict=False))


@cache
def _variants() -> dict[str, str]:
    """Letter without an accent -> the letters that fold to it; lower case."""
    found: dict[str, str] = {}
    for letter in map(chr, (*range(0xC0, 0x700), *range(0x1E00, 0x2000))):
        base = MARKS.sub("", unicodedata.normalize("NFKD", letter))
        base = {**_SIMPLE, **_ARABIC}.get(base, base)
        if base != letter and len(base) == 1 and letter == letter.lower():
            found[base] = found.get(base, "") + letter
    return found


def _as_written(form: str) -> str:
    found, place = [], 0
    while place < len(form):
        two = _TWO_LETTERS.get(form[place : place + 2])
        found.append(f"(?:{_with_variants(two)})" if two else _with_variants(form[place]))
        place += 2 if two else 1
    return _BETWEEN.join(found)


def _with_variants(letters: str) -> str:
    return "".join(
        f"[{letter}{_variants()[letter]}]" if letter in _variants() else letter for letter in letters
    )
