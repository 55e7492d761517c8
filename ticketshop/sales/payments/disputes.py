"""Disputes about payments, as the provider tells them, and the money that goes with a lost one.

Each lost dispute has refunds of exactly its amount: those that were still to be paid and whose money is gone, and one of its own
for the rest.
"""

from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet, Sum

from ticketshop.history import history
from ticketshop.lib.values.money import ZERO

from .. import notices
from ..models import OPEN_REFUNDS, Dispute, Order, Payment, Refund
from .methods.base import DisputeStatus

# State -> action in the history.
ACTIONS: dict[str, str] = {
    Dispute.State.OPEN: "disputed",
    Dispute.State.WON: "dispute_won",
    Dispute.State.LOST: "dispute_lost",
}


def record(payment: Payment, known: tuple[DisputeStatus, ...], *, now: datetime) -> None:
    """Store the disputes about a payment, and tell staff of new ones. A second call with the same changes nothing. The order is
    locked.
    """
    for told in known:
        closed_at = None if told.state == Dispute.State.OPEN else now
        dispute, created = Dispute.objects.get_or_create(
            payment=payment,
            provider_reference=told.reference,
            defaults={
                "state": told.state,
                "amount": told.amount,
                "opened_at": told.opened_at,
                "closed_at": closed_at,
            },
        )
        before = None if created else dispute.state
        if not created and before != told.state:
            dispute.state, dispute.amount, dispute.closed_at = told.state, told.amount, closed_at
            dispute.save(update_fields=["state", "amount", "closed_at"])
        elif not created:
            continue
        if before == Dispute.State.LOST:
            _give_back(dispute)
        if dispute.state == Dispute.State.LOST:
            _take(dispute, now)
        history.record(payment.order, ACTIONS[dispute.state], by=None, now=now, amount=str(dispute.amount))
        if dispute.state == Dispute.State.OPEN:
            notices.dispute_opened(dispute, now)


def _take(dispute: Dispute, now: datetime) -> None:
    """Add the money that the bank took. Refunds for which the payment has not enough money left are done with it, the latest
    first, so that nobody pays them once more. The order is locked.
    """
    of_payment = Refund.objects.filter(payment=dispute.payment)
    still_open = list(of_payment.filter(state__in=OPEN_REFUNDS).order_by("-pk"))
    gone = of_payment.filter(state=Refund.State.DONE).aggregate(sum=Sum("amount"))["sum"] or ZERO
    to_pay = sum((refund.amount for refund in still_open), ZERO)
    left = dispute.payment.amount - gone - dispute.amount
    rest, missing = dispute.amount, to_pay - max(left, ZERO)
    for refund in still_open:
        part = min(refund.amount, rest, missing)
        if part > ZERO and refund.done_with(part, now, dispute=dispute):
            rest, missing = rest - part, missing - part
    if rest > ZERO:
        Refund.objects.create(
            payment=dispute.payment,
            kind=Refund.Kind.TAKEN,
            state=Refund.State.DONE,
            amount=rest,
            requested_at=now,
            done_at=now,
            dispute=dispute,
        )


def _give_back(dispute: Dispute) -> None:
    """Take back what ``_take`` noted, because the bank has decided otherwise since: what was to be paid is to be paid again."""
    rows = Refund.objects.filter(dispute=dispute)
    rows.filter(kind=Refund.Kind.TAKEN).delete()
    for refused, state in ((True, Refund.State.REQUESTED), (False, Refund.State.FAILED)):
        rows.filter(refused_at__isnull=refused).update(state=state, done_at=None, dispute=None)


def taken(order: Order) -> Decimal:
    """Return what banks took of an order's money after disputes."""
    rows = Refund.objects.filter(payment__order=order).exclude(dispute=None)
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def is_open(payment: Payment) -> bool:
    """Return whether the bank has yet to decide about a dispute of this payment."""
    return Dispute.objects.filter(payment=payment, state=Dispute.State.OPEN).exists()


def of_order(order: Order) -> QuerySet[Dispute]:
    """Return the disputes about the payments of an order, the oldest first."""
    return Dispute.objects.filter(payment__order=order).select_related("payment").order_by("opened_at", "pk")
