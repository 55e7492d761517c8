"""The lines of an order, made from those of a cart."""

from .. import pricing
from ..cart import contents
from ..models import Order, OrderLine


def new(order: Order, cart_contents: contents.Contents) -> list[OrderLine]:
    """Return the unsaved lines of an order, in the order of the cart's lines."""
    return [
        OrderLine(
            order=order,
            offer=line.offer,
            season_pass=line.season_pass,
            allotment_id=line.product.allotment_id,
            places=contents.units(line),
            title=line.product.title[:160],
            tariff_name=line.product.tariff_name,
            session_starts_at=line.session.starts_at if line.session else None,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=pricing.line_total(line),
            vat_rate=line.product.vat_rate,
            vat_amount=pricing.line_vat(line),
        )
        for line in cart_contents.lines
    ]
