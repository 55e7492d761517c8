"""The lines of an order, made from those of a cart."""

from django.utils import translation

from ticketshop.catalogue import products

from .. import pricing
from ..cart import contents
from ..models import Order, OrderLine


def new(order: Order, cart_contents: contents.Contents) -> list[OrderLine]:
    """Return the unsaved lines of an order, in the order of the cart's lines, with titles in the language of the order."""
    with translation.override(order.language):
        # Made anew: the names of ``line.product`` are in the language of the page, which at the counter is that of the staff.
        named = [products.of(line.product.item) for line in cart_contents.lines]
        titles = [product.title[:160] for product in named]
    return [
        OrderLine(
            order=order,
            offer=line.offer,
            season_pass=line.season_pass,
            allotment_id=line.product.allotment_id,
            places=contents.units(line),
            title=title,
            tariff_name=product.tariff_name,
            session_starts_at=line.session.starts_at if line.session else None,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=pricing.line_total(line),
            vat_rate=line.product.vat_rate,
            vat_amount=pricing.line_vat(line),
        )
        for line, product, title in zip(cart_contents.lines, named, titles, strict=True)
    ]
