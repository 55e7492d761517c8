"""What the header shows of the cart."""

from . import session


def cart(request) -> dict:
    """``cart_count``: tickets in the visitor's cart here; reads nothing for a visitor without a session."""
    if getattr(request, "pos", None) is None or not hasattr(request, "session"):
        return {"cart_count": 0}
    return {"cart_count": session.counted(request)}
