"""Disputes about payments, as the provider tells them."""

from datetime import datetime

from django.db.models import QuerySet

from ticketshop.history import history

from ..models import Dispute, Order, Payment
from .methods.base import DisputeStatus

# State -> action in the history.
ACTIONS: dict[str, str] = {
    Dispute.State.OPEN: "disputed",
    Dispute.State.WON: "dispute_won",
    Dispute.State.LOST: "dispute_lost",
}


def record(payment: Payment, known: tuple[DisputeStatus, ...], *, now: datetime) -> None:
    """Store the disputes about a payment. A second call with the same changes nothing. The order is locked."""
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
        if not created and dispute.state != told.state:
            dispute.state, dispute.amount, dispute.closed_at = told.state, told.amount, closed_at
            dispute.save(update_fields=["state", "amount", "closed_at"])
        elif not created:
            continue
        history.record(payment.order, ACTIONS[dispute.state], by=None, now=now, amount=str(dispute.amount))


def of_order(order: Order) -> QuerySet[Dispute]:
    """Return the disputes about the payments of an order, the oldest first."""
    return Dispute.objects.filter(payment__order=order).select_related("payment").order_by("opened_at", "pk")
