"""The statement of a buyer: recorded once for each line, answered by a mail, and a task for staff."""

from datetime import datetime

from django.db import transaction

from contacts import locking
from ticketshop.history import history
from ticketshop.lib.values import references
from ticketshop.organisers.models import PointOfSale

from ... import notices
from ...models import LIVING_ORDERS, Order, OrderLine, Withdrawal
from . import rules


@transaction.atomic
def state(pos: PointOfSale, *, reference: str, name: str, now: datetime) -> list[Withdrawal]:
    """Record that the buyer of an order withdraws from it, and send the receipt to the address of the order.

    Every line without a fixed date that was not withdrawn from before gets a row. If there is none in the whole order, a mail
    states that, once. Return the new rows; empty also for an unknown order. The caller shows the same answer for all of these.
    """
    order = _find(pos, reference)
    if order is None:
        return []
    lines = list(OrderLine.objects.filter(order=order).select_related("season_pass").order_by("pk"))
    possible = [line for line in lines if rules.may_be_withdrawn(line)]
    if not possible or order.state not in LIVING_ORDERS:
        notices.withdrawal_impossible(order, now)
        return []
    before = {row.line_id for row in rules.stated(order, lines)}
    last_day, late = rules.last_day(order), rules.is_late(order, now)
    rows = Withdrawal.objects.bulk_create(
        [
            Withdrawal(
                line=line, name=name if order.buyer else "", stated_at=now, last_day=last_day, late=late
            )
            for line in possible
            if line.pk not in before
        ]
    )
    if rows:
        history.record(order, "withdrawal_stated", by=None, now=now, lines=len(rows), late=late)
        notices.withdrawal_received(order, [row.pk for row in rows], now)
    return rows


def _find(pos: PointOfSale, text: str) -> Order | None:
    """Return the order of a typed reference, at any point of sale of the organiser, locked after its buyer; None if there is none.

    An erasure locks people before their orders. A buyer under erasure gets no mail.
    """
    rows = Order.objects.filter(organiser=pos.organiser_id, reference__in=references.readings(text))
    known = rows.values_list("pk", "buyer").first()
    if known is None:
        return None
    pk, buyer = known
    if buyer is not None:
        locking.lock_all([buyer])
    locked = Order.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("buyer", "point_of_sale__organiser").get(pk=pk)


@transaction.atomic
def settle(order: Order, *, by, now: datetime) -> bool:
    """Note the open withdrawals of an order as dealt with. Return False if there are none any more."""
    rows = Withdrawal.objects.filter(line__order=order, settled_at=None)
    if not rows.update(settled_at=now, settled_by=by):
        return False
    history.record(order, "withdrawal_settled", by=by, now=now)
    return True
