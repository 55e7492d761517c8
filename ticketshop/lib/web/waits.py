"""The time until a limit allows another try, rounded, as text and as a number that agree."""

import math
from datetime import timedelta

from django.utils.translation import ngettext

MINUTE, HOUR = 60, 3600
# Longer times are given in hours.
MOST_MINUTES = 90


def rounded(wait: timedelta) -> timedelta:
    """Return the time rounded up to minutes, above ``MOST_MINUTES`` to hours; at least a minute."""
    seconds = max(wait.total_seconds(), 1)
    unit = MINUTE if seconds <= MOST_MINUTES * MINUTE else HOUR
    return timedelta(seconds=math.ceil(seconds / unit) * unit)


def again_in(wait: timedelta) -> str:
    """Return “Try again in 7 minutes.”, rounded as by ``rounded``."""
    seconds = int(rounded(wait).total_seconds())
    minutes, hours = seconds // MINUTE, seconds // HOUR
    if minutes <= MOST_MINUTES:
        text = ngettext("Try again in %(number)d minute.", "Try again in %(number)d minutes.", minutes)
        return text % {"number": minutes}
    return ngettext("Try again in %(number)d hour.", "Try again in %(number)d hours.", hours) % {
        "number": hours
    }
