"""Phone numbers as people type them, and as they are stored."""

import re
import unicodedata

import phonenumbers
from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from . import countries
from .text import normalise_line

DEFAULT_COUNTRY = "CH"
# What people copy with a number, in the languages of the interface; "tel:" also begins an address of RFC 3966.
_LABEL = re.compile(
    r"^(?:(?:tel|tél|telephone|téléphone|phone|mobile|mob|natel|portable|fixe)[\s.:]*|[tmp][.:]\s*)(?=[+(\d])",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"[\s,;]*(?:ext|extension|poste|int|x|#|;ext=)[\s.:=]*\d+$", re.IGNORECASE)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_PHONE = re.compile(r"[0-9 +()./-]+")


def plain(text: str) -> str:
    """A typed number with plain spaces, dashes and digits, and without a label before it."""
    return _LABEL.sub("", normalise_line(unicodedata.normalize("NFKC", text)).translate(_DASHES)).strip()


def parse_phone(text: str, country: str) -> str:
    """Return a phone number in E.164, such as +41791234567.

    ``country`` is the one of a number without country code. Raise ValidationError for what can't be stored as it is.
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
    """Whether all that was typed went into the number: none of its last digits was dropped."""
    digits = re.sub(r"\D", "", typed)
    return bool(digits) and str(number.national_number).endswith(digits[-4:])


def _shape(country: str) -> str:
    like = phonenumbers.example_number(country) or phonenumbers.parse("+41791234567")
    return _("Enter a phone number such as %(example)s.") % {
        "example": phonenumbers.format_number(like, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    }


def country_hint(country: str) -> str:
    """A sentence for beside the field: which country a number without country code is taken for."""
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
    """A text typed into a search: of a phone number in any form its plain one, any other text as it is."""
    typed = _EXTENSION.sub("", plain(text))
    return typed if _PHONE.fullmatch(typed) and sum(map(str.isdigit, typed)) >= 3 else text


def readable_phone(number: str) -> str:
    """A stored number as people write it: “+41 79 123 45 67”; what is none stays as it is."""
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return number
