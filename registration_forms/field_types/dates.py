"""A date, a time of day, and a date with a time."""

from datetime import UTC, date, datetime, time, timedelta

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.dates.moments import MomentField, readable

from .base import SOME, FieldType

FIRST, LAST = date(1850, 1, 1), date(2200, 12, 31)


class DayField(forms.DateField):
    """A day within bounds; what is refused says which days are allowed, in the visitor's language."""

    def __init__(self, *args, first: date = FIRST, last: date = LAST, **kwargs):
        self.first, self.last = first, last
        super().__init__(*args, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)

    def sentence(self) -> str:
        """Return the error message that names the first and the last allowed day."""
        return _("Enter a date from %(first)s to %(last)s.") % {
            "first": date_format(self.first, "DATE_FORMAT"),
            "last": date_format(self.last, "DATE_FORMAT"),
        }

    def to_python(self, value):
        try:
            return super().to_python(value)
        except ValidationError:
            raise ValidationError(self.sentence(), code="invalid") from None

    def validate(self, value):
        super().validate(value)
        if value is not None and not self.first <= value <= self.last:
            raise ValidationError(self.sentence(), code="range")


class Date(FieldType):
    code = "date"
    label = _("Date")
    column = "v_date"
    rule_names = {"from": "date", "until": "date"}

    def form_field(self, question, context):
        first, last = self._bounds(question)
        return DayField(first=first, last=last, **self.common(question))

    def _bounds(self, question) -> tuple[date, date]:
        rules = question.rules
        first = date.fromisoformat(rules["from"]) if rules.get("from") else FIRST
        return first, date.fromisoformat(rules["until"]) if rules.get("until") else LAST

    def problem(self, question):
        first, last = self._bounds(question)
        return ("", ()) if first <= last else ("days", ())

    def candidates(self, question):
        first, last = self._bounds(question)
        days = (last - first).days
        yield from ((first + timedelta(days=number)).isoformat() for number in range(min(SOME, days + 1)))

    def to_json(self, value: date | None):
        return value.isoformat() if value else None

    def from_json(self, value):
        return date.fromisoformat(value) if value else None

    def display(self, question, value):
        return date_format(value, "DATE_FORMAT") if value else ""

    def limits(self, question, context):
        days = {
            name: date_format(date.fromisoformat(question.rules[name]), "DATE_FORMAT")
            for name in ("from", "until")
            if question.rules.get(name)
        }
        if len(days) == 2:
            return _("From %(from)s to %(until)s.") % days
        if "from" in days:
            return _("From %(from)s on.") % days
        return _("Until %(until)s.") % days if days else ""


class Time(FieldType):
    code = "time"
    label = _("Time of day")
    column = "v_time"

    def form_field(self, question, context):
        return forms.TimeField(
            widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            error_messages={"invalid": _("Enter a time such as 14:30.")},
            **self.common(question),
        )

    def to_json(self, value: time | None):
        return value.isoformat() if value else None

    def from_json(self, value):
        return time.fromisoformat(value) if value else None

    def candidates(self, question):
        yield from (time(12, number).isoformat() for number in range(SOME))

    def display(self, question, value):
        return time_format(value, "H:i") if value else ""


class InstantField(MomentField):
    """A date and a time between FIRST and LAST: PostgreSQL stores none before year 1."""

    def validate(self, value):
        super().validate(value)
        if value is not None and not FIRST.year <= value.year <= LAST.year:
            raise ValidationError(
                _("Enter a date from %(first)s to %(last)s.")
                % {"first": date_format(FIRST, "DATE_FORMAT"), "last": date_format(LAST, "DATE_FORMAT")},
                code="range",
            )


class DateTime(FieldType):
    code = "date_time"
    label = _("Date and time")
    column = "v_datetime"

    def form_field(self, question, context):
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        return InstantField(
            widget=widget,
            error_messages={"invalid": _("Enter a date and a time such as 31.12.2027 14:30.")},
            **self.common(question),
        )

    def to_json(self, value: datetime | None):
        # In UTC, so that the same instant always gives the same text.
        return value.astimezone(UTC).isoformat() if value else None

    def from_json(self, value):
        return datetime.fromisoformat(value) if value else None

    def candidates(self, question):
        noon = datetime(2027, 7, 1, 12, tzinfo=UTC)
        yield from (self.to_json(noon + timedelta(days=number)) for number in range(SOME))

    def display(self, question, value):
        return readable(value) if value else ""
