"""Context processor for the cart in the header."""

from . import session


def cart(request) -> dict:
    """Return ``cart_count``, the number of tickets in the visitor's cart here. Reads nothing for a visitor
    without a session.
    """
    if getattr(request, "pos", None) is None or not hasattr(request, "session"):
        return {"cart_count": 0}
    return {"cart_count": session.counted(request)}
