"""Format the first day of a month in French as “1er janvier 2026”; Django writes “1 janvier 2026”."""

import re

from django.utils import dateformat
from django.utils.translation import get_language

# The day of the month before the name of a month; a backslash makes a letter of a format stand for itself.
_DAY_AND_MONTH = re.compile(r"(?<!\\)j(?= [FMNbE])")
_FIRST = r"1\\e\\r"


class DateFormat(dateformat.DateFormat):
    """Django's date format with “1er” in French."""

    def format(self, formatstr):
        if self.data.day == 1 and (get_language() or "").startswith("fr"):
            formatstr = _DAY_AND_MONTH.sub(_FIRST, str(formatstr))
        return super().format(formatstr)


def write_ordinals() -> None:
    """Replace Django's ``DateFormat``, so that filters, ``date_format``, ``localize`` and the admin use it.

    The formats of a locale can't express it, and a filter of our own would be forgotten somewhere.
    """
    dateformat.DateFormat = DateFormat  # type: ignore[misc]
