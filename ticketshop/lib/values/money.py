"""Amounts of money: ``Decimal`` in the order's currency; prices include VAT.

Amounts are rounded half up to the cent on each order line (unit price x quantity), never on sums.
"""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def to_cents(amount: Decimal) -> Decimal:
    """Return an amount rounded half up to the cent."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def vat_included(total: Decimal, rate: Decimal) -> Decimal:
    """Return the VAT included in ``total`` at ``rate`` per cent, rounded to the cent."""
    return to_cents(total * rate / (100 + rate))
