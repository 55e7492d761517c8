"""The first day of a month in French: “1er janvier 2026”, where Django writes “1 janvier 2026”."""

import re

from django.utils import dateformat
from django.utils.translation import get_language

# The day of the month before the name of a month; a backslash makes a letter of a format stand for itself.
_DAY_AND_MONTH = re.compile(r"(?<!\\)j(?= [FMNbE])")
_FIRST = r"1\\e\\r"


class DateFormat(dateformat.DateFormat):
    """Django's, with the ordinal number of the first day in French."""

    def format(self, formatstr):
        if self.data.day == 1 and (get_language() or "").startswith("fr"):
            formatstr = _DAY_AND_MONTH.sub(_FIRST, str(formatstr))
        return super().format(formatstr)


def write_ordinals() -> None:
    """Let everything that Django formats follow: the filter ``date``, ``date_format``, ``localize``, lists of the back office.

    No format of a locale can express it, and one place that forgets to ask for it would show both ways of writing.
    """
    dateformat.DateFormat = DateFormat  # type: ignore[misc]
