"""Queries that check which dates and tickets a staff member at the door may see: those of their own organisers."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, Q, QuerySet
from django.http import Http404
from django.utils.timezone import localdate

from ticketshop.catalogue.models import Session
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from ..models import IssuedPass, Order, Ticket

CHECK_IN = "sales.check_in"
WITH_TICKET = ("line__offer__tariff", "session__event", "order__point_of_sale")


def organisers(user) -> set[int] | None:
    """Return the ids of the organisers whose visitors the user may let in; None means all.

    Raise PermissionDenied if there are none.
    """
    found = permissions.organisers_where(user, CHECK_IN)
    if found is not None and not found:
        raise PermissionDenied
    return found


def sessions(user, now: datetime) -> QuerySet[Session]:
    """Return the dates of today, in the time zone of their organiser, and the coming ones, the first one first."""
    own = permissions.within(Organiser.objects.all(), organisers(user))
    wanted = Q(pk=None)
    for organiser_id, name in own.values_list("pk", "time_zone"):
        zone = ZoneInfo(name)
        midnight = datetime.combine(localdate(now, zone), time(), zone)
        wanted |= Q(event__organiser=organiser_id, ends_at__gt=midnight)
    return (
        Session.objects.filter(wanted)
        .select_related("event__organiser", "event__venue")
        .order_by("starts_at", "pk")
    )


_SESSION = Compiled(
    lambda: (
        Session.objects.filter(pk=Parameter("session"))
        .select_related("event__organiser", "event__venue")
        .order_by()
    )
)


def session_or_404(user, pk: int) -> Session:
    """Return the date. Raise Http404 if it does not exist or is another organiser's, PermissionDenied for other users."""
    own = organisers(user)
    session = _SESSION.first(session=pk) if pk <= BigIntegerField.MAX_BIGINT else None
    if session is None or (own is not None and session.event.organiser_id not in own):
        raise Http404("no such date")
    return session


def ticket_or_404(session: Session, pk: int) -> Ticket:
    """Return a ticket of this date. Raise Http404 if there is no such ticket."""
    ticket = Ticket.objects.filter(session=session, pk=pk).select_related(*WITH_TICKET).first()
    if ticket is None:
        raise Http404("no such ticket")
    return ticket


def pass_or_404(session: Session, pk: int) -> IssuedPass:
    """Return a season pass of the organiser of this date. Raise Http404 if there is no such pass."""
    rows = IssuedPass.objects.filter(order__organiser=session.event.organiser_id, pk=pk)
    issued = rows.select_related("season_pass", "line", "order").first()
    if issued is None:
        raise Http404("no such pass")
    return issued


def order_or_404(session: Session, pk: int) -> Order:
    """Return an order with tickets for this date. Raise Http404 if there is no such order."""
    order = Order.objects.filter(pk=pk, tickets__session=session).distinct().first()
    if order is None:
        raise Http404("no such order")
    return order
