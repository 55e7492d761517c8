"""How forms are drawn: one template for every field."""

from collections.abc import Collection, Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext_lazy as _

from .pdf import fonts
from .text import normalise_line, normalise_text


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

    def widget_attrs(self, widget):
        return _without_maxlength(super().widget_attrs(widget))


class LinesField(forms.CharField):
    """A text of several lines as stored: NFC, LF line ends, without control or bidi characters."""

    widget = forms.Textarea

    def to_python(self, value):
        text = super().to_python(value)
        ProhibitNullCharactersValidator()(text)
        return normalise_text(text, lines=True) if text else text

    def widget_attrs(self, widget):
        return _without_maxlength(super().widget_attrs(widget))


def _without_maxlength(attrs: dict) -> dict:
    """A browser cuts what is pasted without a word; the server says how long it may be."""
    return {name: value for name, value in attrs.items() if name != "maxlength"}


ONE_NAME = _("With only one name, leave this empty.")


def missing_parts(
    values: Mapping[str, object], due: Collection[str], *, single: bool, first_asked: bool = True
) -> list[str]:
    """The one rule for a person's name: the parts in ``due`` that are missing.

    ``single``: the organiser allows names of one part; then the first name is enough, and it is the one to ask for.
    ``first_asked``: whether the first name is asked at all, due or not.
    """
    missing = [name for name in due if not values.get(name)]
    if single and first_asked and "last_name" in missing:
        missing.remove("last_name")
        if not values.get("first_name") and "first_name" not in missing:
            missing.append("first_name")
    return missing


def ask_for_name(form: forms.Form, due: Collection[str], *, single: bool) -> None:
    """Let the fields of a form ask for these parts of a name. Its ``clean`` calls ``require_name``."""
    asked = list(due)
    if single and "last_name" in due and "first_name" in form.fields and "first_name" not in due:
        asked.append("first_name")  # instead of the last name, which may stay empty
    for name in asked:
        field = form.fields[name]
        field.required = False  # checked together
        field.part_of_name = True  # type: ignore[attr-defined]  # never marked as optional
        field.widget.is_required = not single or name == "first_name"
    if single and "last_name" in due and "first_name" in form.fields:
        form.fields["last_name"].help_text = form.fields["last_name"].help_text or ONE_NAME


def require_name(form: forms.Form, due: Collection[str], *, single: bool) -> None:
    """Add an error to each part of the name that is missing."""
    first_asked = "first_name" in form.fields
    for name in missing_parts(form.cleaned_data, due, single=single, first_asked=first_asked):
        if name not in form.errors:
            form.add_error(name, form.fields[name].error_messages["required"])
