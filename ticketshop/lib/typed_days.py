"""Days and instants that people type: of these centuries."""

from datetime import date

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# The first and the last year that a day may lie in. A year such as 0026 is a slip of the hand; pages can't show year 1
# in every time zone.
FIRST_YEAR, LAST_YEAR = 1900, 2199


def plausible(value: date) -> None:
    """Raise ValidationError where a day or an instant lies outside of these centuries."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValidationError(
            _("Enter a year from %(first)s to %(last)s."),
            code="implausible",
            params={"first": FIRST_YEAR, "last": LAST_YEAR},
        )


class PlausibleDateField(forms.DateField):
    """A day of these centuries."""

    default_validators = [plausible]
