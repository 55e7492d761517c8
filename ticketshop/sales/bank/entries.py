"""Actions on payments of bank files: record them for an order, divide them among several, note that they are for none, take that back.

Each is one transaction: first the order is locked, then the state of the payment changes by a conditional UPDATE, so that two
members of staff who press at once record it once.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.values.money import ZERO

from ..models import BankEntry, Order, Payment
from ..payments import methods, payments
from . import proposals
from .proposals import What

# Recorded while the member of staff waits; a job does the others.
AT_ONCE = 30
OPEN = BankEntry.State.OPEN


@transaction.atomic
def record(entry: BankEntry, order: Order, *, by, now: datetime, only_exact: bool = False) -> bool:
    """Record the payment for this order. Return False, and change nothing, if it was dealt with before, if no money came by it,
    or if organiser or currency differ.

    What becomes of order and money decides ``payments.receive``: enough money pays the order, too little waits for the rest,
    everything else is listed to be paid back. With ``only_exact`` it also returns False unless the amount is exactly
    what the order waits for at this moment.
    """
    order = _locked(order)
    if (
        entry.kind != BankEntry.Kind.CREDIT
        or order.organiser_id != entry.organiser_id
        or order.currency != entry.currency
    ):
        return False
    if only_exact and not _is_exact(entry, order):
        return False
    if not _is_open(entry):
        return False
    payment = payments.receive(order, entry.amount, by=by, now=now, method=methods.TRANSFER)
    _set(entry, now, by, state=BankEntry.State.RECORDED, order=order, payment=payment, requested_at=None)
    history.record(
        order, "bank_entry", by=by, now=now, amount=str(entry.amount), day=entry.booked_on.isoformat()
    )
    return True


@transaction.atomic
def divide(entry: BankEntry, amounts: dict[int, Decimal], *, by, now: datetime) -> list[Order]:
    """Record the payment for several orders: order id -> amount, together the whole payment. Each part gets a row of its own.

    Return the orders; empty, and nothing has changed, in the cases in which ``record`` returns False. Raise ValueError for other sums.
    """
    if len(amounts) < 2 or sum(amounts.values()) != entry.amount or min(amounts.values()) <= ZERO:
        raise ValueError("the parts are not the payment")
    ids = Order.objects.filter(pk__in=amounts, organiser=entry.organiser_id, currency=entry.currency)
    locked = [_locked(order) for order in ids.order_by("pk")]
    if len(locked) < len(amounts) or not _is_open(entry):
        return []
    entry.refresh_from_db()
    payer, text, text_key = entry.payer, entry.text, entry.text_key
    # The parts have what is personal: it goes with the buyer of its order. The first has the hash that was made of it.
    _set(entry, now, by, state=BankEntry.State.DIVIDED, requested_at=None, payer="", text="", text_key="")
    for number, order in enumerate(locked):
        amount = amounts[order.pk]
        payment = payments.receive(order, amount, by=by, now=now, method=methods.TRANSFER)
        BankEntry.objects.create(
            organiser_id=entry.organiser_id,
            file_id=entry.file_id,
            part_of=entry,
            state=BankEntry.State.RECORDED,
            account=entry.account,
            booked_on=entry.booked_on,
            amount=amount,
            currency=entry.currency,
            references=order.reference,
            payer=payer,
            text=text,
            text_key="" if number else text_key,
            order=order,
            payment=payment,
            handled_at=now,
            handled_by=history.author(by),
        )
        history.record(
            order, "bank_entry", by=by, now=now, amount=str(amount), day=entry.booked_on.isoformat()
        )
    return locked


def _locked(order: Order) -> Order:
    return payments.lock(order.pk)


def _is_open(entry: BankEntry) -> bool:
    """Lock the payment. Return whether it can be recorded: money that came, and that nobody has dealt with."""
    rows = BankEntry.objects.select_for_update(no_key=True)
    return rows.filter(pk=entry.pk, state=OPEN, kind=BankEntry.Kind.CREDIT).first() is not None


def _is_exact(entry: BankEntry, order: Order) -> bool:
    return order.state == Order.State.PENDING and payments.still_due(order) == entry.amount


def _set(entry: BankEntry, now: datetime, by, **values) -> None:
    values |= {"handled_at": now, "handled_by": history.author(by)}
    BankEntry.objects.filter(pk=entry.pk).update(**values)
    for name, value in values.items():
        setattr(entry, name, value)


def set_aside(entry: BankEntry, state: BankEntry.State, *, by, now: datetime) -> bool:
    """Note that a payment is for no order (NOT_OURS), or was dealt with by hand (DONE). Return False if it is not open."""
    changed = BankEntry.objects.filter(pk=entry.pk, state=OPEN).update(
        state=state, requested_at=None, handled_at=now, handled_by=history.author(by)
    )
    if changed:
        history.record(entry, f"bank_{state}", by=by, now=now, organiser_id=entry.organiser_id)
    return bool(changed)


def reopen(entry: BankEntry, *, by, now: datetime) -> bool:
    """Take ``set_aside`` back. Return False if the payment was not set aside."""
    aside = (BankEntry.State.NOT_OURS, BankEntry.State.DONE)
    changed = BankEntry.objects.filter(pk=entry.pk, state__in=aside).update(
        state=OPEN, handled_at=None, handled_by=None
    )
    if changed:
        history.record(entry, "bank_reopened", by=by, now=now, organiser_id=entry.organiser_id)
    return bool(changed)


def reopen_reversed(payment: Payment, *, by, now: datetime) -> None:
    """Let staff look once more at the payment of a bank file that was recorded by mistake with ``payment``. The order is locked.

    The references that were found in it are forgotten: with them it would be proposed for the same order.
    """
    for entry in BankEntry.objects.filter(payment=payment):
        BankEntry.objects.filter(pk=entry.pk).update(
            state=OPEN, order=None, payment=None, references="", handled_at=None, handled_by=None
        )
        history.record(entry, "bank_reopened", by=by, now=now, organiser_id=entry.organiser_id)


# --- all exact ones with one click ---------------------------------------------------------------------------
def exact(rows: QuerySet[BankEntry]) -> list[BankEntry]:
    """Return the open payments among ``rows`` that are exactly what an order waits for, the oldest first."""
    entries = list(rows.filter(state=OPEN, kind=BankEntry.Kind.CREDIT).exclude(references="").order_by("pk"))
    fitting = proposals.propose(entries)
    return [entry for entry in entries if fitting[entry.pk].what is What.EXACT]


def request_exact(rows: QuerySet[BankEntry], *, by, now: datetime) -> tuple[int, int]:
    """Record all exact payments among ``rows``: the first ones now, the others by a job.

    Return how many were recorded, and how many wait for the job.
    """
    wanted = [entry.pk for entry in exact(rows)]
    BankEntry.objects.filter(pk__in=wanted, state=OPEN).update(
        requested_at=now, handled_by=history.author(by)
    )
    waiting = BankEntry.objects.filter(pk__in=wanted, requested_at__isnull=False).order_by("pk")
    done = RECORD.each(list(waiting.select_related("handled_by")[:AT_ONCE]), now)
    return done, waiting.count()


def _record_requested(entry: BankEntry, now: datetime) -> bool:
    """Record a payment for which staff asked, if it still is exactly what its order waits for; else it stays open."""
    named = proposals.orders_named(entry)
    if len(named) == 1 and record(entry, named[0], by=entry.handled_by, now=now, only_exact=True):
        return True
    BankEntry.objects.filter(pk=entry.pk, state=OPEN).update(requested_at=None, handled_by=None)
    return False


def requested(now: datetime) -> QuerySet[BankEntry]:
    """Return the open payments that staff asked to be recorded."""
    rows = BankEntry.objects.filter(state=OPEN, requested_at__isnull=False)
    return rows.select_related("handled_by").order_by("pk")


RECORD = RowJob(
    "sales.record_bank_entries",
    gettext_lazy("Record a payment of a bank file"),
    rows=requested,
    act=_record_requested,
)
