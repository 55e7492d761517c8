"""What a spreadsheet makes of a text in a CSV: a formula, a number, a date. Guarded texts stay what they are.

A guarded text stands behind an apostrophe. ``unguarded`` gives every text back.
"""

import re

# What a spreadsheet takes for the beginning of a formula, and the full-width and small forms of it.
_BEGINS = "=+\\-@|%＝＋－＠｜％﹦﹢﹣﹫﹪\t"
# What it may skip before that: spaces of all kinds, and characters nobody sees.
_SKIPPED = " \u00a0\u00ad\u034f\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff\\x00-\\x08\\x0e-\\x1f\x7f-\u009f"
# Any line of a cell counts: not every program that reads CSV keeps a quoted line break inside the cell. Apostrophes
# at the beginning are skipped, so that what was guarded can be told from what was typed like that.
_FORMULA = re.compile(
    f"\\A'*[{_SKIPPED}]*[{_BEGINS}\r\n]|[\r\n\x0b\x0c\x85\u2028\u2029][{_SKIPPED}]*[{_BEGINS}]"
)

# What else is converted when a file is opened, in English, French, German and Italian: numbers in any notation, amounts,
# fractions, days and times ("1.42" is a day in German, "3/4" everywhere), truth values and the names of errors.
_MONTHS = """
    january february march april may june july august september october november december jan feb mar apr jun jul aug sep
    sept oct nov dec janvier février mars avril mai juin juillet août septembre octobre novembre décembre janv févr fev avr
    juil aou déc januar februar märz juni juli oktober dezember mär okt dez gennaio febbraio marzo aprile maggio giugno
    luglio agosto settembre ottobre dicembre gen mag giu lug ago set ott dic
"""
_DAYS = """
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun lundi mardi mercredi jeudi vendredi
    samedi dimanche lun mer jeu ven sam dim montag dienstag mittwoch donnerstag freitag samstag sonntag mo di mi do fr sa so
    lunedì martedì mercoledì giovedì venerdì sabato domenica gio sab dom
"""
_MONEY = "chf fr sfr eur usd gbp"
_WORDS = "|".join(sorted(f"{_MONTHS} {_DAYS} {_MONEY} am pm".split(), key=len, reverse=True))
_SIGNS = "\\s.,'’/:\\-%()€$£¥"
_CONVERTED = re.compile(
    rf"(?=.*\d)(?:\d+e[+-]?\d+|[\d{_SIGNS}]|(?<![^\W\d_])(?:{_WORDS})(?![^\W\d_])|(?<=\s)[ap](?=\s*\Z))+",
    re.IGNORECASE,
)
_TRUTH = frozenset("true false wahr falsch vrai faux vero falso".split())
_ERROR = re.compile(r"#(?:N/A|NV|N/D|[A-ZÀ-Ü/0]+[!?])", re.IGNORECASE)
# A whole number is the same digits as a number, as long as it has no more of them than a number holds.
_UNCHANGED = re.compile(r"0|[1-9]\d{0,14}", re.ASCII)


def converted(text: str) -> bool:
    """Whether a spreadsheet makes something else of a text: "00123", "1E5", "3/4", "1.42", "5 mai", "TRUE"."""
    if _UNCHANGED.fullmatch(text):
        return False
    bare = text.strip()
    return bool(bare.casefold() in _TRUTH or _ERROR.fullmatch(bare) or _CONVERTED.fullmatch(bare))


def spreadsheet_text(value: str) -> str:
    """A text for a CSV that a spreadsheet will open: behind an apostrophe where it would be changed, or begin a formula.

    NUL characters go: nothing can show them, and some programs end the cell there.
    """
    value = value.replace("\x00", "")
    return f"'{value}" if _is_risky(value) else value


def unguarded(value: str) -> str:
    """The text as it was before ``spreadsheet_text``."""
    return value[1:] if value.startswith("'") and _is_risky(value[1:]) else value


def _is_risky(value: str) -> bool:
    return _FORMULA.search(value) is not None or converted(value.lstrip("'"))
