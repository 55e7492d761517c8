"""A phone number, stored with its country code."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.values.phones import country_hint, parse_phone, readable_phone, searched

from .base import SOME, FieldType


class _PhoneField(forms.CharField):
    def __init__(self, *args, country: str, **kwargs):
        self.country = country
        super().__init__(*args, max_length=40, empty_value=None, **kwargs)

    def clean(self, value):
        text = super().clean(value)
        return parse_phone(text, self.country) if text else None


class Phone(FieldType):
    code = "phone"
    label = _("Phone")

    def form_field(self, question, context):
        widget = forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"})
        return _PhoneField(country=_country(question, context), widget=widget, **self.common(question))

    def limits(self, question, context):
        return country_hint(_country(question, context))

    def candidates(self, question):
        yield from (f"+4179{1234500 + number}" for number in range(SOME))

    def initial(self, value):
        return readable_phone(value) if value else value

    def display(self, question, value):
        return readable_phone(value) if value else ""

    def contains(self, text):
        # Find the number with any grouping. The leading zero of a national number is not stored.
        number = re.sub(r"[^+0-9]", "", searched(text))
        return super().contains(number.lstrip("0") or text)


def _country(question, context) -> str:
    """Return the country of numbers that are typed without a country code."""
    return question.rules.get("country") or context.country
