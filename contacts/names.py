"""When two names are the same person's: one pure rule, equality only.

Nothing fuzzy: a distance would help guessing. Each name yields a small set of folded forms, and two
names match when the sets meet. Family names match whole; of the given names a leading part is enough;
first and last name may be swapped.
"""

import itertools
import re
import unicodedata

from ticketshop.lib.text import LETTERS

# Letters with two customary spellings: the plain one (Muller) and the written-out one (Mueller).
_TWO_SPELLINGS = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe"}
_MARKS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_SEPARATORS = re.compile(r"[\s\-‐‑–]+")
_PLAIN = str.maketrans(LETTERS)


def forms(name: str) -> frozenset[str]:
    """The folded forms of one name part: plain letters, and umlauts written out."""
    text = unicodedata.normalize("NFC", name.strip().lower())
    text = _SEPARATORS.sub(" ", _APOSTROPHES.sub("", text)).strip()
    written_out = "".join(_TWO_SPELLINGS.get(c, c) for c in text)
    plain = text.replace("ø", "o").replace("æ", "ae").replace("œ", "oe")
    return frozenset(
        _MARKS.sub("", unicodedata.normalize("NFKD", form)).translate(_PLAIN) for form in (plain, written_out)
    )


def same_person(first_a: str, last_a: str, first_b: str, last_b: str) -> bool:
    """Whether two names match; empty names match nothing but a name of one part its like."""
    a, b = (forms(first_a), forms(last_a)), (forms(first_b), forms(last_b))
    if a == b == (forms(""), forms("")):
        return False
    return _match(a, b) or _match(a, (b[1], b[0]))


def _match(a, b) -> bool:
    (given_a, family_a), (given_b, family_b) = a, b
    return bool(family_a & family_b) and any(
        _leading_part(x, y) or _leading_part(y, x) for x, y in itertools.product(given_a, given_b)
    )


def _leading_part(short: str, long: str) -> bool:
    if short == long:
        return True
    return bool(short) and long.startswith(short + " ")
