"""Form fields for organisers and their shops: languages, countries, currencies, time zones."""

import zoneinfo
from collections.abc import Callable
from functools import lru_cache

from babel import Locale
from babel.core import get_global
from django import forms
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.values import countries
from ticketshop.lib.values.text import fold

# The languages of the interface and of e-mails.
SHOWN = dict(settings.LANGUAGES)
UNREAD = _(
    "No visitor reads these texts yet: pages and e-mails are in English and French. They are kept for later."
)


class LanguagesWidget(forms.MultiWidget):
    """Checkboxes for all languages, and a list for the first one."""

    template_name = "admin/widgets/languages.html"
    use_fieldset = True

    def __init__(self, choices, first):
        super().__init__([forms.CheckboxSelectMultiple(choices=choices), forms.Select(choices=first)])

    def decompress(self, value):
        return [value, value[0]] if value else [[], None]

    def get_context(self, name, value, attrs):
        # Django takes any list for one value per widget, but the value of this field is a list of codes.
        if value is None or all(isinstance(code, str) for code in value):
            value = self.decompress(value)
        return super().get_context(name, value, attrs)


class LanguagesField(forms.MultiValueField):
    """An ordered list of language codes. The first language is used where a translation is missing.

    Only a language of the interface can be the first, because the texts in it are required.
    """

    def __init__(self, *, choices, **kwargs):
        first_choices = [(code, name) for code, name in choices if code in SHOWN]
        fields = [
            forms.MultipleChoiceField(choices=choices, required=False),
            forms.ChoiceField(choices=first_choices),
        ]
        super().__init__(
            fields, widget=LanguagesWidget(choices, first_choices), require_all_fields=False, **kwargs
        )

    def has_changed(self, initial, data):
        return super().has_changed(self.widget.decompress(initial), data)

    def compress(self, data_list):
        if not data_list:
            return []
        ticked, first = data_list
        return [first, *(code for code in ticked or [] if code != first)]


class SuggestionsInput(forms.TextInput):
    """A text input with the browser's own list of suggestions (``datalist``); works without a script."""

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
    """A field for one of many choices, found by typing a part of its name.

    ``choices`` returns (code, name) pairs in the active language. The code, the name, or both may be typed; case and accents
    don't matter.
    """

    def __init__(self, *, choices: Callable[[], list[tuple[str, str]]], **kwargs):
        super().__init__(max_length=120, widget=SuggestionsInput(self.texts), **kwargs)
        self.choices = choices

    def texts(self) -> list[str]:
        """Return the text of each suggestion."""
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
    """Return the name with its code, as “Switzerland (CH)”. A time zone has only its name."""
    return name if fold(name) == fold(code) else f"{name} ({code})"


def time_zones() -> list[tuple[str, str]]:
    """Return (name, readable name) of the places in the time zone database, sorted by name."""
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name]


def country_names() -> list[tuple[str, str]]:
    """Return (code of two letters, name) of every country, in the active language, sorted by name."""
    names = countries.names(get_language() or "en")
    return sorted(names.items(), key=lambda item: countries.sort_key(item[1]))


def currency_names() -> list[tuple[str, str]]:
    """Return (code of three letters, name) of every currency in use, in the active language, sorted by name."""
    names = Locale.parse((get_language() or "en")[:2]).currencies
    in_use = {code: names[code] for code in _in_use() if code in names}
    return sorted(in_use.items(), key=lambda item: fold(item[1]))


@lru_cache(maxsize=1)
def _in_use() -> frozenset[str]:
    """Return the codes of the currencies that some country uses today: in the CLDR, legal tender without an end date."""
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
