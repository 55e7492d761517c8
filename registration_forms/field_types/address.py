"""A postal address, on a few lines."""

from django import forms
from django.utils.translation import gettext_lazy as _

from .text import LongText


class Address(LongText):
    code = "address"
    label = _("Address")
    longest = 400

    def form_field(self, question, asked):
        made = super().form_field(question, asked)
        made.widget = forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"})
        return made
