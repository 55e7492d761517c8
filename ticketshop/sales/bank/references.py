"""Find the references of orders in what a payer or a bank wrote."""

import re
import unicodedata
from collections.abc import Iterable

from ticketshop.lib.values.references import READABLE

_LENGTH = 8  # of an order's reference without its dash
# The creditor reference of an order (ISO 11649), in a text without spaces. Overlapping ones are found too.
_CREDITOR = re.compile(rf"(?=(RF\d\d[{READABLE}]{{{_LENGTH}}}))")
# An order's reference as people write it: two groups of four, or one of eight.
_ORDER = re.compile(rf"(?<![A-Z0-9])([{READABLE}]{{4}})[\s.\-_/‐–—]*([{READABLE}]{{4}})(?![A-Z0-9])")
MOST = 5


def found_in(structured: Iterable[str], text: str) -> list[str]:
    """Return the references of orders, as in ``Order.reference``, that these texts may contain: at most ``MOST``.

    A creditor reference counts only if its check digits fit; an order's reference alone may be any group of eight letters,
    so the caller compares them with the orders there are.
    """
    found: list[str] = []
    for written in (*structured, text):
        joined = "".join(char for char in unicodedata.normalize("NFKC", written).upper() if char.isalnum())
        found += [match[4:] for match in _CREDITOR.findall(joined) if is_valid(match)]
    for written in (*structured, text):
        plain = unicodedata.normalize("NFKC", written).upper()
        found += ["".join(groups) for groups in _ORDER.findall(plain)]
    return [f"{body[:4]}-{body[4:]}" for body in dict.fromkeys(found)][:MOST]


def is_valid(reference: str) -> bool:
    """Return whether the check digits of a creditor reference fit (ISO 11649)."""
    return int("".join(str(int(char, 36)) for char in reference[4:] + reference[:4])) % 97 == 1
