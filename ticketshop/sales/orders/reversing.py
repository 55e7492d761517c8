"""Take a payment back that staff recorded and that did not come; see the decision note 0047.

Nothing is deleted: a ``Reversal`` takes the payment back, with refunds of exactly its amount. Those that were still to be paid are done
with it, and one of its own takes the rest. An order that is not paid any more waits for its money again.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.values.money import ZERO
from ticketshop.mail.models import Mail

from .. import notices, recipients
from ..bank import entries
from ..models import (
    Admission,
    CheckIn,
    Dispute,
    IssuedPass,
    Order,
    Payment,
    Refund,
    Reversal,
    Ticket,
)
from ..papers import invoices
from ..passes.entries import LIVING
from ..payments import disputes, methods, payments, refunds, reviving, waiting_payment
from ..payments.methods.base import no_later_than
from . import cancelled_lines, other_method
from .cancelled_lines import Unit

# The mails of which a buyer may get another one after the order was unpaid again.
TOLD_AGAIN = ("order_paid", "order_expired")


class CannotReverse(Exception):
    """Nothing has changed. The text tells why, and what to do."""


@dataclass(frozen=True)
class Result:
    """The ``state`` of the order afterwards. ``missing``: the amount it waits for; ``unpaid``: it was paid, and waits again; ``closed``: the sum
    of refunds that need not be paid any more.
    """

    state: str
    missing: Decimal
    unpaid: bool
    closed: Decimal


def may_be_reversed(payment: Payment) -> bool:
    """Return whether this is money that staff recorded, and that is not taken back: not free, credited, or known from a provider."""
    recorded = payment.state == Payment.State.CONFIRMED and payment.amount > ZERO
    by_staff = payment.method != methods.EXCHANGE and not payment.provider_reference
    return recorded and by_staff and not payment.reversals.exists()


@transaction.atomic
def reverse(payment: Payment, reason: str, *, by, now: datetime) -> Result:
    """Take back a payment that was recorded by mistake, and tell the buyer. ``reason``: a value of ``Reversal.Reason``.

    Raise CannotReverse: if it was taken back before, if money of it went back or was credited, or if its order was paid by it and
    can't wait for money again.
    """
    order = payments.lock(payment.order_id)
    payment = Payment.objects.get(pk=payment.pk)
    payment.order = order
    own_refunds = list(Refund.objects.filter(payment=payment))
    _check_payment(payment, own_refunds)
    reversal = Reversal.objects.create(
        payment=payment, reason=reason, made_at=now, made_by=history.author(by)
    )
    closed = _close_refunds(own_refunds, reversal, now)
    rest = payment.amount - closed
    if rest and order.state == Order.State.PAID:
        used = _use_returned(reversal, rest, now)
        closed, rest = closed + used, rest - used
    paid_before = order.state == Order.State.PAID
    if rest:
        _take_rest(reversal, order, rest, by, now)
    entries.reopen_reversed(payment, by=by, now=now)
    history.record(
        order, "payment_reversed", by=by, now=now, amount=str(payment.amount), method=payment.method
    )
    notices.payment_reversed(order, payment, now)
    pending = order.state == Order.State.PENDING
    missing = payments.still_due(order) if pending else ZERO
    return Result(order.state, missing, pending and paid_before, closed)


def preview(payment: Payment, reason: str, *, now: datetime) -> Result:
    """Return what ``reverse`` would do, and change nothing. Raise CannotReverse."""
    with transaction.atomic():
        result = reverse(payment, reason, by=None, now=now)
        transaction.set_rollback(True)
    return result


def why_not(payment: Payment, *, now: datetime) -> str:
    """Return why ``reverse`` would raise CannotReverse; empty if nothing is in the way.

    Nothing is locked or written: ``reverse`` checks again, and may also find that a payment service is still being asked.
    """
    try:
        own_refunds = list(Refund.objects.filter(payment=payment))
        _check_payment(payment, own_refunds)
        if _kept(payment, own_refunds):
            _check_order(payment.order, now)
    except CannotReverse as error:
        return str(error)
    return ""


def _check_payment(payment: Payment, own_refunds: list[Refund]) -> None:
    """Raise CannotReverse if a payment was taken back, can't be, or money of it went back. ``own_refunds``: all its refunds."""
    if not may_be_reversed(payment):
        raise CannotReverse(_("This payment can’t be taken back, or it was already. Nothing has changed."))
    if any(refund.state == Refund.State.DONE for refund in own_refunds):
        raise CannotReverse(
            _(
                "Money of this payment was paid back or credited already, so it stays recorded. If it never came, note what is still to be paid back of it as done: the export then has both rows."
            )
        )


def _check_order(order: Order, now: datetime) -> None:
    """Raise CannotReverse if an order can't do without money that it has kept. Tickets are checked once more when they are locked."""
    if order.state == Order.State.PAID:
        _check_money(order)
        units = cancelled_lines.units_of(order)
        if not reviving.to_come(order, cancelled_lines.admissions_of(units), now):
            raise _refuse(_("A date of this order has begun or is cancelled, or a pass is over."))
        _check_tickets(order, units)
    elif order.state != Order.State.PENDING:
        raise CannotReverse(
            _(
                "Part of this money was kept when the order was cancelled. Note first with “Pay money back” that all of it goes back; then take this payment back."
            )
        )


# --- refunds ------------------------------------------------------------------------------------------------
def _close_refunds(own_refunds: list[Refund], reversal: Reversal, now: datetime) -> Decimal:
    """Note the refunds of the payment, all still to be paid, as done with it. Return their sum."""
    for refund in own_refunds:
        if not refund.done_with(refund.amount, now, reversal=reversal):
            # Staff noted it as paid a moment ago, without the lock of the order.
            raise CannotReverse(_("Money of this payment was paid back meanwhile. Nothing has changed."))
    return sum((refund.amount for refund in own_refunds), ZERO)


def _use_returned(reversal: Reversal, amount: Decimal, now: datetime) -> Decimal:
    """Let a paid order keep other money that came for it and was to be paid back, because this payment had come before. Return how much.

    These refunds become refunds of this payment. Staff are the ones who would pay them: a provider may be paying back just now.
    """
    used = ZERO
    for refund in _returned_of_others(reversal.payment):
        part = min(refund.amount, amount - used)
        if part <= ZERO:
            break
        if refund.done_with(part, now, reversal=reversal, payment=reversal.payment):
            used += part
    return used


def _returned_of_others(payment: Payment) -> QuerySet[Refund]:
    """Return the refunds of other money of the same order that was to be paid back by staff because this payment had come before."""
    rows = refunds.requested_from_staff().filter(payment__order=payment.order_id, kind=Refund.Kind.RETURNED)
    return rows.exclude(payment=payment.pk).order_by("pk")


def _kept(payment: Payment, own_refunds: list[Refund]) -> Decimal:
    """Return the part of a payment that its order would lack without it: what is not to be paid back, and no other money replaces.

    ``own_refunds``: all refunds of the payment, none of them done.
    """
    paid = payment.order.state == Order.State.PAID
    open_refunds = [*own_refunds, *(_returned_of_others(payment) if paid else ())]
    return max(payment.amount - sum((refund.amount for refund in open_refunds), ZERO), ZERO)


def _take_rest(reversal: Reversal, order: Order, rest: Decimal, by, now: datetime) -> None:
    """Take the part of a payment away that its order has kept. The order is locked."""
    _check_order(order, now)
    Refund.objects.create(
        payment=reversal.payment,
        kind=Refund.Kind.REVERSED,
        state=Refund.State.DONE,
        amount=rest,
        requested_at=now,
        done_at=now,
        reversal=reversal,
    )
    if order.state == Order.State.PAID:
        _wait_again(reversal, order, by, now)


# --- the order waits again ----------------------------------------------------------------------------------
def _refuse(why: str) -> CannotReverse:
    """Return the refusal for an order that was paid by a payment and can't wait for money again."""
    then = _(
        "Cancel the order instead, and let its whole amount be paid back; then take this payment back, and nobody has to pay it."
    )
    return CannotReverse(f"{why} {then}")


def _check_money(order: Order) -> None:
    """Raise CannotReverse if a paid order can't wait for money because of what has become of its money. It is locked."""
    if order.paid_at == order.placed_at or order.without_person:
        raise _refuse(_("The order was paid as it was placed, so it never waited for money."))
    if refunds.gone(order):
        raise _refuse(_("Money of this order was paid back, or tickets of it were exchanged."))
    if disputes.of_order(order).exclude(state=Dispute.State.WON).exists():
        raise CannotReverse(_("A payment of this order is disputed. Wait for the decision of the bank."))
    if recipients.has_left(order.buyer):
        raise _refuse(_("The buyer’s data are erased, so nobody could be asked for the money."))
    invoice = invoices.standing(order)
    if invoice is not None and order.paid_at and invoice.issued_at >= order.paid_at:
        raise CannotReverse(
            _("The invoice of this order states that it is paid. Take back the invoice first.")
        )


def _wait_again(reversal: Reversal, order: Order, by, now: datetime) -> None:
    """Let a paid order wait for its money as before it was paid: its places stay, its tickets are reserved. It is locked.

    Raise CannotReverse.
    """
    units = cancelled_lines.units_of(order)
    # Before the tickets are locked: this locks people, and an erasure locks people before tickets.
    notices.end_offers(cancelled_lines.admissions_of(units), now)
    cancelled_lines.lock(units)
    _check_tickets(order, units)
    for model in (Ticket, IssuedPass):
        model.objects.filter(order=order, state=Admission.State.VALID).update(state=Admission.State.RESERVED)
    Reversal.objects.filter(pk=reversal.pk).update(order_paid_at=order.paid_at)
    # They told of what is no longer true, and may have to be told once more.
    Mail.objects.filter(once__in=[f"{kind}:{order.pk}" for kind in TOLD_AGAIN]).update(once=None)
    method = methods.of_order(order.point_of_sale, order.payment_method)
    order.state, order.paid_at, order.reminded_at = Order.State.PENDING, None, now
    order.expires_at = _unpaid_until(order, method, now)
    order.save(update_fields=["state", "paid_at", "reminded_at", "expires_at"])
    # The payment that the order waits for has the reference that its payer quotes.
    Payment.objects.filter(pk=reversal.payment_id).update(reference="")
    try:
        waiting_payment.use_method(order, method, now=now)
    except payments.PageOpen:
        raise CannotReverse(
            _("The payment service is still being asked about this order. Try again in a few minutes.")
        ) from None


def _unpaid_until(order: Order, method: methods.Method, now: datetime) -> datetime | None:
    """Return until when the order may be paid: as its method has it, and at least as long as by bank transfer, because its buyer is not
    at the shop’s pages.
    """
    organiser, first_start = order.point_of_sale.organiser, other_method.first_start(order)
    of_method = method.expires_at(organiser, first_start, now)
    if of_method is None:
        return None
    longer = days.end_after(now, organiser.bank_expiry_days, organiser.zone)
    return max(of_method, no_later_than(first_start, longer, now))


def _check_tickets(order: Order, units: list[Unit]) -> None:
    """Raise CannotReverse if the tickets of a paid order can't be reserved again. They are locked."""
    admissions = cancelled_lines.admissions_of(units)
    has_passes = any(isinstance(admission, IssuedPass) for admission in admissions)
    if any(unit.is_used for unit in units) or (has_passes and _passes_used(order)):
        raise CannotReverse(
            _(
                "A ticket or pass of this order was used, so its price is owed, and the payment stays recorded. If the entry was a mistake, undo it at the door first. If the money never comes, note it with “Pay money back” and then “Refund done”: the export then has both rows."
            )
        )
    if any(unit.is_cancelled for unit in units):
        raise _refuse(_("Tickets of this order are cancelled."))
    if any(recipients.is_given(admission) for admission in admissions):
        raise _refuse(_("A ticket of this order was given to another person."))


def _passes_used(order: Order) -> bool:
    """Return whether places are booked with a pass of this order, or people were let in with its code. The passes are locked."""
    if Ticket.objects.filter(booked_with__order=order, state__in=LIVING).exists():
        return True
    kinds = CheckIn.objects.filter(issued_pass__order=order).values_list("kind", flat=True)
    return list(kinds).count(CheckIn.Kind.IN) > list(kinds).count(CheckIn.Kind.UNDONE)
