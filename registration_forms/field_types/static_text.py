"""A heading or text between questions, without an answer."""

from django.utils.translation import gettext_lazy as _

from .base import FieldType


class StaticText(FieldType):
    code = "static_text"
    label = _("Heading or text")
    column = ""
    answers = False
