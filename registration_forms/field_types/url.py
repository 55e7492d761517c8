"""The URL of a web page, http or https only."""

from django import forms
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from .base import SOME, FieldType

SHAPE = _("Enter a web address such as https://www.example.org.")


class Url(FieldType):
    code = "url"
    label = _("Web address")

    def form_field(self, question, context):
        field = forms.URLField(
            max_length=500,
            empty_value=None,
            assume_scheme="https",
            # A field of the type "url" is invalid for browsers without "https://", which is accepted here.
            widget=forms.TextInput(
                attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}
            ),
            error_messages={"invalid": SHAPE},
            **self.common(question),
        )
        field.validators = [
            validator for validator in field.validators if not isinstance(validator, URLValidator)
        ]
        field.validators.append(URLValidator(schemes=["http", "https"], message=SHAPE))
        return field

    def candidates(self, question):
        yield from (f"https://example.org/{number}" for number in range(SOME))
