"""Money that staff note by hand, once for each page on which they typed its amount."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from ..models import Order, Payment
from . import payments


def number_confirmed(order: Order) -> int:
    """Return how many payments of an order have come."""
    return Payment.objects.filter(order=order, state=Payment.State.CONFIRMED).count()


@transaction.atomic
def receive(order: Order, *, amount: Decimal, method: str, before: int, by, now: datetime) -> bool:
    """Record an amount that came by this method. Return False, and change nothing, if other money came since the page was
    opened, such as by the same page sent twice. ``before``: ``number_confirmed`` then.
    """
    order = payments.lock(order.pk)
    if number_confirmed(order) != before:
        return False
    payments.receive(order, amount, by=by, now=now, method=method)
    return True
