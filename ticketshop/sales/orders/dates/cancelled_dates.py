"""A date that is cancelled for good: its tickets are cancelled and paid back order by order, and unpaid orders for it end.

The rows that are due are found by their state, so the job may be interrupted anywhere and run several times at once: an order
is changed under its lock, and is not due any more afterwards.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.catalogue.models import Session
from ticketshop.jobs.rows import RowJob
from ticketshop.mail.models import Mail

from ...models import OPEN_STATES, DateChange, IssuedPass, Order, Ticket
from .. import cancelled_lines, orders, single_tickets
from ..cancelled_lines import ForDate

# The kind of the mail that tells a buyer about changed dates.
TO_BUYER = "date_changed"


def paid_back_sessions() -> dict[int, int]:
    """Return session id -> id of its latest change, for cancelled dates whose tickets that change pays back."""
    of_dates = DateChange.sessions.through.objects
    with_refund = of_dates.filter(datechange__refund=True).values("session")
    rows = of_dates.filter(session__in=with_refund, session__state=Session.State.CANCELLED)
    latest = dict(rows.order_by("datechange").values_list("session", "datechange"))
    changes = DateChange.objects.filter(pk__in=set(latest.values()), refund=True)
    paying = set(changes.values_list("pk", flat=True))
    return {session: change for session, change in latest.items() if change in paying}


def _due(now: datetime) -> QuerySet[Order]:
    return orders_due(list(paid_back_sessions()))


def orders_due(sessions: list[int]) -> QuerySet[Order]:
    """Return the orders of which something is to be cancelled because these dates are.

    An unpaid order is one of them if it contains nothing else: its payment asks for everything in it.
    """
    tickets = Ticket.objects.filter(state__in=OPEN_STATES)
    other_tickets = tickets.filter(order=OuterRef("pk")).exclude(session__in=sessions)
    passes = IssuedPass.objects.filter(order=OuterRef("pk"), state__in=OPEN_STATES)
    unpaid = Q(state=Order.State.PENDING) & ~Exists(other_tickets) & ~Exists(passes)
    of_dates = tickets.filter(session__in=sessions).order_by().values("order")
    rows = Order.objects.filter(Q(state=Order.State.PAID) | unpaid, pk__in=of_dates)
    return rows.select_related("buyer", "point_of_sale__organiser").order_by("pk")


def _cancel(order: Order, now: datetime) -> bool:
    """Cancel what an order contains of cancelled dates, those of one change at a time. Return False if nothing was cancelled."""
    sessions = paid_back_sessions()
    keys: dict[int, list[str]] = {}
    for unit in cancelled_lines.units_of(order):
        session = unit.line.session
        if session and session.pk in sessions and not unit.is_cancelled and not unit.is_used:
            keys.setdefault(sessions[session.pk], []).append(unit.key)
    if not keys:
        return False
    change = DateChange.objects.select_related("made_by").get(pk=min(keys))
    for_date = ForDate(change, told=change.tell and not _is_told(change, order))
    if order.state == Order.State.PENDING:
        return orders.cancel(order, by=change.made_by, now=now, for_date=for_date)
    try:
        single_tickets.cancel(order, keys[change.pk], by=change.made_by, now=now, for_date=for_date)
    except single_tickets.CannotCancel:
        # Another process was faster, or a ticket is being used at the entrance: looked at again in a minute.
        return False
    return True


def _is_told(change: DateChange, order: Order) -> bool:
    """Return whether the mail about the cancelled date was queued before, so that it can't tell what is cancelled now."""
    return Mail.objects.filter(once=f"{TO_BUYER}:{change.pk}:{order.buyer_id}:{order.buyer_id}").exists()


CANCEL = RowJob(
    "sales.cancel_dates",
    gettext_lazy("Cancel the tickets of a cancelled date, and pay them back"),
    rows=_due,
    act=_cancel,
    atomic=False,
    most=200,
)


def cancel_some(change: DateChange, now: datetime) -> bool:
    """Cancel what some orders contain of the dates of a change. Return whether there may be more, except orders that failed."""
    sessions = [pk for pk, latest in paid_back_sessions().items() if latest == change.pk]
    return bool(sessions) and CANCEL.run(now, orders_due(sessions)) > 0
