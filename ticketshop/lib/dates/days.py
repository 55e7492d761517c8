"""Days and their ends in a time zone, so that pages, prints and rules use the same instant.

A day ends when the next one begins in the organiser's time zone. A deadline at the end of a day is written as that day, any other
with its time.
"""

from datetime import date, datetime, time, timedelta, tzinfo

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _


def end_of(day: date, zone: tzinfo) -> datetime:
    """Return the first instant after ``day`` in this time zone. What is valid on the day is valid before that instant."""
    return datetime.combine(day + timedelta(days=1), time.min, zone)


def day_of(instant: datetime, zone: tzinfo) -> date:
    """Return the date of an instant in this time zone."""
    return instant.astimezone(zone).date()


def end_after(instant: datetime, number: int, zone: tzinfo) -> datetime:
    """Return the end of the day ``number`` days after the day of ``instant`` in this time zone."""
    return end_of(day_of(instant, zone) + timedelta(days=number), zone)


def last_day(instant: datetime) -> date | None:
    """Return the day that ends at this instant, in the active time zone; None if no day ends then."""
    local = localtime(instant)
    return local.date() - timedelta(days=1) if local.time() == time.min else None


def until_text(instant: datetime | date, day_format: str = "l j F Y") -> str:
    """Return a deadline as text: “Friday 4 December 2026” for the end of that day, else with the time, “…, 20:00”."""
    if not isinstance(instant, datetime):
        return date_format(instant, day_format)
    if (day := last_day(instant)) is not None:
        return date_format(day, day_format)
    local = localtime(instant)
    return _("%(day)s, %(time)s") % {"day": date_format(local, day_format), "time": date_format(local, "H:i")}
