"""Yes or no. Nothing chosen means no answer."""

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from .base import FieldType


class YesNo(FieldType):
    code = "yes_no"
    label = _("Yes or no")
    column = "v_bool"

    def form_field(self, question, context):
        return forms.TypedChoiceField(
            choices=[("yes", _("Yes")), ("no", _("No"))],
            coerce=lambda value: value == "yes",
            empty_value=None,
            widget=forms.RadioSelect,
            **self.common(question),
        )

    def initial(self, value):
        return self.to_json(value)

    def to_json(self, value):
        # Conditions and radio buttons use these texts.
        return None if value is None else ("yes" if value else "no")

    def from_json(self, value):
        return None if value is None else value == "yes"

    def candidates(self, question):
        yield from ("yes", "no")

    def display(self, question, value):
        return "" if value is None else (_now("Yes") if value else _now("No"))
