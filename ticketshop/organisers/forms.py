"""Fields of forms about organisers and their shops."""

import zoneinfo

from django import forms
from django.utils.translation import gettext_lazy as _


class LanguagesWidget(forms.MultiWidget):
    """All languages as ticks, and which of them is the first."""

    template_name = "admin/widgets/languages.html"
    use_fieldset = True

    def __init__(self, choices):
        super().__init__([forms.CheckboxSelectMultiple(choices=choices), forms.Select(choices=choices)])

    def decompress(self, value):
        return [value, value[0]] if value else [[], None]

    def get_context(self, name, value, attrs):
        # Django takes any list for one value per widget; ours is a list of codes.
        if value is None or all(isinstance(code, str) for code in value):
            value = self.decompress(value)
        return super().get_context(name, value, attrs)


class LanguagesField(forms.MultiValueField):
    """An ordered list of language codes: the first one is where a missing text is taken from."""

    def __init__(self, *, choices, **kwargs):
        fields = [
            forms.MultipleChoiceField(choices=choices, required=False),
            forms.ChoiceField(choices=choices),
        ]
        super().__init__(fields, widget=LanguagesWidget(choices), require_all_fields=False, **kwargs)

    def has_changed(self, initial, data):
        return super().has_changed(self.widget.decompress(initial), data)

    def compress(self, data_list):
        if not data_list:
            return []
        ticked, first = data_list
        return [first, *(code for code in ticked or [] if code != first)]


class TimeZoneField(forms.ChoiceField):
    """A place of the time zone database."""

    def __init__(self, **kwargs):
        super().__init__(choices=time_zones, **kwargs)


def time_zones() -> list[tuple[str, str]]:
    """The places of the time zone database, by name."""
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name]


LANGUAGES_HELP = _("The first one stands in where a text is missing.")
