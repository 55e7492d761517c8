"""A phone number, stored with its country code."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.phones import parse_phone, readable_phone

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

    def form_field(self, question, asked):
        widget = forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"})
        return _PhoneField(
            country=question.rules.get("country", "CH"), widget=widget, **self.common(question)
        )

    def candidates(self, question):
        yield from (f"+4179{1234500 + number}" for number in range(SOME))

    def initial(self, value):
        return readable_phone(value) if value else value

    def display(self, question, value):
        return readable_phone(value) if value else ""
