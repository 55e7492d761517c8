"""A number with bounds."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from .base import FieldType

MOST = 10**12


class Number(FieldType):
    code = "number"
    label = _("Number")
    column = "v_number"
    rule_names = {"min": "number", "max": "number", "decimals": "number"}

    def form_field(self, question, asked):
        rules = question.rules
        return forms.DecimalField(
            min_value=Decimal(str(rules.get("min", -MOST))),
            max_value=Decimal(str(rules.get("max", MOST))),
            decimal_places=min(int(rules.get("decimals") or 0), 6),
            max_digits=20,
            **self.common(question),
        )

    def initial(self, value):
        return self.to_json(value)

    def to_json(self, value):
        # Without the zeros of the column: a value compares equal whether it was typed or read back.
        return None if value is None else f"{value.normalize():f}"

    def from_json(self, value):
        return None if value is None else Decimal(value)

    def display(self, question, value):
        return "" if value is None else f"{value.normalize():f}"
