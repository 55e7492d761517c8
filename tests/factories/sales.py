"""Carts and orders, created by the functions that visitors' pages call."""

from datetime import datetime, timedelta
from decimal import Decimal

import factory
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from contacts.models import Contact
from ticketshop.catalogue.models import Offer, SeasonPass
from ticketshop.lib.database import writing
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.models import Cart, Order, Payment, PaymentDifference, PaymentMethod, TypedDetails
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import methods, payments

from .catalogue import OfferFactory
from .inserting import InsertingFactory
from .organisers import PointOfSaleFactory

# Settings of methods whose ``problems`` refuse the word "example".
EXAMPLES = {
    "bank_transfer": {"account_holder": "The Theatre", "iban": "CH9300762011623852957"},
    "invoice": {"account_holder": "The Theatre", "iban": "CH9300762011623852957"},
    "stripe": {"account": "THEATRE"},
}
SHOP = Compiled(lambda: PointOfSale.objects.filter(pk=Parameter("pos")).select_related("organiser"))
PAYMENT = Compiled(lambda: Payment.objects.filter(order=Parameter("order")))
BUYER = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.org"}


class PaymentMethodFactory(InsertingFactory):
    """Pay at the box office, or another method with ``code``. Its required settings are filled in."""

    class Meta:
        model = PaymentMethod

    point_of_sale = factory.SubFactory(PointOfSaleFactory)
    code = "on_site"
    settings = factory.LazyAttribute(lambda made: EXAMPLES.get(made.code) or _required_settings(made.code))


class PaymentDifferenceFactory(InsertingFactory):
    """12 francs that came by a payment service yesterday and are not noted."""

    class Meta:
        model = PaymentDifference

    point_of_sale = factory.SubFactory(PointOfSaleFactory)
    method = "stripe"
    day = factory.LazyFunction(lambda: timezone.localdate() - timedelta(days=1))
    code = PaymentDifference.Code.UNKNOWN
    provider_reference = factory.Sequence(lambda number: f"page{number}")
    amount_there = Decimal(12)
    currency_there = "CHF"
    found_at = factory.LazyFunction(timezone.now)


def _required_settings(code: str) -> dict[str, str]:
    setting_fields = methods.METHODS[code].setting_fields if code in methods.METHODS else {}
    return {name: "example" for name, (_label, required) in setting_fields.items() if required}


def make_cart(
    wanted: dict[Offer | SeasonPass, int] | None = None,
    *,
    pos: PointOfSale | None = None,
    user=None,
    buyer: dict | None = None,
    holders: list[dict] | None = None,
    network: str = "",
    now: datetime | None = None,
) -> Cart:
    """A cart ready to be placed: ``wanted`` (thing -> quantity), by default one ticket of a new offer.

    ``pos`` is needed only where the first thing is sold in several shops. ``buyer`` is what was typed,
    by default ``BUYER``; ``holders`` are the names typed for the tickets, in their order. ``network``: the result
    of ``caps.network_of``.
    """
    now = now or timezone.now()
    wanted = wanted or {OfferFactory(pos=pos): 1}
    first = next(iter(wanted))
    sold = first.session.event if isinstance(first, Offer) else first
    pos = pos or getattr(sold, "first_shop", None) or sold.points_of_sale.get()
    pos = SHOP.first(pos=pos.pk)  # as it is by now
    keys = {
        ("offer" if isinstance(thing, Offer) else "pass", thing.pk): quantity
        for thing, quantity in wanted.items()
    }
    cart, _changed = carts.open_with(pos, keys, user=user or AnonymousUser(), now=now, network=network)
    slots = [slot for line in contents.read(cart).lines for slot in line.slots] if holders else []
    details = TypedDetails(buyer or BUYER, dict(zip(slots, holders or [], strict=False)))
    carts.write_details(cart, details, complete=True)
    return cart


def place(
    cart: Cart, *, method: str = "on_site", user=None, now: datetime | None = None, capped: bool = False
) -> Order:
    """Place a cart as its review page does; the shop offers ``method`` from now on. ``capped``: with the limits for unpaid orders."""
    now = now or timezone.now()
    whole = contents.read(cart)
    if whole.total and method != "test":
        row = PaymentMethodFactory.build(point_of_sale=cart.point_of_sale, code=method)
        writing.insert_unless(row, "point_of_sale", "code")
    return orders.place(
        cart,
        method=method if whole.total else "free",
        content_hash=whole.content_hash,
        user=user or cart.user or AnonymousUser(),
        language="en",
        now=now,
        capped=capped,
    )


def make_order(
    wanted: dict[Offer | SeasonPass, int] | None = None,
    *,
    pos: PointOfSale | None = None,
    buyer: Contact | dict | None = None,
    user=None,
    holders: list[dict] | None = None,
    method: str = "on_site",
    paid: bool = False,
    now: datetime | None = None,
) -> Order:
    """An order, placed by the actions: by default one ticket for 35.00, waiting for payment at the box office.

    ``buyer`` is a contact (of the shop's organiser), or what a guest types; ``user`` orders signed in.
    With ``paid`` the money has come. An order for nothing is paid at once.
    """
    now = now or timezone.now()
    typed = buyer if isinstance(buyer, dict) else None
    if isinstance(buyer, Contact):
        user = buyer.user
        typed = {"first_name": buyer.first_name, "last_name": buyer.last_name, "email": buyer.email}
    cart = make_cart(wanted, pos=pos, user=user, buyer=typed, holders=holders, now=now)
    order = place(cart, method=method, user=user, now=now)
    if isinstance(buyer, Contact):
        assert order.buyer == buyer, "no guest's order reaches this contact: it needs an address and a name"
    if paid and order.state == Order.State.PENDING:
        payments.confirm(PAYMENT.first(order=order.pk), by=None, now=now)
        order.refresh_from_db()
    return order
