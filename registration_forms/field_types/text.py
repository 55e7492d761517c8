"""A text on one line, and a text on several lines."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ticketshop.lib.forms.fields import printable
from ticketshop.lib.values.text import normalise_text

from .base import FieldType

LINE, TEXT = 200, 4000


class _TextField(forms.CharField):
    """A text as it is stored: NFC, without control characters, line breaks as ``\\n``. The limit counts code points."""

    def __init__(self, *args, lines: bool, **kwargs):
        self.lines = lines
        super().__init__(*args, strip=False, empty_value=None, **kwargs)

    def to_python(self, value):
        text = super().to_python(value)
        return normalise_text(text, lines=self.lines) or None if text else None

    def widget_attrs(self, widget):
        """Leave out ``maxlength``, because browsers shorten pasted text without a message."""
        return {name: value for name, value in super().widget_attrs(widget).items() if name != "maxlength"}


class Text(FieldType):
    code = "text"
    label = _("Text")
    rule_names = {"max_length": "number"}
    longest, lines = LINE, False

    def form_field(self, question, context):
        most = min(question.rules.get("max_length") or self.longest, self.longest)
        widget = forms.Textarea(attrs={"rows": 4}) if self.lines else forms.TextInput
        validators = [printable] if question.on_ticket else []
        return _TextField(
            max_length=most, lines=self.lines, widget=widget, validators=validators, **self.common(question)
        )

    def limits(self, question, context):
        most = question.rules.get("max_length")
        if not most:
            return ""
        return ngettext("At most %(count)d character.", "At most %(count)d characters.", most) % {
            "count": most
        }


class LongText(Text):
    code = "long_text"
    label = _("Text on several lines")
    longest, lines = TEXT, True
