"""Consequences of cancelled, moved or changed dates.

Every page, mail, ticket and calendar file reads the date from the catalogue. This module does the rest: it
reports the people concerned before the change is saved, moves the deadlines that depend on the date, and
tells each person once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from ticketshop.catalogue import dates
from ticketshop.catalogue.dates import Facts
from ticketshop.catalogue.models import Session

from ...models import LIVING_ORDERS, Admission, DateChange, Order, OrderLine, Ticket
from . import date_change_job

Changes = Mapping[int, tuple[Facts, Facts]]  # session id -> facts before and after


@dataclass(frozen=True)
class Impact:
    """The people and orders that a change concerns. ``unreachable``: references of orders whose buyer has no
    e-mail address. ``unnamed``: number of orders that were sold without a name, or whose buyer is erased.
    """

    tickets: int
    orders: int
    people: int
    unreachable: list[str]
    unnamed: int


def tickets_of(sessions: Iterable[int]) -> QuerySet[Ticket]:
    """Return the tickets for these dates that are not cancelled."""
    return _living(Ticket.objects.filter(session__in=list(sessions)))


def _living(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    rows = tickets.filter(order__state__in=LIVING_ORDERS)
    return rows.exclude(state=Admission.State.CANCELLED)


def sold_sessions(sessions: QuerySet[Session]) -> list[int]:
    """Return the ids of the dates for which there are tickets."""
    return list(
        sessions.filter(Exists(_living(Ticket.objects.filter(session=OuterRef("pk"))))).values_list(
            "pk", flat=True
        )
    )


def impact(sessions: Iterable[int]) -> Impact:
    """Return the people and orders that a change of these dates concerns now."""
    tickets = tickets_of(sessions)
    orders = Order.objects.filter(pk__in=tickets.order_by().values("order"))
    buyers = set(orders.exclude(buyer=None).values_list("buyer", flat=True))
    holders = set(tickets.exclude(beneficiary=None).values_list("beneficiary", flat=True))
    typed = tickets.filter(date_change_job.OF_ADDRESS, order__state=Order.State.PAID)
    typed = typed.exclude(holder_email=F("order__buyer__email_key"))
    addresses = set(typed.order_by().values_list("holder_email", flat=True))
    without = orders.filter(Q(buyer__email=None) | Q(buyer__email=""), buyer__isnull=False)
    return Impact(
        tickets=tickets.count(),
        orders=orders.count(),
        people=len(buyers | holders) + len(addresses),
        unreachable=list(without.order_by("pk").values_list("reference", flat=True)),
        unnamed=orders.filter(buyer=None).count(),
    )


@transaction.atomic
def announce(
    changes: Changes, *, organiser, message: str, tell: bool, by, now: datetime, refund: bool = False
) -> DateChange:
    """Record that these dates have changed and queue the job that moves the deadlines.

    ``refund``: the dates are cancelled for good; the job also cancels their tickets and pays them back.

    With ``tell``, the job also tells each person concerned, once. Call it in the transaction that wrote the
    change and locked the dates (``dates.facts_of`` with ``lock``).
    """
    change = DateChange.objects.create(
        organiser=organiser,
        before={str(pk): before.as_json() for pk, (before, _after) in changes.items()},
        message=message,
        tell=tell,
        refund=refund,
        made_at=now,
        made_by=by,
    )
    change.sessions.set(changes)
    dates.mark_changed(changes, now=now)
    date_change_job.carry_out_change.defer(change_id=change.pk)
    return change


def messages_about(order: Order, lines: Iterable[OrderLine]) -> list[str]:
    """Return the organiser's message with the latest change of each date of an order. No query if no date has changed."""
    changed = {line.session.pk for line in lines if line.session and line.session.sequence}
    if not changed:
        return []
    rows = DateChange.objects.filter(sessions__in=changed, made_at__gte=order.placed_at).order_by("pk")
    latest = dict(rows.values_list("sessions", "message"))
    return list(dict.fromkeys(text for pk, text in latest.items() if pk in changed and text))
