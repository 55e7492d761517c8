"""Actions of payments: start, receive money, stop. A second call changes nothing."""

import uuid
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, Sum

from contacts import locking
from registration_forms.answers import limited_choices, responses
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.lib.compiled import Compiled, Parameter
from ticketshop.lib.money import ZERO

from .. import notices, recipients
from ..models import Admission, IssuedPass, Order, OrderLine, Payment, Refund, Ticket
from ..tickets import deadlines, tickets


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


def received(order: Order) -> Decimal:
    """The money that came for an order and is not to be paid back."""
    confirmed = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED)
    came = confirmed.aggregate(sum=Sum("amount"))["sum"] or ZERO
    back = Refund.objects.filter(payment__in=confirmed).aggregate(sum=Sum("amount"))["sum"] or ZERO
    return came - back


@transaction.atomic
def confirm(payment: Payment, *, by, now: datetime, rest: bool = False) -> bool:
    """The money an order waits for has come: the whole amount, or with ``rest`` what was still missing of it.

    Returns False if it was confirmed already.

    A pending order is paid and its tickets are issued, in one transaction. An order that expired comes back to life if
    everything it holds is still free; else, and where it was cancelled, the money is to be paid back, and the buyer is told.
    """
    if rest and (missing := _missing(payment)):
        receive(payment.order, missing, by=by, now=now)
        return True
    changed = Payment.objects.filter(pk=payment.pk, state=Payment.State.STARTED).update(
        state=Payment.State.CONFIRMED,
        confirmed_at=now,
        confirmed_by=by if by is not None and by.is_authenticated else None,
    )
    if not changed:
        return False
    payment.state, payment.confirmed_at = Payment.State.CONFIRMED, now
    _settle(payment, by, now)
    return True


@transaction.atomic
def receive(order: Order, amount: Decimal, *, by, now: datetime) -> Payment:
    """Other money came for an order: another amount than it waits for, or money once more. Returns its payment.

    Too little is kept, and the buyer is told what is missing; what is too much is to be paid back. The exact amount that an
    order waits for is its payment (``confirm``).
    """
    waiting = open_payment(order)
    if waiting is not None and amount == waiting.amount and received(order) == ZERO:
        confirm(waiting, by=by, now=now)
        return waiting
    payment = Payment.objects.create(
        order=order,
        method=order.payment_method,
        state=Payment.State.CONFIRMED,
        amount=amount,
        currency=order.currency,
        started_at=now,
        confirmed_at=now,
        confirmed_by=by if by is not None and by.is_authenticated else None,
    )
    _settle(payment, by, now)
    return payment


def _missing(payment: Payment) -> Decimal | None:
    """What a pending order still waits for after part of the money came; None where nothing came yet. Locks the order."""
    order = _hold(payment)
    came = received(order)
    waits = Payment.objects.filter(pk=payment.pk, state=Payment.State.STARTED).exists()
    return order.total - came if came and waits and order.state == Order.State.PENDING else None


_PAYMENTS = Compiled(lambda: Payment.objects.filter(order=Parameter("order")).order_by("pk"))


def due(order: Order) -> Payment | None:
    """The payment a pending order waits for, its amount what is still missing; not to be saved. One query."""
    rows = _PAYMENTS.all(order=order.pk)
    waiting = next((row for row in rows if row.state == Payment.State.STARTED), None)
    if waiting is not None:
        waiting.amount -= sum((row.amount for row in rows if row.state == Payment.State.CONFIRMED), ZERO)
    return waiting


def open_payment(order: Order) -> Payment | None:
    """The payment an order waits for; of an order that is over, the one whose money may still come."""
    waiting = Payment.objects.filter(order=order, state=Payment.State.STARTED, amount__gt=0)
    return waiting.order_by("pk").first()


def _hold(payment: Payment) -> Order:
    """Lock the order of a payment: its state, its buyer and its money are what they are now."""
    rows = Order.objects.select_for_update(of=("self",), no_key=True)
    payment.order = rows.select_related("buyer", "point_of_sale__organiser").get(pk=payment.order_id)
    return payment.order


def _settle(payment: Payment, by, now: datetime) -> None:
    """Say what becomes of money that has just come: the order is paid, waits for the rest, or the money goes back."""
    order = _hold(payment)
    surplus = received(order) - order.total
    before = order.state
    if surplus >= ZERO and before in (Order.State.PENDING, Order.State.EXPIRED):
        if before == Order.State.EXPIRED and not _revive(order, by, now):
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
    # Nothing more is waited for: the money came in other payments than this one.
    Payment.objects.filter(order=order, state=Payment.State.STARTED).update(state=Payment.State.REPLACED)
    order.state, order.paid_at, order.cancelled_at = Order.State.PAID, now, None
    tickets.issue(order, now=now)
    history.record(order, "paid", by=by, now=now, amount=str(payment.amount), method=payment.method)


def _return(payment: Payment, amount: Decimal, action: str, by, now: datetime) -> None:
    """The money is to be paid back, as a task for staff; the buyer is told why."""
    order = payment.order
    for one in _sources(order, payment):
        part = min(one.amount - _refunded(one), amount)
        if part > ZERO:
            Refund.objects.create(payment=one, amount=part, requested_at=now)
            amount -= part
    history.record(order, action, by=by, now=now, amount=str(payment.amount))
    notices.money_returned(order, payment, action, now)


def last_returned(order: Order) -> Decimal:
    """What is to be paid back of the money that came last; zero if none of it is."""
    last = (
        Payment.objects.filter(order=order, state=Payment.State.CONFIRMED)
        .order_by("-confirmed_at", "-pk")
        .first()
    )
    if last is None or last.confirmed_at is None:
        return ZERO
    rows = Refund.objects.filter(payment__order=order, requested_at=last.confirmed_at)
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def _sources(order: Order, payment: Payment) -> list[Payment]:
    """The payments money can go back from: the last one first."""
    others = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED).exclude(pk=payment.pk)
    return [payment, *others.order_by("-pk")]


def _refunded(payment: Payment) -> Decimal:
    return Refund.objects.filter(payment=payment).aggregate(sum=Sum("amount"))["sum"] or ZERO


def _revive(order: Order, by, now: datetime) -> bool:
    """Take everything an expired order held once more, all or nothing. False if something of it is not to be had."""
    if recipients.has_left(order.buyer) or not _to_come(order, now):
        return False
    wanted: dict[int, int] = {}
    for allotment, count in OrderLine.objects.filter(order=order).values_list("allotment_id", "places"):
        wanted[allotment] = wanted.get(allotment, 0) + count
    mine = (
        Q(order_response__order=order)
        | Q(ticket__order=order)
        | Q(issued_pass__order=order)
        | Q(issued_pass_adding__order=order)
    )
    # People before their tickets, as an erasure takes them; it takes the buyer, too, before the order, which is locked by now.
    locking.lock_all(
        {
            person
            for model in (Ticket, IssuedPass)
            for person in model.objects.filter(order=order, beneficiary__isnull=False)
            .exclude(beneficiary=order.buyer_id)
            .values_list("beneficiary", flat=True)
        }
    )
    try:
        with transaction.atomic():
            for model in (Ticket, IssuedPass):
                model.objects.filter(order=order, state=Admission.State.CANCELLED).update(
                    state=Admission.State.RESERVED
                )
            responses.reactivate(Response.objects.filter(mine))
            places.reserve(uuid.uuid4(), wanted)
    except (places.NotEnoughPlaces, limited_choices.ChoiceSoldOut):
        return False
    history.record(order, "revived", by=by, now=now)
    return True


def _to_come(order: Order, now: datetime) -> bool:
    """Whether every date of an order takes place and has not begun, and every pass is still valid."""
    sessions = Session.objects.filter(tickets__order=order)
    if sessions.filter(Q(state=Session.State.CANCELLED) | Q(starts_at__lte=now)).exists():
        return False
    passes = IssuedPass.objects.filter(order=order).select_related("order__point_of_sale__organiser")
    return all(deadlines.end_of_pass(issued) > now for issued in passes)


def stop(order: Order, *, now: datetime) -> None:
    """The order ends: money that came is to be paid back. A payment still under way stays open, so that late money is seen."""
    for payment in Payment.objects.filter(order=order, state=Payment.State.CONFIRMED, amount__gt=0):
        if (rest := payment.amount - _refunded(payment)) > ZERO:
            Refund.objects.create(payment=payment, amount=rest, requested_at=now)


def refund_done(refund: Refund, *, by, now: datetime) -> bool:
    """The money went back; False if that was noted already."""
    changed = Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED).update(
        state=Refund.State.DONE, done_at=now
    )
    if changed:
        history.record(refund.payment.order, "refunded", by=by, now=now, amount=str(refund.amount))
    return bool(changed)
