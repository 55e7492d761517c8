"""Take the money of an order that waits for it, at the counter."""

from datetime import datetime

from django.db import transaction

from ..models import Order
from ..payments import methods, payments


class NotTaken(Exception):
    """No money was noted; nothing has changed. ``code``: "method" if the method is not offered, "paid" or "over" by the order's state."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def ways(order: Order) -> dict[str, methods.Method]:
    """Return the methods by which staff can take what an order still costs: code -> method."""
    offered = methods.offered_at_counter(order.point_of_sale, order.total, order.currency)
    return {code: method for code, method in offered.items() if code in methods.TAKEN_BY_STAFF}


def _lock(order: Order) -> Order:
    """Lock the order and return it as it is then."""
    return payments.lock(order.pk)


@transaction.atomic
def take(order: Order, method: str, *, by, now: datetime) -> Order:
    """Note that staff have taken what a pending order still costs. It becomes paid, and its tickets are valid.

    Return the order as it is then. Raise NotTaken; ``payments.PageOpen`` while it may still be paid on a page of a provider.
    """
    order = _lock(order)
    if order.state != Order.State.PENDING:
        raise NotTaken("paid" if order.state == Order.State.PAID else "over")
    if method not in ways(order):
        raise NotTaken("method")
    payments.check_pages(order)
    payments.receive(order, payments.still_due(order), by=by, now=now, method=method)
    order.refresh_from_db()
    return order
