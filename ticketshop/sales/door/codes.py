"""Find what a scanned or typed code belongs to, among the tickets and passes of the date's organiser only."""

from django.db.models import Q

from ticketshop.catalogue.models import Session
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.values import references
from ticketshop.organisers.access import reachable

from ..models import IssuedPass, ReplacedCode, Ticket
from ..tickets.printed import LETTERS_AT_THE_DOOR
from .access import WITH_TICKET

_TICKET = Compiled(
    lambda: (
        Ticket.objects.filter(code=Parameter("code"), order__organiser=Parameter("organiser"))
        .select_related(*WITH_TICKET)
        .order_by()
    )
)


def ticket(session: Session, typed: str) -> Ticket | None:
    """Return the ticket with this code, or None.

    The first letters of a code, as on the list for the door, are enough for a ticket of this date.
    """
    code = references.compact(typed)
    if not code:
        return None
    found = _TICKET.first(code=code, organiser=session.event.organiser_id)
    if found is None and len(code) >= LETTERS_AT_THE_DOOR:
        rows = Ticket.objects.filter(session=session, code__startswith=code).select_related(*WITH_TICKET)
        of_this_date = list(rows[:2])
        found = of_this_date[0] if len(of_this_date) == 1 else None
    return found


def issued_pass(session: Session, typed: str) -> IssuedPass | None:
    """Return the season pass of this organiser with this code, or None. The first letters are enough, as for a ticket."""
    code = references.compact(typed)
    if len(code) < LETTERS_AT_THE_DOOR:
        return None
    of_organiser = IssuedPass.objects.filter(
        reachable("order__point_of_sale__"), order__organiser=session.event.organiser_id
    )
    rows = of_organiser.filter(code__startswith=code)
    found = list(rows.select_related("season_pass", "line", "order")[:2])
    return found[0] if len(found) == 1 else None


def is_replaced(session: Session, typed: str) -> bool:
    """Return whether a ticket or pass of this organiser had this code, and another one took its place."""
    code = references.compact(typed)
    same = Q(code=code)
    if len(code) >= LETTERS_AT_THE_DOOR:
        same |= Q(code__startswith=code, ticket__session=session)
    return ReplacedCode.objects.filter(same, order__organiser=session.event.organiser_id).exists()
