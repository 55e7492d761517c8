"""The visitor's cart and last order, as their log-in session stores them: one cart per point of sale."""

import uuid

from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.organisers.models import PointOfSale

from ..models import Cart, Order
from . import contents

_BY_KEY = Compiled(lambda: Cart.objects.filter(point_of_sale=Parameter("pos"), key=Parameter("key")))


def _name(pos: PointOfSale) -> str:
    return f"cart:{pos.pk}"


def cart_of(request) -> Cart | None:
    """Return the visitor's cart at this shop, or None. Opens no session and creates no row.

    A user finds their cart again in a new session; a form contains the key of the cart it was made for.
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
    if cart is not None:
        _adopt(request, cart)
    return cart


def contents_of(request) -> tuple[Cart | None, contents.Contents | None]:
    """Return the visitor's cart as ``cart_of`` does, and its contents if they were read with it: one query for both."""
    key = request.session.get(_name(request.pos))
    found = contents.read_with_cart(request.pos, uuid.UUID(key)) if key is not None else None
    if found is None:
        return cart_of(request), None
    _adopt(request, found.cart)
    return found.cart, found


def _adopt(request, cart: Cart) -> None:
    """Give a guest's cart to the user who has just logged in; it is then deleted with the log-in."""
    if cart.user_id is None and request.user.is_authenticated:
        cart.user = request.user
        Cart.objects.filter(pk=cart.pk).update(user=request.user)


def _here(request, **which) -> Cart | None:
    cart = Cart.objects.filter(point_of_sale=request.pos, **which).order_by("-created_at", "-pk").first()
    if cart is not None:
        cart.point_of_sale = request.pos
    return cart


def _left_behind(request) -> Cart | None:
    """Return the cart of a visitor whose session is gone: the user's latest one, or the guest's cart named by
    the posted form.
    """
    if request.user.is_authenticated and (cart := _here(request, user=request.user)):
        return cart
    key = posted_key(request)
    return _here(request, checkout_key=key, user=None) if key else None


def of_a_log_in(request) -> Cart | None:
    """Return the cart of an ended log-in that the posted form was made for. Nothing of it may be shown."""
    key = None if request.user.is_authenticated else posted_key(request)
    return _here(request, checkout_key=key, user__isnull=False) if key else None


def posted_key(request) -> uuid.UUID | None:
    """Return the checkout key in the posted form, or None. Only pages of the cart contain it."""
    try:
        return uuid.UUID(request.POST.get("checkout_key", ""))
    except ValueError:
        return None


def remember(request, cart: Cart) -> None:
    """Store the cart in the session."""
    request.session[_name(request.pos)] = str(cart.key)
    request.session[f"{_name(request.pos)}:count"] = 0


def count(request, number: int) -> None:
    """Store the number of tickets that the header shows."""
    request.session[f"{_name(request.pos)}:count"] = number


def counted(request) -> int:
    """Return the number of tickets that the header shows."""
    return request.session.get(f"{_name(request.pos)}:count", 0)


def ordered(request, order: Order) -> None:
    """Store that the cart became this order, so that the empty cart page can link to it."""
    request.session.pop(_name(request.pos), None)
    request.session.pop(f"{_name(request.pos)}:count", None)
    request.session[f"{_name(request.pos)}:ordered"] = [order.reference, order.secret]


def last_order(request) -> dict | None:
    """Return ``reference`` and ``secret`` of the last order of this session, for its URL; None without one."""
    stored = request.session.get(f"{_name(request.pos)}:ordered")
    return {"reference": stored[0], "secret": stored[1]} if stored else None
