"""Caps on places that are held in carts, or ordered and not paid, so that unpaid orders can't block the sale of
a date.

The network of a guest is kept with the cart and with the unpaid order as a keyed hash that changes every
month. It is deleted with the cart, and when the order is paid or ends.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Max, QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _

from contacts.models import Contact
from ticketshop.catalogue import places
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.prepared import prepared_cursor
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.web.network import network
from ticketshop.lib.web.waits import again_in
from ticketshop.limits import limits

from ..models import Cart, Order
from .contents import Contents

# The start page of the back office names networks with at least this many unpaid orders.
MANY = 6

_TAKEN = """
    SELECT a.id
    FROM catalogue_allotment a JOIN (
        SELECT h.allotment_id, h.places
        FROM sales_cart c JOIN catalogue_hold h ON h.key = c.key
        WHERE c.network = %(network)s AND h.expires_at > statement_timestamp()
        UNION ALL
        SELECT l.allotment_id, l.places
        FROM sales_order o JOIN sales_orderline l ON l.order_id = o.id
        WHERE o.network = %(network)s AND o.state = 'pending'
    ) taken ON taken.allotment_id = a.id
    WHERE a.id = ANY(%(allotments)s)
    GROUP BY a.id, a.capacity
    HAVING sum(taken.places) > greatest(%(at_least)s, a.capacity * %(percent)s / 100)
"""


def _unpaid(**by_whom: object) -> QuerySet:
    """Return a row with the number of unpaid orders at a shop, and of their places; no row if there are none."""
    rows = Order.objects.filter(point_of_sale=Parameter("pos"), state=Order.State.PENDING, **by_whom)
    return rows.values_list("point_of_sale").annotate(
        orders=Count("pk", distinct=True), places=Sum("lines__places", default=0)
    )


_UNPAID_OF_ADDRESS = Compiled(lambda: _unpaid(buyer__email_key=Parameter("address")))
_UNPAID_OF_BUYER = Compiled(lambda: _unpaid(buyer=Parameter("buyer")))


class TooManyPlaces(Exception):
    """Guests of one network would hold, or have ordered without paying, too many places of a date."""


def network_of(request: HttpRequest, now: datetime) -> str:
    """Return the hash of the guest's network, as carts and unpaid orders store it; empty for a signed-in visitor."""
    return "" if request.user.is_authenticated else limits.fingerprint("network", network(request), now)


def check_network(cart: Cart, allotments: Iterable[int]) -> None:
    """Raise TooManyPlaces if the cart's network has too many places of one of the allotments.

    Too many is more than one order may have and more than the shop's share of the date. Call it after the
    allotments are locked. One query; none for a signed-in visitor.
    """
    if not cart.network or cart.user_id is not None:
        return
    pos = cart.point_of_sale
    values = {
        "network": cart.network,
        "allotments": list(allotments),
        "at_least": pos.max_tickets_per_order,
        "percent": pos.network_share,
    }
    with prepared_cursor() as cursor:
        cursor.execute(_TAKEN, values)
        if cursor.fetchone():
            raise TooManyPlaces


def end_holds_of_other_carts(cart: Cart, now: datetime) -> None:
    """End the holds of other carts of the same user at this shop: a user holds places in one cart at a time."""
    if cart.user_id is None:
        return
    others = Cart.objects.filter(user=cart.user_id, point_of_sale=cart.point_of_sale, held_until__gt=now)
    # A cart that another request changes now is skipped: that request ends the hold of this cart instead.
    other_carts = list(others.exclude(pk=cart.pk).select_for_update(skip_locked=True))
    for other in other_carts:
        places.end_holds(other.key)
    if other_carts:
        Cart.objects.filter(pk__in=[other.pk for other in other_carts]).update(held_until=None)


def refusal(cart_contents: Contents, buyer: Contact, now: datetime) -> str:
    """Return a sentence that states why ``buyer`` can't order this cart; empty if they can."""
    unpaid = (
        _unpaid_refusal(cart_contents.cart, buyer, cart_contents.admissions)
        if cart_contents.total > ZERO
        else ""
    )
    return unpaid or _mailbox_refusal(cart_contents.cart, buyer, now)


def _unpaid_refusal(cart: Cart, buyer: Contact, admissions: int) -> str:
    """Return why ``admissions`` more tickets and passes can't be ordered without paying at once; else empty.

    Orders of a guest are counted by e-mail address, those of a user by contact: knowing the e-mail address of
    a user is not enough to use up their share.
    """
    pos = cart.point_of_sale
    if cart.user_id is None:
        rows = _UNPAID_OF_ADDRESS.rows(pos=pos.pk, address=buyer.email_key)
    else:
        rows = _UNPAID_OF_BUYER.rows(pos=pos.pk, buyer=buyer.pk)
    count, places_unpaid = rows[0][1:] if rows else (0, 0)
    if count >= pos.max_unpaid_orders or (
        places_unpaid and places_unpaid + admissions > pos.max_tickets_per_order
    ):
        if cart.user_id is not None:
            return _(
                "Too many of your orders wait for payment. Pay or cancel one of them first: they stand under “Orders and tickets” in your account. Nothing was ordered; your cart is kept."
            )
        return _(
            "Too many orders under this e-mail address wait for payment. Pay or cancel one of them first: the link is in the e-mail about each order. Or log in and order there. Nothing was ordered; your cart is kept."
        )
    return ""


def _mailbox_refusal(cart: Cart, buyer: Contact, now: datetime) -> str:
    """Count a guest's order under the e-mail address. Return a sentence if there are too many, else empty.

    Each order causes a mail to that address, paid or free, and the address is not verified.
    """
    if cart.user_id is None and not limits.hit("order_mailbox", buyer.email_key, now):
        return _(
            "Many orders were placed under this e-mail address in the last 24 hours. Log in to order more. %(again)s Nothing was ordered; your cart is kept."
        ) % {"again": again_in(limits.wait("order_mailbox", buyer.email_key, now))}
    return ""


def of_same_network(order: Order) -> QuerySet[Order]:
    """Return the unpaid orders that guests of the same network placed at the organiser, including this one."""
    if not order.network:
        return Order.objects.none()
    return Order.objects.filter(
        organiser=order.organiser_id, network=order.network, state=Order.State.PENDING
    ).order_by("placed_at", "pk")


def many_of_one_network(rows: QuerySet[Order]) -> list[dict]:
    """Return the networks with many unpaid orders among ``rows``, the largest first.

    Each is a dict with ``count`` and ``latest``, the id of the latest order.
    """
    unpaid = rows.filter(state=Order.State.PENDING).exclude(network="")
    groups = unpaid.order_by().values("organiser", "network").annotate(count=Count("pk"), latest=Max("pk"))
    return list(groups.filter(count__gte=MANY).order_by("-count", "latest")[:5])
