"""A date of birth, with rules for the age on the day of the event."""

from datetime import date, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from .base import SOME
from .dates import FIRST, Date, DayField

# The greatest age that counts as possible.
MOST_AGE = 120


class BirthDate(Date):
    code = "birth_date"
    label = _("Date of birth")
    rule_names = {"age_from": "number", "age_until": "number"}

    def form_field(self, question, context):
        first, last = bounds(question.rules.get("age_from"), question.rules.get("age_until"), context.day)
        today = timezone.localdate(context.now) if context.now else timezone.localdate()
        return DayField(first=first, last=min(last, today), **self.common(question))

    def problem(self, question):
        age_from, age_until = question.rules.get("age_from") or 0, question.rules.get("age_until")
        fits = age_from <= min(MOST_AGE, MOST_AGE if age_until is None else age_until)
        return ("", ()) if fits else ("ages", ())

    def accepts(self, question, value):
        """Accept every age below the upper limit: people who are too young today will be old enough for a later event."""
        try:
            born = date.fromisoformat(value)
        except ValueError:
            return False
        first, _last = bounds(None, question.rules.get("age_until"), timezone.localdate())
        return max(first, FIRST) <= born <= timezone.localdate()

    def read(self, question, text):
        return self.to_json(DayField(last=timezone.localdate(), **self.common(question)).clean(text))

    def candidates(self, question):
        """Yield dates of birth in the middle of the allowed ages, for an event today."""
        age_from, age_until = question.rules.get("age_from"), question.rules.get("age_until")
        oldest = MOST_AGE if age_until is None else min(age_until, MOST_AGE)
        first, last = bounds(age_from, oldest, timezone.localdate())
        half = (last - first).days // 2
        days = range(max(0, half - SOME // 2), half + SOME // 2)
        yield from ((first + timedelta(days=number)).isoformat() for number in days)

    def limits(self, question, context):
        least, most = question.rules.get("age_from"), question.rules.get("age_until")
        day = context.day or timezone.localdate(context.now)
        values = {"least": least, "most": most, "day": date_format(day, "DATE_FORMAT")}
        if least and most is not None:
            return _("From %(least)d to %(most)d years old on %(day)s.") % values
        if least:
            return _("%(least)d years old or more on %(day)s.") % values
        return "" if most is None else _("%(most)d years old at most on %(day)s.") % values


def bounds(age_from: int | None, age_until: int | None, day: date | None) -> tuple[date, date]:
    """Return the first and the last birthday of people aged ``age_from`` to ``age_until`` (both included) on ``day``."""
    day = day or timezone.localdate()
    last = years_before(day, age_from) if age_from else day
    first = years_before(day, age_until + 1) + timedelta(days=1) if age_until is not None else FIRST
    return first, last


def years_before(day: date, years: int) -> date:
    """Return the same day ``years`` earlier. 29 February becomes 28 February.

    A person born on 29 February gets older on 1 March in a year without that day.
    """
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
