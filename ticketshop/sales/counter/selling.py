"""Actions of the counter: fill a cart with what one page sent, and turn it into an order.

The cart is an ordinary one, so places, holds, limits and rules are those of an order online. It belongs to a staff member
(``Cart.seller``) and not to a log-in of a visitor. Its checkout key comes from the page, so that a page that is sent twice
makes one order.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from contacts.models import Contact
from ticketshop.catalogue import places
from ticketshop.lib.database import advisory
from ticketshop.organisers.models import PointOfSale

from ..answers import form_blocks
from ..cart import carts, contents
from ..models import Cart, Order, TypedDetails
from ..orders import counter_rules, orders, placing
from ..orders.buyers import AtCounter, CannotPlace
from . import waiving

Key = tuple[str, int]
NOBODY = AnonymousUser()


@dataclass(frozen=True)
class Sale:
    """An order as the page of a new order sent it.

    ``wanted``: ("offer" or "pass", id) -> quantity; ``prices``: the same keys -> the prices that the page showed. ``person``: the chosen
    contact, or None; ``typed``: names, e-mail address and phone of a new person, or empty. ``method``: code of a payment method;
    ``invitation``: a value of ``Order.Invitation``, or empty.
    """

    pos: PointOfSale
    key: uuid.UUID
    wanted: dict[Key, int]
    prices: dict[Key, Decimal]
    person: Contact | None
    typed: dict[str, str]
    method: str
    invitation: str = ""


@transaction.atomic
def sell(sale: Sale, *, by, now: datetime) -> Order | Cart:
    """Place the order of a page. Return the order; its cart, with its places held, if forms ask something first.

    The same page sent twice is one order. Raise CannotPlace or ``carts.CannotAdd``; then nothing has changed.
    """
    advisory.lock(sale.key)
    if order := placing.placed_under(sale.key):
        if not _is_of(order, sale.wanted):
            raise CannotPlace("conflict")
        return order
    cart = _cart(sale, by, now)
    cart_contents = contents.read(cart)
    _check_prices(cart_contents, sale)
    if not counter_rules.is_without_person(cart_contents) and form_blocks.all_blocks(cart_contents):
        return cart
    carts.write_details(cart, cart.typed, complete=True)
    return place(cart, by=by, now=now)


@transaction.atomic
def place(cart: Cart, *, by, now: datetime, waives: bool = False, mails_link: bool = False) -> Order:
    """Place the order of a cart whose details are complete. Raise CannotPlace.

    ``waives``: skip the mandatory questions that are left blank; the caller has checked the permission. ``mails_link``: send the
    buyer the link to answer them later.
    """
    payment = cart.typed.payment
    order = orders.place(
        cart,
        method=payment.get("method", ""),
        content_hash=contents.read(cart).content_hash,
        user=AtCounter(by, payment.get("invitation", ""), waives),
        language=_language(cart),
        now=now,
    )
    if waives and (number := waiving.number_of(order)):
        waiving.record(order, number, by=by, now=now)
        if mails_link:
            waiving.mail_link(order, by=by, now=now)
    return order


def cart_of(key: uuid.UUID, seller) -> Cart | None:
    """Return the cart of a staff member with this checkout key, or None."""
    rows = Cart.objects.filter(checkout_key=key, seller=seller)
    return rows.select_related("point_of_sale__organiser").first()


def chosen_person(cart: Cart) -> Contact | None:
    """Return the contact that was chosen for a cart; None if none was, or it was merged or erased since."""
    if cart.person_uuid is None:
        return None
    organiser = cart.point_of_sale.organiser_id
    return Contact.objects.known().filter(organiser=organiser, subject_uuid=cart.person_uuid).first()


def _is_of(order: Order, wanted: dict[Key, int]) -> bool:
    """Return whether an order contains exactly these products."""
    rows = order.lines.values_list("offer_id", "season_pass_id", "quantity")
    return wanted == {
        (("offer", offer) if offer else ("pass", season_pass)): quantity
        for offer, season_pass, quantity in rows
    }


def _cart(sale: Sale, by, now: datetime) -> Cart:
    """Return the cart of a page: the one it made before if the products are the same, else a new one."""
    cart, before = cart_of(sale.key, by), None
    if cart is not None:
        lines = contents.read(cart).lines
        if carts.is_held(cart, now) and {line.product.key: line.quantity for line in lines} == sale.wanted:
            before = cart.typed
        else:
            places.end_holds(cart.key)
            carts.delete(cart)
            cart = None
    if cart is None:
        cart, _changed = carts.open_with(
            sale.pos, sale.wanted, user=NOBODY, now=now, seller=by, checkout_key=sale.key
        )
    cart.person_uuid = sale.person.subject_uuid if sale.person else None
    cart.save(update_fields=["person_uuid"])
    payment = {"method": sale.method, "invitation": sale.invitation}
    details = replace(
        before or TypedDetails(), buyer={k: v for k, v in sale.typed.items() if v}, payment=payment
    )
    carts.write_details(cart, details, complete=False)
    return cart


def _check_prices(cart_contents: contents.Contents, sale: Sale) -> None:
    """Raise CannotPlace if a price differs from the one that the page showed, and staff may have told."""
    for line in cart_contents.lines:
        if sale.prices.get(line.product.key) != line.unit_price:
            raise CannotPlace("changed")


def _language(cart: Cart) -> str:
    """Return the language of an order: the chosen person's if the shop speaks it, else the first one of the shop."""
    person, languages = chosen_person(cart), cart.point_of_sale.languages
    return person.language if person and person.language in languages else languages[0]
