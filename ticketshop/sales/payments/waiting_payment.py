"""Replacing the payment that an order waits for: by one of another method, or by one of what is still due."""

from datetime import datetime

from django.db import transaction

from ..models import Order, Payment
from . import payments
from .methods.base import Method


def use_method(order: Order, method: Method, *, now: datetime) -> None:
    """Let a pending order wait for a payment by another method. The order is locked, and no page of a provider is open.

    Raise PageOpen if one is.
    """
    payments.check_pages(order)
    Payment.objects.filter(order=order, state=Payment.State.STARTED).update(state=Payment.State.REPLACED)
    payment = payments.new(order, method, now)
    if payment.reference:
        # The method was chosen before: its payment has the reference, which the buyer may have used already.
        before = Payment.objects.filter(order=order, reference=payment.reference)
        if before.filter(state=Payment.State.REPLACED).update(state=Payment.State.STARTED):
            return
        payment.reference = "" if before.exists() else payment.reference
    payment.amount = payments.still_due(order) if method.redirects else order.total
    payment.save()


@transaction.atomic
def ask_for_rest(order: Order, *, now: datetime) -> None:
    """Replace a payment whose amount is no longer what the order still costs, unless its page is open."""
    order = payments.lock(order.pk)
    rows = Payment.objects.filter(order=order, state=Payment.State.STARTED, provider_url="")
    rows.exclude(amount=payments.still_due(order)).update(state=Payment.State.REPLACED)
    payments.start_again(order, now=now)
