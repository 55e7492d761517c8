"""A consent: one checkbox that is never ticked beforehand."""

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from .base import FieldType


class Consent(FieldType):
    code = "consent"
    label = _("Consent")
    column = "v_bool"

    def form_field(self, question, context):
        return forms.BooleanField(
            error_messages={"required": _("Tick this box to go on.")}, **self.common(question)
        )

    def is_blank(self, value):
        return not value

    def to_json(self, value):
        return "yes" if value else None

    def from_json(self, value):
        return True if value else None

    def candidates(self, question):
        yield "yes"

    def display(self, question, value):
        return _now("Agreed") if value else _now("Not agreed")
