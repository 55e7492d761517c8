"""Price and value added tax of lines and of whole carts. No other module computes them.

Amounts are in the currency of the organiser, in whole cents. An order stores what was computed when it was
placed.

A discount starts here. What else takes a total for price times quantity: the constraint ``orderline_total``, the invariant
I5 in ``orders.books`` and ``contents.Contents.content_hash`` (what a page showed must include it). And ``unit_price`` is
shown on pages, tickets, in the back office and in copies of one's own data.
"""

from collections.abc import Iterable
from decimal import Decimal

from ticketshop.lib.values.money import ZERO, to_cents, vat_included

from .models import CartLine


def line_total(line: CartLine) -> Decimal:
    """Return the price of the line, at the unit price agreed when it was put into the cart."""
    return to_cents(line.unit_price * line.quantity)


def line_vat(line: CartLine) -> Decimal:
    """Return the value added tax that is included in ``line_total``."""
    return vat_included(line_total(line), line.product.vat_rate)


def cart_total(lines: Iterable[CartLine]) -> Decimal:
    """Return what the lines cost together."""
    return sum((line_total(line) for line in lines), ZERO)


def cart_vat(lines: Iterable[CartLine]) -> Decimal:
    """Return the included value added tax: the sum over the lines, each rounded separately, as in an order."""
    return sum((line_vat(line) for line in lines), ZERO)
