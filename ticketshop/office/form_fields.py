"""Form fields and widgets of the back office."""

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect

from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.values.text import number_in


class LocalDateTime(forms.DateTimeInput):
    """The browser's own input for a date and a time; works without a script."""

    input_type = "datetime-local"

    def __init__(self, attrs=None):
        # With seconds, so that a value with seconds comes back unchanged.
        super().__init__(attrs, format="%Y-%m-%dT%H:%M:%S")


class LocalDate(forms.DateInput):
    """The browser's own input for a date."""

    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%Y-%m-%d")


class OneLine(LineField):
    """A text on one line. Line breaks, control characters and characters that change the direction of text are removed."""

    def to_python(self, value):
        return self.empty_value if value in self.empty_values else super().to_python(value)


class Lines(forms.CharField):
    """A text of several lines. Browsers post line breaks as ``\\r\\n``, which is not a change of the text."""

    def to_python(self, value):
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if text else text

    def has_changed(self, initial, data):
        return super().has_changed(self.to_python(initial), data)


class RowSelect(AutocompleteSelect):
    """An autocomplete for a row. A posted value that is no id counts as no choice; Django would fail while drawing it."""

    def optgroups(self, name, value, attr=None):
        ids = [row_id for row_id in map(str, value) if number_in(row_id, digits=18) is not None]
        return super().optgroups(name, ids, attr)
