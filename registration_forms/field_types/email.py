"""An e-mail address."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.values.email_addresses import EmailField, searched_email
from ticketshop.lib.values.text import readable_email

from .base import SOME, FieldType


class Email(FieldType):
    code = "email"
    label = _("E-mail address")

    def form_field(self, question, context):
        return EmailField(
            empty_value=None,
            widget=forms.EmailInput(attrs={"autocomplete": "email"}),
            **self.common(question),
        )

    def display(self, question, value):
        return readable_email(value or "")

    def contains(self, text):
        return super().contains(searched_email(text))

    def candidates(self, question):
        yield from (f"visitor{number}@example.org" for number in range(SOME))
