"""The price and the value added tax of lines and of whole carts. Nothing else computes them.

Amounts are in the currency of the organiser, to the cent. An order keeps what was computed when it was placed.
"""

from collections.abc import Iterable
from decimal import Decimal

from ticketshop.lib.money import ZERO, to_cents, vat_included

from .models import CartLine


def line_total(line: CartLine) -> Decimal:
    """Return what the line costs, at the unit price that was agreed when it was put into the cart."""
    return to_cents(line.unit_price * line.quantity)


def line_vat(line: CartLine) -> Decimal:
    """Return the value added tax that is included in ``line_total``."""
    return vat_included(line_total(line), line.product.vat_rate)


def cart_total(lines: Iterable[CartLine]) -> Decimal:
    """Return what the lines cost together."""
    return sum((line_total(line) for line in lines), ZERO)


def cart_vat(lines: Iterable[CartLine]) -> Decimal:
    """Return the included value added tax: the sum of the lines', each rounded for itself, as an order adds them up."""
    return sum((line_vat(line) for line in lines), ZERO)
