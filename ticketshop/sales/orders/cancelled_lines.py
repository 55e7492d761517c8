"""Cancelled parts of paid orders: what can be cancelled, and the rows that are added when it is.

The rows of the sale stay as they are; see the decision note 0033.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from ticketshop.history import history
from ticketshop.lib.values.money import ZERO, vat_included

from ..admission_lists import WITH_LINE, passes_of, tickets_of
from ..models import (
    Admission,
    Cancellation,
    CancelledLine,
    DateChange,
    Dispute,
    IssuedPass,
    Order,
    OrderLine,
    Ticket,
    withdrawal,
)
from ..passes import bookings
from ..payments import disputes, refunds


@dataclass(frozen=True)
class ForDate:
    """The cancelled date because of which something is cancelled. ``told``: the mail about the date tells it, so no other does."""

    change: DateChange
    told: bool


@dataclass(frozen=True)
class Unit:
    """A part that can only be cancelled as a whole: one ticket, one pass, or all tickets of a group."""

    line: OrderLine
    admissions: tuple[Ticket | IssuedPass, ...]

    @property
    def key(self) -> str:
        """Return the name by which a form posts this unit."""
        kind = "ticket" if self.line.offer_id else "pass"
        return f"{kind}{self.admissions[0].pk}"

    @property
    def is_cancelled(self) -> bool:
        """Return whether this unit was cancelled."""
        return any(admission.cancellation_id for admission in self.admissions)

    @property
    def is_used(self) -> bool:
        """Return whether a ticket or pass of this unit was used."""
        return any(admission.state == Admission.State.USED for admission in self.admissions)


def units_of(order: Order) -> list[Unit]:
    """Return everything that an order sold, cancelled or not, in the order of its lines. Three queries.

    The tickets of a group are those that follow each other: they were written together.
    """
    lines = list(OrderLine.objects.filter(order=order).select_related(*WITH_LINE).order_by("pk"))
    of_line: dict[int, list[Ticket | IssuedPass]] = {line.pk: [] for line in lines}
    for admission in sorted((*tickets_of(order), *passes_of(order)), key=lambda admission: admission.pk):
        of_line[admission.line_id].append(admission)
    return [unit for line in lines for unit in units_of_line(line, of_line[line.pk])]


def units_of_line(line: OrderLine, admissions: list[Ticket | IssuedPass]) -> list[Unit]:
    """Return the units of a line. ``admissions``: its tickets or passes, the oldest first."""
    size = line.places // line.quantity
    return [Unit(line, tuple(admissions[start : start + size])) for start in range(0, len(admissions), size)]


def cost(units: Iterable[Unit]) -> Decimal:
    """Return what these units cost together."""
    return sum((unit.line.unit_price for unit in units), ZERO)


def cancelled_cost(order: Order) -> Decimal:
    """Return what everything cost that was cancelled of an order."""
    rows = CancelledLine.objects.filter(cancellation__order=order)
    return rows.aggregate(sum=Sum("total"))["sum"] or ZERO


def proposed(order: Order) -> Decimal:
    """Return what is cancelled of an order and neither paid back yet nor taken by a bank."""
    return max(cancelled_cost(order) - refunds.gone(order), ZERO)


def owed(order: Order, units: Iterable[Unit]) -> Decimal:
    """Return what goes back for these units because their date is cancelled, after ``write``: their price, as far as it was not
    paid back before. Zero while a bank decides about the order's money: it may give it back itself.
    """
    if disputes.of_order(order).filter(state=Dispute.State.OPEN).exists():
        return ZERO
    return amount_owed(cost(units), cancelled_cost(order), refunds.gone(order), refunds.kept(order))


def amount_owed(price: Decimal, cancelled: Decimal, gone: Decimal, kept: Decimal) -> Decimal:
    """Return what goes back of an order for cancelled units that cost ``price``.

    ``cancelled``: the price of everything cancelled of the order, these units too; ``gone``: what was paid back, or taken by
    a bank, before; ``kept``: what is left of its money.
    """
    return max(min(price, cancelled - gone, kept), ZERO)


def begin(order: Order, *, by, now: datetime, for_date: ForDate | None = None) -> Cancellation:
    """Add the row of a cancellation. The order is locked; ``write`` adds what it contains."""
    change = for_date.change if for_date else None
    return Cancellation.objects.create(
        order=order, made_at=now, made_by=history.author(by), date_change=change
    )


def admissions_of(units: Iterable[Unit]) -> list[Ticket | IssuedPass]:
    """Return the tickets and passes of these units."""
    return [admission for unit in units for admission in unit.admissions]


def lock(units: Iterable[Unit]) -> None:
    """Lock tickets and passes and read their state again: the entrance marks them as used without locking the order."""
    admissions = admissions_of(units)
    for model in (Ticket, IssuedPass):
        rows = {row.pk: row for row in admissions if isinstance(row, model)}
        locked = model.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=rows).order_by("pk")
        for pk, state, cancellation in locked.values_list("pk", "state", "cancellation"):
            rows[pk].state, rows[pk].cancellation_id = state, cancellation


def write(cancellation: Cancellation, units: list[Unit]) -> dict[int, int]:
    """Add the rows of these units to a cancellation, and cancel their tickets and passes. Entries of passes with which tickets
    were booked are given back.

    Return allotment id -> places that are free again; the caller releases them last. The order is locked, and none of the
    units is cancelled already or used.
    """
    by_line: dict[int, list[Unit]] = {}
    for unit in units:
        by_line.setdefault(unit.line.pk, []).append(unit)
    earlier = dict(
        CancelledLine.objects.filter(line__in=by_line)
        .order_by()
        .values_list("line")
        .annotate(quantity=Sum("quantity"))
    )
    rows = [
        _part(cancellation, chosen[0].line, len(chosen), earlier.get(pk, 0)) for pk, chosen in by_line.items()
    ]
    CancelledLine.objects.bulk_create(rows)
    for model in (Ticket, IssuedPass):
        pks = [admission.pk for admission in admissions_of(units) if isinstance(admission, model)]
        admissions = model.objects.filter(pk__in=pks)
        admissions.update(cancellation=cancellation)
        # A used one has no business here; if it were, its entry would not be overwritten.
        admissions.exclude(state=Admission.State.USED).update(state=Admission.State.CANCELLED)
    tickets = [row for unit in units for row in unit.admissions if isinstance(row, Ticket)]
    bookings.give_back_entries(tickets, by=cancellation.made_by, now=cancellation.made_at)
    withdrawal.settle(cancellation.order, by=cancellation.made_by, now=cancellation.made_at)
    freed: dict[int, int] = {}
    for row in rows:
        freed[row.line.allotment_id] = freed.get(row.line.allotment_id, 0) + row.places
    return freed


def _part(cancellation: Cancellation, line: OrderLine, quantity: int, earlier: int) -> CancelledLine:
    """Return the unsaved row for so many of a line, of which ``earlier`` were cancelled before."""
    before = line.quantity - earlier
    return CancelledLine(
        cancellation=cancellation,
        line=line,
        quantity=quantity,
        places=quantity * (line.places // line.quantity),
        unit_price=line.unit_price,
        total=line.unit_price * quantity,
        vat_amount=_vat(line, before) - _vat(line, before - quantity),
    )


def _vat(line: OrderLine, quantity: int) -> Decimal:
    """Return the VAT of so many of a line, rounded as the line's own."""
    return vat_included(line.unit_price * quantity, line.vat_rate)
