"""Phone numbers: parse typed ones, store them in E.164, and show them."""

import re
import unicodedata

import phonenumbers
from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from . import countries
from .text import normalise_line

DEFAULT_COUNTRY = "CH"
# Labels that people copy with a number, in the languages of the interface; "tel:" is also the scheme of RFC 3966.
_LABEL = re.compile(
    r"^(?:(?:tel|tél|telephone|téléphone|phone|mobile|mob|natel|portable|fixe)[\s.:]*|[tmp][.:]\s*)(?=[+(\d])",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"[\s,;]*(?:ext|extension|poste|int|x|#|;ext=)[\s.:=]*\d+$", re.IGNORECASE)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_PHONE = re.compile(r"[0-9 +()./-]+")


def plain(text: str) -> str:
    """Return a typed number with ASCII spaces, dashes and digits, and without a label before it."""
    return _LABEL.sub("", normalise_line(unicodedata.normalize("NFKC", text)).translate(_DASHES)).strip()


def parse_phone(text: str, country: str) -> str:
    """Return a phone number in E.164, such as +41791234567.

    ``country``: ISO code of the country of a number without country code. Raises ValidationError for other texts.
    """
    typed, country = plain(text), country or DEFAULT_COUNTRY
    if extension := _EXTENSION.search(typed):
        raise forms.ValidationError(
            _("Enter the number without its extension (%(extension)s): an extension can’t be kept.")
            % {"extension": extension[0].strip(" ,;")}
        )
    if not _PHONE.fullmatch(typed):
        raise forms.ValidationError(_shape(country))
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        raise forms.ValidationError(_shape(country)) from None
    international = typed.lstrip("(").startswith(("+", "00"))
    known = phonenumbers.is_possible_number if international else phonenumbers.is_valid_number
    if not known(number) or not _all_digits(typed, number):
        raise forms.ValidationError(_shape(country))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _all_digits(typed: str, number: phonenumbers.PhoneNumber) -> bool:
    """Return whether the parsed number ends with the digits that were typed: the parser drops some silently."""
    digits = re.sub(r"\D", "", typed)
    return bool(digits) and str(number.national_number).endswith(digits[-4:])


def _shape(country: str) -> str:
    like = phonenumbers.example_number(country) or phonenumbers.parse("+41791234567")
    return _("Enter a phone number such as %(example)s.") % {
        "example": phonenumbers.format_number(like, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    }


def country_hint(country: str) -> str:
    """Return the help text of the field: the country of a number without country code."""
    country = country or DEFAULT_COUNTRY
    code = phonenumbers.country_code_for_region(country)
    if not code:
        return _("Begin with + and the country code.")
    name = countries.names(get_language() or "en").get(country, country)
    return _("A number without country code is taken for one of this country: %(country)s (+%(code)s).") % {
        "country": name,
        "code": code,
    }


def searched(text: str) -> str:
    """Return a search text: a phone number in any notation as its plain form, any other text unchanged."""
    typed = _EXTENSION.sub("", plain(text))
    return typed if _PHONE.fullmatch(typed) and sum(map(str.isdigit, typed)) >= 3 else text


def readable_phone(number: str) -> str:
    """Return a stored number as people write it: “+41 79 123 45 67”; any other text unchanged."""
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return number
