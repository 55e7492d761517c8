"""Protect texts in a CSV from spreadsheets, which would turn them into formulas, numbers or dates.

A protected text begins with an apostrophe. ``unguarded`` returns the original text.
"""

import re

# Characters at which a formula begins, with their full-width and small forms.
_BEGINS = "=+\\-@|%＝＋－＠｜％﹦﹢﹣﹫﹪\t"
# Characters that a spreadsheet may skip before them: spaces of all kinds, and invisible characters.
_SKIPPED = " \u00a0\u00ad\u034f\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff\\x00-\\x08\\x0e-\\x1f\x7f-\u009f"
# Each line of a cell counts, since not all programs keep a quoted line break inside its cell. Apostrophes at the beginning are
# skipped, to distinguish protected texts from texts that were typed with an apostrophe.
_FORMULA = re.compile(
    f"\\A'*[{_SKIPPED}]*[{_BEGINS}\r\n]|[\r\n\x0b\x0c\x85\u2028\u2029][{_SKIPPED}]*[{_BEGINS}]"
)

# Other texts that are converted when a file is opened, in English, French, German and Italian: numbers in any notation, amounts,
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
# A whole number keeps its digits, up to the 15 that a spreadsheet's number can have.
_UNCHANGED = re.compile(r"0|[1-9]\d{0,14}", re.ASCII)


def converted(text: str) -> bool:
    """Return whether a spreadsheet would convert a text: "00123", "1E5", "3/4", "1.42", "5 mai", "TRUE"."""
    if _UNCHANGED.fullmatch(text):
        return False
    bare = text.strip()
    return bool(bare.casefold() in _TRUTH or _ERROR.fullmatch(bare) or _CONVERTED.fullmatch(bare))


def spreadsheet_text(value: str) -> str:
    """Return a text for a CSV, with an apostrophe before it if a spreadsheet would change it or take it for a formula.

    NUL characters are removed: no program can show them, and some end the cell there.
    """
    value = value.replace("\x00", "")
    return f"'{value}" if _is_risky(value) else value


def unguarded(value: str) -> str:
    """Return the original of a text that ``spreadsheet_text`` has returned."""
    return value[1:] if value.startswith("'") and _is_risky(value[1:]) else value


def _is_risky(value: str) -> bool:
    return _FORMULA.search(value) is not None or converted(value.lstrip("'"))
