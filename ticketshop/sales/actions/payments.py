"""Verbs of payments: start, confirm, stop. A second call changes nothing."""

from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from ..models import Order, Payment, Refund
from . import tickets


def start(order: Order, method, *, now: datetime) -> Payment:
    """The payment an order waits for, with the reference the payer quotes where the method has one."""
    payment = new(order, method, now)
    payment.save(force_insert=True)
    return payment


def new(order: Order, method, now: datetime) -> Payment:
    """The payment an order waits for, not yet written."""
    return Payment(
        order=order,
        method=method.code,
        amount=order.total,
        currency=order.currency,
        reference=method.reference(order),
        started_at=now,
    )


@transaction.atomic
def confirm(payment: Payment, *, by, now: datetime) -> bool:
    """The money has come: the order is paid and its tickets are issued, in one transaction.

    Returns False if it was confirmed already. Money for an order that is cancelled or expired is
    never dropped: the payment is confirmed and a refund is requested.
    """
    changed = Payment.objects.filter(pk=payment.pk, state=Payment.State.STARTED).update(
        state=Payment.State.CONFIRMED,
        confirmed_at=now,
        confirmed_by=by if by is not None and by.is_authenticated else None,
    )
    if not changed:
        return False
    payment.state, payment.confirmed_at = Payment.State.CONFIRMED, now
    order = payment.order
    paid = Order.objects.filter(pk=order.pk, state=Order.State.PENDING).update(
        state=Order.State.PAID, paid_at=now
    )
    if not paid:
        Refund.objects.create(payment=payment, amount=payment.amount, requested_at=now)
        history.record(order, "paid_too_late", by=by, now=now, amount=str(payment.amount))
        return True
    # As it is now that the order is held: the buyer may have been erased meanwhile.
    order.refresh_from_db(fields=["state", "paid_at", "buyer"])
    tickets.issue(order, now=now)
    history.record(order, "paid", by=by, now=now, amount=str(payment.amount), method=payment.method)
    return True


def stop(order: Order, *, now: datetime) -> None:
    """The order ends: money that came is to be paid back. A payment still under way stays open, so that late money is seen."""
    for payment in Payment.objects.filter(order=order, state=Payment.State.CONFIRMED, amount__gt=0):
        Refund.objects.create(payment=payment, amount=payment.amount, requested_at=now)


def refund_done(refund: Refund, *, by, now: datetime) -> bool:
    """The money went back; False if that was noted already."""
    changed = Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED).update(
        state=Refund.State.DONE, done_at=now
    )
    if changed:
        history.record(refund.payment.order, "refunded", by=by, now=now, amount=str(refund.amount))
    return bool(changed)
