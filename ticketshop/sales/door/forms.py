"""Forms for what staff at the door type or scan."""

import uuid

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.values.text import normalise_line

LONGEST_CODE = 200  # a scanner may read any barcode


class KeyField(forms.UUIDField):
    """The random key of a form; a missing or altered one is replaced by a new one."""

    widget = forms.HiddenInput

    def clean(self, value):
        try:
            return super().clean(value) or uuid.uuid4()
        except forms.ValidationError:
            return uuid.uuid4()


class GateField(forms.CharField):
    """The name of the entrance at which the device stands."""

    def __init__(self, **kwargs):
        super().__init__(label=_("Gate"), max_length=40, required=False, **kwargs)

    def to_python(self, value):
        return normalise_line(super().to_python(value))


class ScanForm(forms.Form):
    """One code."""

    code = forms.CharField(
        label=_("Code of the ticket"),
        max_length=LONGEST_CODE,
        error_messages={
            "required": _("Scan a code, or type it."),
            "max_length": _("This is no code of a ticket."),
        },
    )
    gate = GateField()
    key = KeyField(required=False)


class ActionForm(forms.Form):
    """A button on the page of one ticket."""

    IN, OUT, UNDONE = "in", "out", "undone"

    action = forms.ChoiceField(choices=[(name, name) for name in (IN, OUT, UNDONE)])
    note = forms.CharField(
        label=_("Why is the entry undone?"),
        max_length=200,
        required=False,
        help_text=_("Such as: wrong ticket scanned. No names."),
    )
    gate = GateField()
    key = KeyField(required=False)

    def clean_note(self):
        return normalise_line(self.cleaned_data["note"])

    def clean(self):
        values = super().clean()
        if values.get("action") == self.UNDONE and "note" in values and not values["note"]:
            self.add_error("note", _("Say in a few words why the entry is undone."))
        return values


class GroupForm(forms.Form):
    """The button that lets in a whole order."""

    gate = GateField()
    key = KeyField(required=False)
