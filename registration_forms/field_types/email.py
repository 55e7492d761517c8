"""An e-mail address."""

from django import forms
from django.utils.translation import gettext_lazy as _

from .base import SOME, FieldType


class Email(FieldType):
    code = "email"
    label = _("E-mail address")

    def form_field(self, question, asked):
        return forms.EmailField(
            max_length=254,
            empty_value=None,
            widget=forms.EmailInput(attrs={"autocomplete": "email"}),
            **self.common(question),
        )

    def candidates(self, question):
        yield from (f"visitor{number}@example.org" for number in range(SOME))
