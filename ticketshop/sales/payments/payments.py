"""Actions on payments: make one, record received money, refund. A second call changes nothing."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery, Sum

from ticketshop.history import history
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.values.money import ZERO, in_cash

from .. import notices
from ..models import NEVER_OWED, OPEN_REFUNDS, Order, Payment, Refund
from ..tickets import tickets
from . import methods, reviving
from .methods.base import Method


def new(order: Order, method: Method, now: datetime) -> Payment:
    """Return the unsaved payment of an order, with the reference that the payer quotes if the method has one."""
    return Payment(
        order=order,
        method=method.code,
        amount=order.total,
        rounding=_rounding(order.total, order.currency, method.code),
        currency=order.currency,
        reference=method.reference(order),
        started_at=now,
    )


def _rounding(amount: Decimal, currency: str, method: str) -> Decimal:
    """Return what is paid beyond an amount by this method, or less than it: only cash is rounded."""
    return in_cash(amount, currency) - amount if method == methods.CASH else ZERO


def received(order: Order) -> Decimal:
    """Return the amount that came for an order, without money that was not owed or was recorded by mistake. What staff decided to pay back of a paid order
    counts as received.
    """
    return sum((came - (back or ZERO) for came, back in _CONFIRMED.rows(order=order.pk)), ZERO)


# (amount, what of it was not owed) of each confirmed payment.
_CONFIRMED = Compiled(
    lambda: (
        Payment.objects.filter(order=Parameter("order"), state=Payment.State.CONFIRMED)
        .annotate(
            back=Subquery(
                Refund.objects.filter(payment=OuterRef("pk"), kind__in=NEVER_OWED)
                .values("payment")
                .annotate(sum=Sum("amount"))
                .values("sum")
            )
        )
        .values_list("amount", "back")
    )
)


def received_by_payment(order: Order) -> dict[Payment, Decimal]:
    """Return what came by each payment of an order, without money that was not owed and payments of which nothing is left."""
    returned = Q(refunds__kind__in=NEVER_OWED)
    rows = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED).order_by("pk")
    rows = rows.annotate(back=Sum("refunds__amount", filter=returned))
    left = {payment: payment.amount - (payment.back or ZERO) for payment in rows}
    return {payment: amount for payment, amount in left.items() if amount > ZERO}


def still_due(order: Order) -> Decimal:
    """Return what an order still costs after the money that came for it."""
    return order.total - received(order)


@transaction.atomic
def confirm(payment: Payment, *, by, now: datetime, rest: bool = False, method: str = "") -> bool:
    """Record that the money of a payment has come: the full amount, or with ``rest`` what was still missing of
    it.

    ``method``: code of the method by which the money came, if that may be another one than the payment's. Return False if it was confirmed already. A pending order becomes paid and its tickets are issued, in one
    transaction. An expired order becomes paid if all its places are still free. Otherwise, and for a
    cancelled order, the money is to be paid back, and the buyer gets a mail.
    """
    if rest and (missing := _missing(payment)):
        receive(payment.order, missing, by=by, now=now, method=method)
        return True
    lock_order(payment)
    came_by = {}
    if method:
        came_by = {"method": method, "rounding": _rounding(payment.amount, payment.currency, method)}
    # What has been paid on a provider's page is known from the provider alone.
    if not _confirmed(payment, Q(state=Payment.State.STARTED, provider_url=""), by, now, **came_by):
        return False
    _settle(payment, by, now)
    return True


@transaction.atomic
def confirm_page(payment: Payment, amount: Decimal, currency: str, *, by, now: datetime) -> bool:
    """Record what has been paid on a provider's page. Return False if that was recorded already.

    Unlike ``confirm`` it also takes money for a payment that was given up, because the buyer has paid it. Another amount than
    the payment's never pays an order: it is paid back.
    """
    lock_order(payment)
    if (amount, currency) != (payment.amount, payment.currency):
        return _other_amount(payment, amount, currency, by, now)
    if not _confirmed(payment, ~Q(state=Payment.State.CONFIRMED), by, now, provider_url="", asked_at=now):
        return False
    _settle(payment, by, now)
    return True


@transaction.atomic
def receive_page(
    order: Order, code: str, reference: str, amount: Decimal, currency: str, *, now: datetime
) -> bool:
    """Record money that was paid on a page of a provider that no payment has. Return False if it was recorded meanwhile."""
    order = lock(order.pk)
    if Payment.objects.filter(method=code, provider_reference=reference).exists():
        return False
    payment = Payment.objects.create(
        order=order,
        method=code,
        state=Payment.State.CONFIRMED,
        amount=amount,
        currency=currency,
        provider_reference=reference,
        started_at=now,
        confirmed_at=now,
        asked_at=now,
    )
    if currency == order.currency:
        _settle(payment, None, now)
    else:
        _return(payment, amount, "paid_other_amount", None, now)
    return True


def _other_amount(payment: Payment, amount: Decimal, currency: str, by, now: datetime) -> bool:
    """Record money of another amount than was asked for as a separate payment with the page's reference, and plan its refund."""
    asked_for = Payment.objects.filter(pk=payment.pk).exclude(state=Payment.State.CONFIRMED)
    of_page = asked_for.filter(provider_reference=payment.provider_reference)
    if not of_page.update(provider_reference="", provider_url="", asked_at=now):
        return False
    asked_for.filter(state=Payment.State.STARTED).update(state=Payment.State.FAILED)
    came = Payment.objects.create(
        order=payment.order,
        method=payment.method,
        state=Payment.State.CONFIRMED,
        amount=amount,
        currency=currency,
        provider_reference=payment.provider_reference,
        started_at=payment.started_at,
        confirmed_at=now,
        asked_at=now,
    )
    _return(came, amount, "paid_other_amount", by, now)
    start_again(payment.order, now=now)
    return True


def _confirmed(payment: Payment, before: Q, by, now: datetime, **values) -> bool:
    """Set the state of a payment to confirmed, if it fulfils ``before``. The order is locked."""
    values |= {
        "state": Payment.State.CONFIRMED,
        "confirmed_at": now,
        "confirmed_by": history.author(by),
    }
    if not Payment.objects.filter(before, pk=payment.pk).update(**values):
        return False
    for name, value in values.items():
        setattr(payment, name, value)
    return True


def start_again(order: Order, *, now: datetime) -> None:
    """Create another payment of a pending order whose payment can't be paid any more. The order is locked."""
    waiting = Payment.objects.filter(order=order, state=Payment.State.STARTED)
    if order.state == Order.State.PENDING and not waiting.exists():
        Payment.objects.create(
            order=order,
            method=order.payment_method,
            amount=still_due(order),
            currency=order.currency,
            started_at=now,
        )


@transaction.atomic
def receive(order: Order, amount: Decimal, *, by, now: datetime, method: str = "") -> Payment:
    """Record any other amount that came for an order, or a second payment. Return its payment.

    ``method``: code of the method by which the money came, if that may be another one than the order's.

    Too little is kept, and the buyer gets a mail about the missing amount. What is too much is to be paid
    back. For the exact amount that an order waits for, call ``confirm``.
    """
    waiting = open_payment(order)
    fits = waiting is not None and amount == waiting.amount and method in ("", waiting.method)
    if waiting is not None and fits and received(order) == ZERO:  # noqa: SIM102
        if confirm(waiting, by=by, now=now):
            return waiting
    payment = Payment.objects.create(
        order=order,
        method=method or order.payment_method,
        state=Payment.State.CONFIRMED,
        amount=amount,
        rounding=_rounding(amount, order.currency, method or order.payment_method),
        currency=order.currency,
        started_at=now,
        confirmed_at=now,
        confirmed_by=history.author(by),
    )
    lock_order(payment)
    _settle(payment, by, now)
    return payment


def _missing(payment: Payment) -> Decimal | None:
    """Return what a pending order still waits for after part of the money came; None if nothing came yet. Locks
    the order.
    """
    order = lock_order(payment)
    came = received(order)
    waits = Payment.objects.filter(pk=payment.pk, state=Payment.State.STARTED).exists()
    return order.total - came if came and waits and order.state == Order.State.PENDING else None


_PAYMENTS = Compiled(lambda: Payment.objects.filter(order=Parameter("order")).order_by("pk"))


def waiting_and_due(order: Order) -> tuple[Payment | None, Decimal]:
    """Return the payment that an order waits for, and what the order still costs. One query, two if money came."""
    return _waiting_and_due(order, _PAYMENTS.all(order=order.pk))


def _waiting_and_due(order: Order, rows: list[Payment]) -> tuple[Payment | None, Decimal]:
    waiting = next((row for row in rows if row.state == Payment.State.STARTED and row.amount), None)
    came = any(row.state == Payment.State.CONFIRMED for row in rows)
    return waiting, still_due(order) if came else order.total


def due(order: Order) -> Payment | None:
    """Return the payment of a pending order, with the missing amount as its amount; do not save it."""
    return due_and_given_up(order)[0]


def due_and_given_up(order: Order) -> tuple[Payment | None, set[str]]:
    """Return what ``due`` returns, and the methods by which the order was to be paid before. One query, two if money came."""
    rows = _PAYMENTS.all(order=order.pk)
    waiting, amount = _waiting_and_due(order, rows)
    if waiting is not None and waiting.amount != amount:
        waiting.amount = amount
    return waiting, {row.method for row in rows if row.state == Payment.State.REPLACED}


def open_payment(order: Order) -> Payment | None:
    """Return the payment an order waits for; for an order that is over, the one whose money may still come."""
    waiting = Payment.objects.filter(order=order, state=Payment.State.STARTED, amount__gt=0)
    return waiting.order_by("pk").first()


def lock_order(payment: Payment) -> Order:
    """Lock the order of a payment and read it again, with its buyer and point of sale. Orders are locked before payments."""
    payment.order = lock(payment.order_id)
    return payment.order


_LOCKED = Compiled(
    lambda: (
        Order.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk=Parameter("order"))
        .select_related("buyer", "point_of_sale__organiser")
    )
)


def lock(order_id: int) -> Order:
    """Lock an order and return it as it is then, with its buyer and point of sale."""
    order = _LOCKED.first(order=order_id)
    if order is None:
        raise Order.DoesNotExist
    return order


def _settle(payment: Payment, by, now: datetime) -> None:
    """Use money that has just come: the order is paid, or waits for the rest, or the money is to be paid back. The order
    is locked (``lock_order``).
    """
    order = payment.order
    surplus = received(order) - order.total
    before = order.state
    if surplus >= ZERO and before in (Order.State.PENDING, Order.State.EXPIRED):
        if before == Order.State.EXPIRED and not reviving.revive(order, by, now):
            _return(payment, received(order), "paid_too_late", by, now)
            return
        _pay(order, payment, by, now)
        if surplus > ZERO:
            _return(payment, surplus, "paid_too_much", by, now)
    elif before == Order.State.PENDING:
        history.record(order, "paid_in_part", by=by, now=now, amount=str(payment.amount))
        notices.money_missing(order, payment, now)
    else:
        action = "paid_again" if before == Order.State.PAID else "paid_too_late"
        _return(payment, payment.amount, action, by, now)


def _pay(order: Order, payment: Payment, by, now: datetime) -> None:
    Order.objects.filter(pk=order.pk).update(
        state=Order.State.PAID, paid_at=now, cancelled_at=None, network=""
    )
    # The order was paid by other payments, so it no longer waits for this one.
    Payment.objects.filter(order=order, state=Payment.State.STARTED).update(state=Payment.State.REPLACED)
    order.state, order.paid_at, order.cancelled_at = Order.State.PAID, now, None
    tickets.issue(order, now=now)
    history.record(order, "paid", by=by, now=now, amount=str(payment.amount), method=payment.method)


def _return(payment: Payment, amount: Decimal, action: str, by, now: datetime) -> None:
    """Plan to pay money back and tell the buyer why. The order is locked."""
    order = payment.order
    add_refunds(_sources(order, payment), amount, Refund.Kind.RETURNED, now)
    history.record(order, action, by=by, now=now, amount=str(payment.amount))
    notices.money_returned(order, payment, action, now)


def add_refunds(sources: list[Payment], amount: Decimal, kind: str, now: datetime) -> list[Refund]:
    """Plan to pay an amount back from these payments, as much as possible from the first. Return the refunds. The order of
    the payments is locked.
    """
    left = [(source, source.amount - _refunded(source)) for source in sources]
    return [
        Refund.objects.create(payment=source, kind=kind, amount=part, requested_at=now)
        for source, part in divided(left, amount)
    ]


def divided(sources: list[tuple[Payment, Decimal]], amount: Decimal) -> list[tuple[Payment, Decimal]]:
    """Return how much of an amount goes back by which payment. ``sources``: payments with what is left of each; the first ones
    give as much as they have.
    """
    parts = []
    for source, left in sources:
        part = min(left, amount)
        if part > ZERO:
            parts.append((source, part))
            amount -= part
    return parts


def _sources(order: Order, payment: Payment) -> list[Payment]:
    """Return the payments that money can be paid back from: this one first, then the latest."""
    others = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED).exclude(pk=payment.pk)
    return [payment, *others.order_by("-pk")]


def _refunded(payment: Payment) -> Decimal:
    return Refund.objects.filter(payment=payment).aggregate(sum=Sum("amount"))["sum"] or ZERO


class PageOpen(Exception):
    """Something may still be paid on a provider's page, so the order can't end and its places stay reserved."""


def check_pages(order: Order) -> None:
    """Raise PageOpen if something may still be paid on a provider's page. The order is locked."""
    if Payment.objects.filter(order=order).exclude(provider_url="").exists():
        raise PageOpen


def stop(order: Order, *, now: datetime) -> None:
    """Plan refunds for an order that ends before it was paid. An open payment stays open, so that late money is noticed.

    Raise PageOpen. The order is locked.
    """
    check_pages(order)
    for payment in Payment.objects.filter(order=order, state=Payment.State.CONFIRMED, amount__gt=0):
        add_refunds([payment], payment.amount, Refund.Kind.RETURNED, now)


@transaction.atomic
def refund_done(refund: Refund, *, by, now: datetime, done_as: str = "") -> bool:
    """Record that money was paid back. Return False if that was recorded already.

    ``by``: who paid it, None for the provider; ``done_as``: the method by which staff did. Staff also pay what a provider has refused; a provider's answer that is older than
    its refusal changes nothing.
    """
    before = (Refund.State.REQUESTED,) if by is None else OPEN_REFUNDS
    changed = Refund.objects.filter(pk=refund.pk, state__in=before).update(
        state=Refund.State.DONE,
        done_at=now,
        done_by=history.author(by),
        done_as=done_as,
        rounding=_rounding(refund.amount, refund.payment.currency, done_as),
    )
    if changed:
        history.record(refund.payment.order, "refunded", by=by, now=now, amount=str(refund.amount))
    return bool(changed)
