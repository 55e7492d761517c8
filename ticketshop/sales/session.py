"""The visitor's cart and order, as their session knows them: one cart per point of sale."""

import uuid

from ticketshop.organisers.models import PointOfSale

from .models import Cart


def _name(pos: PointOfSale) -> str:
    return f"cart:{pos.pk}"


def cart_of(request) -> Cart | None:
    """The visitor's cart at this shop, if there is one. Opens no session and makes no row."""
    key = request.session.get(_name(request.pos))
    if key is None:
        return None
    cart = Cart.objects.filter(key=uuid.UUID(key), point_of_sale=request.pos).first()
    if cart is None:
        return None
    cart.point_of_sale = request.pos
    if cart.user_id is None and request.user.is_authenticated:
        # A guest's cart moves over with the log-in; from then on it goes when the log-in goes.
        cart.user = request.user
        cart.save(update_fields=["user"])
    return cart


def remember(request, cart: Cart) -> None:
    request.session[_name(request.pos)] = str(cart.key)
    request.session[f"{_name(request.pos)}:count"] = 0


def count(request, number: int) -> None:
    """How many tickets the header shows in the cart."""
    request.session[f"{_name(request.pos)}:count"] = number


def counted(request) -> int:
    return request.session.get(f"{_name(request.pos)}:count", 0)


def forget(request) -> None:
    request.session.pop(_name(request.pos), None)
    request.session.pop(f"{_name(request.pos)}:count", None)
