"""Read typed numbers, such as “12,50”, “12.50”, “1’234.50” and “1 234,50”; ambiguous texts are refused."""

import re
import unicodedata
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "−": "-", "\u2009": " "})
_PLAIN = re.compile(r"[+-]?\d*(?:[.,]\d*)?")
# Thousands in groups of three with the same separator, and at most one decimal separator, which is another sign.
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([ '])\d{3})(?:\1\d{3})*(?:[.,]\d*)?")
_GROUPED_BY_POINT = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3}){2,}|(?:\.\d{3})+,\d*)")
_GROUPED_BY_COMMA = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3}){2,}|(?:,\d{3})+\.\d*)")


def read_number(text: str) -> Decimal | None:
    """Return the number in a text, None for any other text.

    Point and comma are both decimal separators. If there are both, or one of them several times, the other one separates thousands.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).split())
    if not plain.isascii() or not re.search(r"\d", plain):
        return None
    if _GROUPED.fullmatch(plain):
        plain = re.sub("[ ']", "", plain)
    elif _GROUPED_BY_POINT.fullmatch(plain):
        plain = plain.replace(".", "")
    elif _GROUPED_BY_COMMA.fullmatch(plain):
        plain = plain.replace(",", "")
    return Decimal(plain.replace(",", ".")) if _PLAIN.fullmatch(plain) else None


def written(value: Decimal, least_decimals: int = 0) -> str:
    """Return a number as text in the active language, with at least ``least_decimals`` decimals."""
    plain = value.normalize()
    decimals = max(least_decimals, -int(plain.as_tuple().exponent), 0)
    return number_format(plain, decimal_pos=decimals, use_l10n=True, force_grouping=False)


class NumberField(forms.DecimalField):
    """A number in a text field, since browsers' number fields drop a comma that their language does not use."""

    widget = forms.TextInput
    default_error_messages = {"invalid": _("Enter a number such as 12.50 or 12,50.")}

    def to_python(self, value):
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        number = read_number(value[:100])
        if number is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(number)

    def prepare_value(self, value):
        return written(value, self._shown_decimals()) if isinstance(value, Decimal) else value

    def widget_attrs(self, widget):
        # The decimal keyboard of phones has no minus.
        least = self.min_value() if callable(self.min_value) else self.min_value
        positive = least is not None and least >= 0
        return {**super().widget_attrs(widget), **({"inputmode": "decimal"} if positive else {})}

    def _shown_decimals(self) -> int:
        """Return 2 for amounts of money, which always show both decimals."""
        return 2 if self.decimal_places == 2 else 0
