"""A number between bounds."""

from decimal import ROUND_CEILING, Decimal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ticketshop.lib.values.numbers import NumberField, written

from .base import SOME, FieldType

MOST = 10**12
SHAPES = {
    0: _("Enter a whole number such as 12."),
    1: _("Enter a number such as 12.5 or 12,5."),
}


class Number(FieldType):
    code = "number"
    label = _("Number")
    column = "v_number"
    rule_names = {"min": "number", "max": "number", "decimals": "number"}

    def form_field(self, question, context):
        rules = question.rules
        decimals = min(int(rules.get("decimals") or 0), 6)
        # The messages of NumberField show an example with two decimals.
        shape = {code: SHAPES[decimals] for code in ("invalid", "max_decimal_places") if decimals in SHAPES}
        return NumberField(
            min_value=Decimal(str(rules.get("min", -MOST))),
            max_value=Decimal(str(rules.get("max", MOST))),
            decimal_places=decimals,
            max_digits=20,
            error_messages=shape,
            **self.common(question),
        )

    def problem(self, question):
        least, most, step = self._bounds(question)
        return ("", ()) if least <= most and self._first(least, step) <= most else ("numbers", ())

    def candidates(self, question):
        least, most, step = self._bounds(question)
        if question.rules.get("min") is not None:
            numbers = (self._first(least, step) + number * step for number in range(SOME))
        else:
            last = -self._first(-most, step) if question.rules.get("max") is not None else Decimal(SOME)
            numbers = (last - number * step for number in range(SOME))
        yield from (self.to_json(number) for number in numbers)

    def _bounds(self, question) -> tuple[Decimal, Decimal, Decimal]:
        """Return the least value, the greatest value, and the step between two allowed numbers."""
        rules = question.rules
        least, most = (Decimal(str(rules.get(name, end))) for name, end in (("min", -MOST), ("max", MOST)))
        return least, most, Decimal(1).scaleb(-min(int(rules.get("decimals") or 0), 6))

    def _first(self, least: Decimal, step: Decimal) -> Decimal:
        """Return the smallest multiple of ``step`` that is at least ``least``."""
        return (least / step).to_integral_value(ROUND_CEILING) * step

    def limits(self, question, context):
        least, most = (self._bound(question, name) for name in ("min", "max"))
        decimals = min(int(question.rules.get("decimals") or 0), 6)
        if least is not None and most is not None:
            text = _("From %(least)s to %(most)s.") % {"least": least, "most": most}
        elif least is not None:
            text = _("%(least)s or more.") % {"least": least}
        elif most is not None:
            text = _("%(most)s at most.") % {"most": most}
        else:
            text = ""
        if decimals:
            digits = ngettext(
                "Up to %(count)d digit after the point.", "Up to %(count)d digits after the point.", decimals
            )
            text = f"{text} {digits % {'count': decimals}}".strip()
        return text

    def _bound(self, question, name: str) -> str | None:
        value = question.rules.get(name)
        return None if value is None else written(Decimal(str(value)))

    def to_json(self, value):
        # Without trailing zeros, so that a typed value and the stored one are equal.
        return None if value is None else f"{value.normalize():f}"

    def from_json(self, value):
        return None if value is None else Decimal(value)

    def display(self, question, value):
        if value is None:
            return ""
        # Amounts of money keep both decimals.
        return written(value, 2 if int(question.rules.get("decimals") or 0) == 2 else 0)
