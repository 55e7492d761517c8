"""Paying money of an order back: what staff decide, and the job that pays through the provider that took the money. Staff pay
the rest: payments of other methods, and what a provider refuses.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.values.money import ZERO

from .. import notices
from ..models import Exchange, Order, Payment, Refund
from . import methods, payments, provider_pages
from .methods.base import Outcome


class TooMuch(Exception):
    """More was to be paid back than is left of the order's money. ``left``: how much that is."""

    def __init__(self, left: Decimal):
        super().__init__(f"only {left} left")
        self.left = left


class Changed(Exception):
    """Something was paid back after the page was opened on which the amount was entered."""


# Kinds that lessen what is left of an order's price.
OF_PRICE = (Refund.Kind.PAID_BACK, Refund.Kind.TAKEN, Refund.Kind.EXCHANGED)


def last_returned(order: Order) -> Decimal:
    """Return what is to be paid back of the latest payment; zero if nothing is."""
    last = (
        Payment.objects.filter(order=order, state=Payment.State.CONFIRMED)
        .order_by("-confirmed_at", "-pk")
        .first()
    )
    if last is None or last.confirmed_at is None:
        return ZERO
    rows = Refund.objects.filter(
        payment__order=order, kind=Refund.Kind.RETURNED, requested_at=last.confirmed_at
    )
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def paid_back(order: Order) -> Decimal:
    """Return what staff decided to pay back of an order, paid already or not, and what was credited in an exchange."""
    rows = Refund.objects.filter(payment__order=order, kind__in=OF_PRICE)
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def gone(order: Order) -> Decimal:
    """Return what staff decided to pay back of an order, what was credited to another, and what banks took of its price after
    disputes, also before it was credited to this order.
    """
    return paid_back(order) + credit_lost(order)


def credit_lost(order: Order) -> Decimal:
    """Return what banks took of the amount that was credited to this order in an exchange. One query for an order without one.

    A bank takes the money of the payment that came. What the earlier order has left covers it first, then the latest exchanges.
    """
    exchange = Exchange.objects.filter(order=order).select_related("cancellation__order").first()
    if exchange is None or not exchange.credited:
        return ZERO
    earlier = exchange.cancellation.order
    missing = gone(earlier) - earlier.total
    if missing <= ZERO:
        return ZERO
    later = Exchange.objects.filter(cancellation__order=earlier, pk__gt=exchange.pk)
    covered = later.aggregate(sum=Sum("credited"))["sum"] or ZERO
    return min(max(missing - covered, ZERO), exchange.credited)


def decided_at(order: Order, instant: datetime) -> Decimal:
    """Return what staff decided at this instant to pay back of an order."""
    rows = Refund.objects.filter(payment__order=order, kind=Refund.Kind.PAID_BACK, requested_at=instant)
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def kept(order: Order) -> Decimal:
    """Return what is left of the money of an order that was paid; zero for other orders."""
    # A bank may take money that staff had paid back in another way.
    return max(order.total - gone(order), ZERO) if order.paid_at is not None else ZERO


def plan(order: Order, amount: Decimal, *, by, now: datetime) -> list[Refund]:
    """Plan to pay back part of the money of an order that was paid, and return the refunds. The order is locked.

    Payments that go back through their provider are used first, the latest first. Raise TooMuch.
    """
    left = kept(order)
    if amount > left:
        raise TooMuch(left)
    if amount <= ZERO:
        return []
    rows = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED).order_by("-pk")
    sources = [payment for payment, _amount in in_order([(payment, payment.amount) for payment in rows])]
    added = payments.add_refunds(sources, amount, Refund.Kind.PAID_BACK, now)
    history.record(order, "refund_requested", by=by, now=now, amount=str(amount))
    return added


def in_order(latest_first: list[tuple[Payment, Decimal]]) -> list[tuple[Payment, Decimal]]:
    """Return the payments, each with an amount, in the order in which money goes back to them."""
    return sorted(latest_first, key=lambda pair: not by_provider(pair[0]))


def credit(order: Order, amount: Decimal, *, now: datetime) -> None:
    """Take an amount of a paid order's money away for the order that its tickets are exchanged for. The order is locked.

    Payments that go back through their provider are used last, so that money can still go back to them by itself.
    """
    rows = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED).order_by("-pk")
    sources = sorted(rows, key=by_provider)
    for refund in payments.add_refunds(sources, amount, Refund.Kind.EXCHANGED, now):
        Refund.objects.filter(pk=refund.pk).update(state=Refund.State.DONE, done_at=now)


@transaction.atomic
def pay_back(order: Order, amount: Decimal, *, before: Decimal, by, now: datetime) -> None:
    """Pay back part of the money of an order that was paid, and tell the buyer.

    ``before``: what was paid back when the amount was entered, so that the same decision is not carried out twice. Raise
    Changed or TooMuch; then nothing has changed.
    """
    order = payments.lock(order.pk)
    if paid_back(order) != before:
        raise Changed
    notices.money_paid_back(order, plan(order, amount, by=by, now=now), now)


def by_provider(payment: Payment) -> bool:
    """Return whether the money of this payment goes back through its provider, without staff."""
    method = methods.METHODS.get(payment.method)
    return bool(method and method.refunds and payment.provider_reference)


def is_for_staff(refund: Refund) -> bool:
    """Return whether staff have to pay this money back."""
    if refund.state == Refund.State.REQUESTED:
        return not by_provider(refund.payment)
    return refund.state == Refund.State.FAILED


def _of_provider() -> Q:
    """Return the condition that is true for refunds that go back through their provider; see ``by_provider``."""
    codes = [code for code, method in methods.METHODS.items() if method.refunds]
    return Q(payment__method__in=codes) & ~Q(payment__provider_reference="")


def requested_from_staff() -> QuerySet[Refund]:
    """Return the refunds that wait until staff pay them and note it, without those that a provider refused."""
    return Refund.objects.filter(state=Refund.State.REQUESTED).exclude(_of_provider())


def _requested(now: datetime) -> QuerySet[Refund]:
    rows = Refund.objects.filter(_of_provider(), state=Refund.State.REQUESTED)
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


def note_failed(payment: Payment, *, now: datetime) -> int:
    """Ask the provider which refunds of a payment have failed, also after it said that they were done, and leave these to staff.

    Return their number. A refund that was refused before, and that staff may have paid in another way, stays as it is. Asks
    nothing if there is no other. Raise ProviderUnavailable.
    """
    of_provider = Refund.objects.filter(payment=payment, refused_at=None, dispute=None)
    rows = list(of_provider.select_related("payment__order"))
    method = methods.redirecting(payment.order.point_of_sale, payment.method) if rows else None
    if method is None:
        return 0
    provider_pages.leave_transactions()
    failed = method.failed_refunds(payment)
    return sum(_refused(refund, now) for refund in rows if refund.provider_key in failed)


@transaction.atomic
def _refused(refund: Refund, now: datetime) -> bool:
    rows = Refund.objects.filter(pk=refund.pk, refused_at=None, dispute=None)
    rows = rows.exclude(state=Refund.State.FAILED)
    if not rows.update(state=Refund.State.FAILED, done_at=None, refused_at=now):
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
