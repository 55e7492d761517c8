"""Fields of forms about organisers and their shops."""

import zoneinfo

from django import forms
from django.utils.translation import gettext_lazy as _


class LanguagesWidget(forms.MultiWidget):
    """The first language apart, the others as ticks."""

    template_name = "admin/widgets/languages.html"
    use_fieldset = True

    def __init__(self, choices):
        super().__init__([forms.Select(choices=choices), forms.CheckboxSelectMultiple(choices=choices)])

    def decompress(self, value):
        return [value[0], value[1:]] if value else [None, []]


class LanguagesField(forms.MultiValueField):
    """An ordered list of language codes: the first one is where a missing text is taken from."""

    def __init__(self, *, choices, **kwargs):
        fields = [
            forms.ChoiceField(choices=choices),
            forms.MultipleChoiceField(choices=choices, required=False),
        ]
        super().__init__(fields, widget=LanguagesWidget(choices), require_all_fields=False, **kwargs)

    def compress(self, data_list):
        if not data_list:
            return []
        first, others = data_list
        return [first, *(code for code in others if code != first)]


class TimeZoneField(forms.ChoiceField):
    """A place of the time zone database."""

    def __init__(self, **kwargs):
        super().__init__(choices=time_zones, **kwargs)


def time_zones() -> list[tuple[str, str]]:
    """The places of the time zone database, by name."""
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name]


LANGUAGES_HELP = _("The first one stands in where a text is missing.")
