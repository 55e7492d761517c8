"""A date of birth, with an age rule on the day of the event."""

from datetime import date, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .dates import FIRST, Date, DayField


class BirthDate(Date):
    code = "birth_date"
    label = _("Date of birth")
    rule_names = {"age_from": "number", "age_until": "number"}

    def form_field(self, question, asked):
        first, last = bounds(question.rules.get("age_from"), question.rules.get("age_until"), asked.day)
        today = timezone.localdate(asked.now) if asked.now else timezone.localdate()
        return DayField(first=first, last=min(last, today), **self.common(question))


def bounds(age_from: int | None, age_until: int | None, day: date | None) -> tuple[date, date]:
    """The first and last birthday of people who are ``age_from`` to ``age_until`` years old, both included, on ``day``."""
    day = day or timezone.localdate()
    last = years_before(day, age_from) if age_from else day
    first = years_before(day, age_until + 1) + timedelta(days=1) if age_until is not None else FIRST
    return first, last


def years_before(day: date, years: int) -> date:
    """The same day some years earlier; 29 February becomes 28 February: who is born on the 29th is not yet older."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
