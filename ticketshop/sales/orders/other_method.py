"""Paying an unpaid order in another way than was chosen at the checkout."""

from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from .. import notices
from ..models import Order
from ..payments import methods, payments, provider_pages, waiting_payment
from ..payments.methods.base import Method


class NotOffered(Exception):
    """The method is not offered for what the order still costs."""


def choices(order: Order) -> dict[str, Method]:
    """Return the other methods that the buyer may choose for what the order still costs: code -> method."""
    still = payments.still_due(order)
    _method, others = methods.of_order_and_others(
        order.point_of_sale, order.payment_method, still, order.currency
    )
    return others


def change(order: Order, code: str, *, by, now: datetime) -> bool:
    """Let a pending order be paid by another method. Its deadline becomes that of the method, and the buyer gets a mail about how to pay
    unless the method leads to a provider.

    An open page at a provider is ended first. Return False, and change nothing, if the order turns out to be paid or is over. Raise
    NotOffered, or ProviderUnavailable or PageOpen while a payment that was begun may still succeed.
    """
    provider_pages.close(order, now=now)
    return _change(order, code, by, now)


@transaction.atomic
def _change(order: Order, code: str, by, now: datetime) -> bool:
    locked = payments.lock(order.pk)
    if locked.state != Order.State.PENDING:
        return False
    method = choices(locked).get(code)
    if method is None:
        raise NotOffered
    waiting_payment.use_method(locked, method, now=now)
    history.record(
        locked, "method_changed", by=by, now=now, method={"old": locked.payment_method, "new": code}
    )
    locked.payment_method, locked.reminded_at = code, None
    locked.expires_at = method.expires_at(locked.point_of_sale.organiser, first_start(locked), now)
    locked.save(update_fields=["payment_method", "expires_at", "reminded_at"])
    if not method.redirects:
        notices.queue(locked, "order_placed", now, again=True)
    order.refresh_from_db(fields=["payment_method", "expires_at", "reminded_at"])
    return True


def first_start(order: Order) -> datetime | None:
    """Return when the earliest date of the order begins; None if it has passes only."""
    starts = order.lines.filter(offer__isnull=False).values_list("offer__session__starts_at", flat=True)
    return min(starts, default=None)
