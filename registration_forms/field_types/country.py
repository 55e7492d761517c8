"""A country, stored as its code of two letters (ISO 3166)."""

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.spreadsheets.formats import Word
from ticketshop.lib.values import countries

from .base import SOME, FieldType


class Country(FieldType):
    code = "country"
    label = _("Country")

    def form_field(self, question, context):
        choices = [("", _("Choose…")), *countries.choices(get_language() or "en", context.country)]
        return forms.TypedChoiceField(
            choices=choices,
            empty_value=None,
            widget=forms.Select(attrs={"autocomplete": "country"}),
            **self.common(question),
        )

    def candidates(self, question):
        yield from list(countries.names("en"))[:SOME]

    def export(self, question, value):
        return Word(value, self.display(question, value)) if value else None

    def display(self, question, value):
        return countries.names(get_language() or "en").get(value, value or "")
