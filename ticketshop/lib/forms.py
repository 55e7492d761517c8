"""How forms are drawn: one template for every field."""

import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext_lazy as _

from .pdf import fonts
from .text import normalise_email, normalise_line


class Renderer(TemplatesSetting):
    """Project templates first, Django's own where there is none."""

    field_template_name = "parts/field.html"


def printable(value: str) -> None:
    """Raise ValidationError, naming them, where a text has characters that no font of ours can print."""
    if missing := fonts.unprintable(value):
        raise ValidationError(
            _("We can’t print these characters: %(characters)s. Please write it in another way."),
            code="unprintable",
            params={"characters": " ".join(missing)},
        )


class LineField(forms.CharField):
    """One line of text as stored: NFC, without control or bidi characters, white space folded. It can be printed."""

    default_validators = [printable]

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


# What a mail program makes a link of by itself: “evil.example”, “x.co/a”; not “J.R.R. Tolkien” and not “M.Curie”.
_HOST = re.compile(r"[\w-]{2}\.[^\W\d_]{2,}(?!\w)|\w\.[^\W\d_]{2,}/")


def no_markup_in_name(value: str) -> None:
    """Names printed in mails to others carry no links: no “@”, no “://”, no “www.”, no “host.example”."""
    # As a browser reads an address: a full-width dot is a dot.
    read = unicodedata.normalize("NFKC", value).replace("。", ".").lower()
    if "@" in read or "://" in read or "www." in read or _HOST.search(read):
        raise ValidationError(_("Enter a name, without an address or a link."))
