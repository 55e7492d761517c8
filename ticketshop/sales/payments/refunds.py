"""Paying money back through the provider that took it. Staff do the rest: payments of other methods, and what a provider refuses."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.jobs.rows import RowJob

from ..models import Payment, Refund
from . import methods, payments, provider_pages
from .methods.base import Outcome


def by_provider(payment: Payment) -> bool:
    """Return whether the money of this payment goes back through its provider, without staff."""
    method = methods.METHODS.get(payment.method)
    return bool(method and method.refunds and payment.provider_reference)


def is_for_staff(refund: Refund) -> bool:
    """Return whether staff have to pay this money back."""
    if refund.state == Refund.State.REQUESTED:
        return not by_provider(refund.payment)
    return refund.state == Refund.State.FAILED


def _requested(now: datetime) -> QuerySet[Refund]:
    codes = [code for code, method in methods.METHODS.items() if method.refunds]
    rows = Refund.objects.filter(~Q(payment__provider_reference=""), payment__method__in=codes)
    rows = rows.filter(state=Refund.State.REQUESTED)
    return rows.select_related("payment__order__point_of_sale").order_by("requested_at", "pk")


def _pay_back(refund: Refund, now: datetime) -> bool:
    method = methods.redirecting(refund.payment.order.point_of_sale, refund.payment.method)
    if method is None:
        return False
    provider_pages.leave_transactions()
    outcome = method.refund(refund)
    if outcome == Outcome.PAID:
        return payments.refund_done(refund, by=None, now=now)
    return outcome == Outcome.FAILED and _refused(refund, now)


@transaction.atomic
def _refused(refund: Refund, now: datetime) -> bool:
    rows = Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED)
    if not rows.update(state=Refund.State.FAILED):
        return False
    history.record(refund.payment.order, "refund_refused", by=None, now=now, amount=str(refund.amount))
    return True


PAY_BACK = RowJob(
    "sales.pay_back",
    gettext_lazy("Pay money back through the payment service"),
    rows=_requested,
    act=_pay_back,
    atomic=False,
    most=50,  # each may wait for PROVIDER_SECONDS
)
