"""Text fields, and the rules for the parts of a person's name."""

from collections.abc import Collection, Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.pdf import fonts
from ticketshop.lib.values.text import normalise_line, normalise_text


def printable(value: str) -> None:
    """Raise ValidationError with the characters that none of the PDF fonts contains."""
    if missing := fonts.unprintable(value):
        raise ValidationError(
            _("We can’t print these characters: %(characters)s. Please write it in another way."),
            code="unprintable",
            params={"characters": " ".join(missing)},
        )


class LineField(forms.CharField):
    """One line of text, normalised by ``normalise_line``. Refuses characters that can't be printed."""

    default_validators = [printable]

    def to_python(self, value):
        text = super().to_python(value)
        ProhibitNullCharactersValidator()(text)  # refused instead of removed silently
        return normalise_line(text) if text else text

    def widget_attrs(self, widget):
        return _without_maxlength(super().widget_attrs(widget))


class LinesField(forms.CharField):
    """A text of several lines, normalised by ``normalise_text``."""

    widget = forms.Textarea

    def to_python(self, value):
        text = super().to_python(value)
        ProhibitNullCharactersValidator()(text)
        return normalise_text(text, lines=True) if text else text

    def widget_attrs(self, widget):
        return _without_maxlength(super().widget_attrs(widget))


def _without_maxlength(attrs: dict) -> dict:
    """Return the attributes without ``maxlength``: browsers cut pasted text silently, the server refuses it with a message."""
    return {name: value for name, value in attrs.items() if name != "maxlength"}


ONE_NAME = _("With only one name, leave this empty.")


def missing_parts(
    values: Mapping[str, object], due: Collection[str], *, single: bool, first_asked: bool = True
) -> list[str]:
    """Return the required parts of a name (``due``) that are missing in ``values``.

    single: the organiser allows names of one part; then the first name is enough.
    first_asked: whether the form has a first name, required or not.
    """
    missing = [name for name in due if not values.get(name)]
    if single and first_asked and "last_name" in missing:
        missing.remove("last_name")
        if not values.get("first_name") and "first_name" not in missing:
            missing.append("first_name")
    return missing


def ask_for_name(form: forms.Form, due: Collection[str], *, single: bool) -> None:
    """Mark the required parts of a name (``due``) in a form, whose ``clean`` calls ``require_name``."""
    required = list(due)
    if single and "last_name" in due and "first_name" in form.fields and "first_name" not in due:
        required.append("first_name")  # instead of the last name, which may stay empty
    for name in required:
        field = form.fields[name]
        field.required = False  # checked together
        field.marked_optional = False  # type: ignore[attr-defined]  # checked by ``require_name``
        field.widget.is_required = not single or name == "first_name"
    if single and "last_name" in due and "first_name" in form.fields:
        form.fields["last_name"].help_text = form.fields["last_name"].help_text or ONE_NAME


def require_name(form: forms.Form, due: Collection[str], *, single: bool) -> None:
    """Add an error to each required part of the name that is missing."""
    first_asked = "first_name" in form.fields
    for name in missing_parts(form.cleaned_data, due, single=single, first_asked=first_asked):
        if name not in form.errors:
            form.add_error(name, form.fields[name].error_messages["required"])
