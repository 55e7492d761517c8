"""Phone numbers as people type them, and as they are stored."""

import phonenumbers
from django import forms
from django.utils.translation import gettext_lazy as _

SHAPE = _("Enter a phone number such as %(example)s.")


def parse_phone(text: str, country: str) -> str:
    """A phone number in E.164, such as +41791234567; ValidationError with an example of the country else."""
    try:
        number = phonenumbers.parse(text, country or "CH")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        like = phonenumbers.example_number(country) or phonenumbers.parse("+41791234567")
        example = phonenumbers.format_number(like, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        raise forms.ValidationError(SHAPE, params={"example": example})
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def readable_phone(number: str) -> str:
    """A stored number as people write it: “+41 79 123 45 67”; what is none stays as it is."""
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return number
