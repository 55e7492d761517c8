"""How long somebody has to wait, in words and as a number that agree."""

import math
from datetime import timedelta

from django.utils.translation import ngettext

MINUTE, HOUR = 60, 3600
# Above this, minutes are more than a reader wants to know.
MOST_MINUTES = 90


def rounded(wait: timedelta) -> timedelta:
    """Return the wait in whole minutes, above ``MOST_MINUTES`` in whole hours: never less than it is, one minute at least."""
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
