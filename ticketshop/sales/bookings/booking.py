"""Actions on bookings with a season pass: book places of a date, and cancel a booking."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ticketshop.catalogue.models import Offer
from ticketshop.lib.database import advisory, writing
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import PointOfSale

from ..cart import carts, contents
from ..models import CartLine, IssuedPass, Order, Ticket, TypedDetails
from ..orders import orders, placing, single_tickets
from ..orders.buyers import CannotPlace, WithPass
from ..orders.single_tickets import CannotCancel
from ..passes import bookings
from ..payments.methods.free import Free
from ..tickets import codes


@dataclass(frozen=True)
class Wish:
    """Contents of a booking to be made. ``slots``: a name for each place, as ``details`` uses them; ``key``: a random key of the page."""

    issued: IssuedPass
    offer: Offer
    slots: list[str]
    details: TypedDetails
    key: uuid.UUID


@transaction.atomic
def book(wish: Wish, *, pos: PointOfSale, user, language: str, now: datetime) -> Order:
    """Book places with a pass, as an order that costs nothing. The same page sent twice is one booking.

    ``user``: the signed-in visitor, who may book with this pass. The places, limits and forms are those of the offer. Raise
    CannotPlace; then nothing has changed.
    """
    advisory.lock(wish.key)
    if order := placing.placed_under(wish.key):
        if order.buyer is None or order.buyer.user_id != user.pk:
            raise CannotPlace("conflict")
        return order
    cart = carts.open_cart(pos, user=user, now=now, checkout_key=wish.key)
    line = CartLine(
        cart=cart,
        offer=wish.offer,
        quantity=len(wish.slots),
        slots=wish.slots,
        unit_price=ZERO,
        session_starts_at=wish.offer.session.starts_at,
    )
    writing.insert([line])
    carts.write_details(cart, wish.details, complete=True)
    cart_contents = contents.read(cart)
    bookings.set_prices(cart_contents)
    return orders.place(
        cart,
        method=Free.code,
        content_hash=cart_contents.content_hash,
        user=WithPass(user, wish.issued),
        language=language,
        now=now,
    )


def placed_by(key: str, user) -> Order | None:
    """Return the order that a user made with this key of a page, or None."""
    try:
        order = placing.placed_under(uuid.UUID(key))
    except ValueError:
        return None
    return order if order and order.buyer and order.buyer.user_id == user.pk else None


def cancel(order: Order, ticket: Ticket, *, by, now: datetime) -> None:
    """Cancel a booking for its holder, until the deadline of its season pass: place and entry are free again.

    Raise CannotCancel with a sentence; then nothing has changed.
    """
    if sentence := bookings.why_not_cancelled(ticket, now):
        raise CannotCancel([sentence])
    single_tickets.cancel(order, [codes.key_of(ticket)], by=by, now=now, pay_back=ZERO)
