"""Typed dates within a plausible range."""

from datetime import date

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# A year such as 0026 is a typing error, and pages can't show year 1 in every time zone.
FIRST_YEAR, LAST_YEAR = 1900, 2199


def plausible(value: date) -> None:
    """Raise ValidationError for a date or an instant before FIRST_YEAR or after LAST_YEAR."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValidationError(
            _("Enter a year from %(first)s to %(last)s."),
            code="implausible",
            params={"first": FIRST_YEAR, "last": LAST_YEAR},
        )


class PlausibleDateField(forms.DateField):
    """A date field that refuses implausible years."""

    default_validators = [plausible]
