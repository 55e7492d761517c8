"""Amounts of money: ``Decimal`` in the order's currency; prices include VAT.

Amounts are rounded half up to the cent on each order line (unit price x quantity), never on sums.
"""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
# The smallest coin of Swiss francs.
COIN = Decimal("0.05")


def to_cents(amount: Decimal) -> Decimal:
    """Return an amount rounded half up to the cent."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def in_cash(amount: Decimal, currency: str) -> Decimal:
    """Return what is paid in cash for an amount: Swiss francs are rounded to 0.05, because there are no smaller coins."""
    if currency != "CHF":
        return amount
    return to_cents((amount / COIN).quantize(Decimal(1), rounding=ROUND_HALF_UP) * COIN)


def vat_included(total: Decimal, rate: Decimal) -> Decimal:
    """Return the VAT included in ``total`` at ``rate`` per cent, rounded to the cent."""
    return to_cents(total * rate / (100 + rate))
