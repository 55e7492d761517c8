"""The lines of an order, made of those of a cart."""

from decimal import Decimal

from ticketshop.lib.money import to_cents, vat_included

from ..cart import contents
from ..models import CartLine, Order, OrderLine


def new(order: Order, whole: contents.Contents) -> list[OrderLine]:
    """Return the lines of an order, in the order of the cart’s, not yet written."""
    return [
        OrderLine(
            order=order,
            offer=line.offer,
            season_pass=line.season_pass,
            allotment_id=contents.allotment_id(line),
            places=contents.units(line),
            title=contents.title(line)[:160],
            tariff_name=line.offer.tariff.name if line.offer else "",
            session_starts_at=line.offer.session.starts_at if line.offer else None,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=total(line),
            vat_rate=vat_rate(line),
            vat_amount=vat_included(total(line), vat_rate(line)),
        )
        for line in whole.lines
    ]


def total(line: CartLine) -> Decimal:
    return to_cents(line.unit_price * line.quantity)


def vat_rate(line: CartLine) -> Decimal:
    return line.offer.tariff.vat_rate if line.offer else line.season_pass.vat_rate
