"""How forms are drawn: one template for every field."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext_lazy as _

from .text import normalise_email, normalise_line


class Renderer(TemplatesSetting):
    """Project templates first, Django's own where there is none."""

    field_template_name = "parts/field.html"


class LineField(forms.CharField):
    """One line of text as stored: NFC, without control or bidi characters, white space folded."""

    def to_python(self, value):
        text = super().to_python(value)
        ProhibitNullCharactersValidator()(text)  # said, not silently taken out
        return normalise_line(text) if text else text


def fitting_email(value: str) -> str:
    """The address as compared; ValidationError where it no longer fits a column.

    A domain with letters beyond ASCII grows when it is written as machines do.
    """
    normalised = normalise_email(value)
    MaxLengthValidator(254)(normalised)
    return normalised


def no_markup_in_name(value: str) -> None:
    """Names printed in mails to others carry no links: no “@”, no “://”, no “www.”."""
    lowered = value.lower()
    if "@" in lowered or "://" in lowered or "www." in lowered:
        raise ValidationError(_("Enter a name, without an address or a link."))
