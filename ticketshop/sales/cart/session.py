"""The visitor's cart and order, as their session knows them: one cart per point of sale."""

import uuid

from ticketshop.lib.compiled import Compiled, Parameter
from ticketshop.organisers.models import PointOfSale

from ..models import Cart, Order

_BY_KEY = Compiled(lambda: Cart.objects.filter(point_of_sale=Parameter("pos"), key=Parameter("key")))


def _name(pos: PointOfSale) -> str:
    return f"cart:{pos.pk}"


def cart_of(request) -> Cart | None:
    """The visitor's cart at this shop, if there is one. Opens no session and makes no row.

    A log-in finds its cart again in a new session; a form brings the key of the cart it was made for.
    """
    key = request.session.get(_name(request.pos))
    if key is not None:
        cart = _BY_KEY.first(pos=request.pos.pk, key=uuid.UUID(key))
        if cart is not None:
            cart.point_of_sale = request.pos
    else:
        cart = _left_behind(request)
        if cart is not None:
            remember(request, cart)
    if cart is not None and cart.user_id is None and request.user.is_authenticated:
        # A guest's cart moves over with the log-in; from then on it goes when the log-in goes.
        cart.user = request.user
        Cart.objects.filter(pk=cart.pk).update(user=request.user)
    return cart


def _here(request, **which) -> Cart | None:
    cart = Cart.objects.filter(point_of_sale=request.pos, **which).order_by("-created_at", "-pk").first()
    if cart is not None:
        cart.point_of_sale = request.pos
    return cart


def _left_behind(request) -> Cart | None:
    """The cart of a visitor whose session is gone: the log-in's latest, or the guest's whose page this form stood on."""
    if request.user.is_authenticated and (cart := _here(request, user=request.user)):
        return cart
    key = posted_key(request)
    return _here(request, checkout_key=key, user=None) if key else None


def of_a_log_in(request) -> Cart | None:
    """The cart of a log-in that is over, for which the posted form was made: nothing of it may be shown."""
    key = None if request.user.is_authenticated else posted_key(request)
    return _here(request, checkout_key=key, user__isnull=False) if key else None


def posted_key(request) -> uuid.UUID | None:
    """The checkout key that the posted form carries: it stood on the pages of its cart and nowhere else."""
    try:
        return uuid.UUID(request.POST.get("checkout_key", ""))
    except ValueError:
        return None


def remember(request, cart: Cart) -> None:
    request.session[_name(request.pos)] = str(cart.key)
    request.session[f"{_name(request.pos)}:count"] = 0


def count(request, number: int) -> None:
    """How many tickets the header shows in the cart."""
    request.session[f"{_name(request.pos)}:count"] = number


def counted(request) -> int:
    return request.session.get(f"{_name(request.pos)}:count", 0)


def ordered(request, order: Order) -> None:
    """The cart became this order: whoever comes back to the empty cart finds the way to it."""
    request.session.pop(_name(request.pos), None)
    request.session.pop(f"{_name(request.pos)}:count", None)
    request.session[f"{_name(request.pos)}:ordered"] = [order.reference, order.secret]


def last_order(request) -> dict | None:
    """``reference`` and ``secret`` of the order this session placed last, for its address."""
    found = request.session.get(f"{_name(request.pos)}:ordered")
    return {"reference": found[0], "secret": found[1]} if found else None
