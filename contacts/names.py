"""The rule that decides whether two names belong to the same person. No database.

Each name is folded to a small set of forms (without case, accents and punctuation), and two names match if they have a
form in common. Last names match as a whole; of first names the first ones are enough ("Anna" matches "Anna Maria"); first
and last name may be swapped. No similarity is measured: that would help to guess the name at an e-mail address.
"""

import itertools
import re
import unicodedata

from ticketshop.lib.values.text import APOSTROPHES, LETTERS, MARKS

# Letters with two customary spellings: the plain one (Muller) and the written-out one (Mueller).
_TWO_SPELLINGS = {
    "ä": ("a", "ae"), "ö": ("o", "oe"), "ü": ("u", "ue"), "å": ("a", "aa"), "ø": ("o", "oe"),
}  # fmt: skip
# A dot too: "St. Clair" is "St Clair". The dashes of other scripts: Hebrew maqaf, Katakana middle dot; and what keeps
# the parts of a Persian name apart without a space (zero-width non-joiner).
_SEPARATORS = re.compile("[\\s.\\-\u2010-\u2015\u2212\u05be\u30a0\u30fb\u200c]+")
_JOINER = "\u200d"
# Persian and Arabic keyboards write the same letter as different characters; the ending -a is written as h, too.
_ARABIC = str.maketrans("\u064a\u0649\u0643\u0629", "\u06cc\u06cc\u06a9\u0647")
_CATALAN_DOT = re.compile(r"(?<=l)\.(?=l)")  # "Gal.la" is "Gal·la"
_PLAIN = str.maketrans(LETTERS)


def forms(name: str) -> frozenset[str]:
    """Return the folded forms of a first or last name.

    A letter with two spellings (ü: u, ue) gives two forms; all its occurrences are spelt alike.
    """
    # Before and after NFKC: it turns one kind of apostrophe into a space, and makes another one out of a letter.
    text = unicodedata.normalize("NFKC", APOSTROPHES.sub("", name)).lower()
    text = APOSTROPHES.sub("", unicodedata.normalize("NFC", text))
    text = _CATALAN_DOT.sub("", text).replace(_JOINER, "")
    text = _SEPARATORS.sub(" ", text).strip()
    letters = [letter for letter in _TWO_SPELLINGS if letter in text]
    spelt = itertools.product(*(_TWO_SPELLINGS[letter] for letter in letters))
    return frozenset(_fold(text, dict(zip(letters, choice, strict=True))) for choice in spelt)


def _fold(text: str, spelling: dict[str, str]) -> str:
    text = "".join(spelling.get(letter, letter) for letter in text).translate(_PLAIN)
    return MARKS.sub("", unicodedata.normalize("NFKD", text)).translate(_PLAIN).translate(_ARABIC)


def same_person(first_a: str, last_a: str, first_b: str, last_b: str) -> bool:
    """Return whether two names match by the rule of this module. Symmetric; False for two empty names.

    A name of one part matches only an equal name of one part.
    """
    a, b = (forms(first_a), forms(last_a)), (forms(first_b), forms(last_b))
    if a == b == (forms(""), forms("")):
        return False
    return _match(a, b) or _match(a, b[::-1]) or _match(a[::-1], b)


def same_name(first_a: str, last_a: str, first_b: str, last_b: str) -> bool:
    """Return whether two names are equal after folding: first name with first name, last name with last name."""
    first, last = forms(first_a) & forms(first_b), forms(last_a) & forms(last_b)
    return bool(first and last) and not first == last == {""}


def _match(a: tuple[frozenset[str], frozenset[str]], b: tuple[frozenset[str], frozenset[str]]) -> bool:
    (given_a, family_a), (given_b, family_b) = a, b
    family = family_a & family_b
    if not family:
        return False
    if family == {""}:
        return bool(given_a & given_b)
    return any(_leading_part(x, y) or _leading_part(y, x) for x, y in itertools.product(given_a, given_b))


def _leading_part(short: str, long: str) -> bool:
    return short == long or (bool(short) and long.startswith(short + " "))
