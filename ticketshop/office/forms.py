"""Fields of forms about organisers and their shops."""

import zoneinfo
from collections.abc import Callable
from functools import lru_cache

from babel import Locale
from babel.core import get_global
from django import forms
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ticketshop.lib import countries
from ticketshop.lib.text import fold

# The languages that pages and mails are shown in.
SHOWN = dict(settings.LANGUAGES)
UNREAD = _(
    "No visitor reads these texts yet: pages and e-mails are in English and French. They are kept for later."
)


class LanguagesWidget(forms.MultiWidget):
    """All languages as ticks, and which of them is the first."""

    template_name = "admin/widgets/languages.html"
    use_fieldset = True

    def __init__(self, choices, first):
        super().__init__([forms.CheckboxSelectMultiple(choices=choices), forms.Select(choices=first)])

    def decompress(self, value):
        return [value, value[0]] if value else [[], None]

    def get_context(self, name, value, attrs):
        # Django takes any list for one value per widget; ours is a list of codes.
        if value is None or all(isinstance(code, str) for code in value):
            value = self.decompress(value)
        return super().get_context(name, value, attrs)


class LanguagesField(forms.MultiValueField):
    """An ordered list of language codes: the first one is where a missing text is taken from.

    Only a language that pages are shown in may be the first: its texts are the ones that must be there.
    """

    def __init__(self, *, choices, **kwargs):
        first = [(code, name) for code, name in choices if code in SHOWN]
        fields = [
            forms.MultipleChoiceField(choices=choices, required=False),
            forms.ChoiceField(choices=first),
        ]
        super().__init__(fields, widget=LanguagesWidget(choices, first), require_all_fields=False, **kwargs)

    def has_changed(self, initial, data):
        return super().has_changed(self.widget.decompress(initial), data)

    def compress(self, data_list):
        if not data_list:
            return []
        ticked, first = data_list
        return [first, *(code for code in ticked or [] if code != first)]


class SuggestionsInput(forms.TextInput):
    """A field to type into, with the browser's own list of what fits; works without a script."""

    template_name = "admin/widgets/suggestions.html"

    def __init__(self, choices, attrs=None):
        super().__init__({"autocomplete": "off", **(attrs or {})})
        self.choices = choices

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        context["widget"]["choices"] = self.choices()
        context["widget"]["attrs"]["list"] = f"{context['widget']['attrs'].get('id', name)}_list"
        return context


class SuggestedField(forms.CharField):
    """One of many choices, found by typing a part of its name. ``choices`` is called for (code, name) in the active language.

    The code, the name, or both may be typed, in small or capital letters, with or without accents.
    """

    def __init__(self, *, choices: Callable[[], list[tuple[str, str]]], **kwargs):
        super().__init__(max_length=120, widget=SuggestionsInput(self.texts), **kwargs)
        self.choices = choices

    def texts(self) -> list[str]:
        return [_shown(code, name) for code, name in self.choices()]

    def prepare_value(self, value):
        name = dict(self.choices()).get(value)
        return _shown(value, name) if name else value

    def to_python(self, value):
        typed = fold(super().to_python(value))
        if not typed:
            return ""
        for code, name in self.choices():
            if typed in (fold(code), fold(name), fold(_shown(code, name))):
                return code
        raise forms.ValidationError(
            _("“%(value)s” is no valid choice. Type a part of the name, and choose from the list."),
            code="invalid_choice",
            params={"value": value},
        )

    def has_changed(self, initial, data):
        try:
            return (initial or "") != self.to_python(data)
        except forms.ValidationError:
            return True


def _shown(code: str, name: str) -> str:
    """“Switzerland (CH)”; a time zone's code is its name."""
    return name if fold(name) == fold(code) else f"{name} ({code})"


def time_zones() -> list[tuple[str, str]]:
    """The places of the time zone database, by name."""
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name]


def country_names() -> list[tuple[str, str]]:
    """Two letters and the name of every country, in the active language, by name."""
    found = countries.names(get_language() or "en")
    return sorted(found.items(), key=lambda item: countries.sort_key(item[1]))


def currency_names() -> list[tuple[str, str]]:
    """Three letters and the name of every currency that people pay with, in the active language, by name."""
    names = Locale.parse((get_language() or "en")[:2]).currencies
    found = {code: names[code] for code in _in_use() if code in names}
    return sorted(found.items(), key=lambda item: fold(item[1]))


@lru_cache(maxsize=1)
def _in_use() -> frozenset[str]:
    """The currencies that some country has today: of the CLDR, those without a last day."""
    return frozenset(
        code
        for currencies in get_global("territory_currencies").values()
        for code, _first, last, tender in currencies
        if last is None and tender
    )


LANGUAGES_HELP = _("The first one stands in where a text is missing.")
CONTENT_LANGUAGES_HELP = _(
    "The first one stands in where a text is missing. You may write texts in German and Italian, but no visitor reads them yet:"
    " pages and e-mails are in English and French."
)
