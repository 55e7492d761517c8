"""Typed dates with times, including the hours that a clock change skips or repeats."""

from datetime import UTC, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _


def comes_twice(value: datetime) -> bool:
    """Return whether the local time of an instant occurs twice that night, in the current time zone."""
    local = timezone.localtime(value)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def readable(value: datetime) -> str:
    """Return an instant as text in the current time zone and language; for a repeated time also which of the two."""
    local = timezone.localtime(value)
    text = date_format(local, "DATETIME_FORMAT")
    if not comes_twice(value):
        return text
    first = _("%(time)s (the first time that night, before the clocks go back)")
    second = _("%(time)s (the second time that night, after the clocks went back)")
    return (second if local.fold else first) % {"time": text}


class MomentField(forms.DateTimeField):
    """A field for an instant, typed in the current time zone.

    A repeated time means the first of the two. A skipped time is refused, with a suggestion.
    """

    def to_python(self, value):
        try:
            return super().to_python(value)
        except ValidationError as error:
            if error.code != "ambiguous_timezone":
                raise
        with timezone.override(UTC):
            typed = super().to_python(value).replace(tzinfo=None)
        zone = timezone.get_current_timezone()
        moment = typed.replace(tzinfo=zone)
        shown = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        if shown != typed:
            # The time was skipped: the same instant has another local time.
            raise ValidationError(
                _(
                    "%(time)s does not exist on %(day)s: the clocks go forward that night. Enter an earlier time or, for"
                    " the same instant, %(shown)s."
                ),
                code="no_such_time",
                params={
                    "time": time_format(typed.time(), "H:i"),
                    "day": date_format(typed, "DATE_FORMAT"),
                    "shown": time_format(shown.time(), "H:i"),
                },
            )
        # In UTC, since Python never finds a repeated local time equal to a time in another zone.
        return moment.astimezone(UTC)

    def has_changed(self, initial, data):
        # The field shows both instants of a repeated time alike.
        if isinstance(initial, datetime) and timezone.is_aware(initial) and comes_twice(initial):
            local = initial.astimezone(timezone.get_current_timezone())
            initial = local.replace(fold=0).astimezone(UTC)
        return super().has_changed(initial, data)
