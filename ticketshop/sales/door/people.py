"""Find people of one date by name, order number or the beginning of a code: their tickets, and the passes that open it."""

from dataclasses import dataclass

from django.db.models import CharField, Count, F, Func, Q, QuerySet, Value
from django.db.models.functions import Concat

from ticketshop.catalogue import pass_dates
from ticketshop.catalogue.models import Session
from ticketshop.lib.dates import days
from ticketshop.lib.values import references
from ticketshop.lib.values.text import fold_words

from ..models import Admission, CheckIn, IssuedPass, Order, Ticket
from ..recipients import is_given
from ..tickets.printed import LETTERS_AT_THE_DOOR
from .access import WITH_TICKET

MOST_ORDERS = 20
MOST_WORDS = 5
LETTERS_OF_A_REFERENCE = 4


class _Folded(Func):
    """The text in lower case without accents, as ``ticketshop.lib.values.text.fold`` makes it."""

    function = "contact_fold"
    output_field = CharField()


def _folded(*columns: str) -> _Folded:
    parts = [part for column in columns for part in (F(column), Value(" "))]
    return _Folded(Concat(*parts, output_field=CharField()))


@dataclass(frozen=True)
class Group:
    """The tickets of one order for the date that the buyer has, or one that is given: its person comes on their own."""

    order: Order
    tickets: list[Ticket]
    given: bool = False

    @property
    def to_come(self) -> int:
        """Return how many of these tickets let a person in now."""
        return sum(ticket.state == Admission.State.VALID for ticket in self.tickets)


def search(session: Session, typed: str) -> tuple[list[Group], bool]:
    """Return the orders with a ticket that fits, each with all its tickets of the date, and whether there are more orders.

    A given ticket is a separate group. Two queries.
    """
    condition = _condition(typed)
    if condition is None:
        return [], False
    found = _searchable(Ticket.objects.filter(session=session)).filter(condition).values_list("order_id")
    pks = [pk for (pk,) in found.order_by("order_id").distinct()[: MOST_ORDERS + 1]]
    tickets = Ticket.objects.filter(session=session, order__in=pks[:MOST_ORDERS])
    groups: dict[tuple[int, int | None], Group] = {}
    for ticket in tickets.select_related(*WITH_TICKET, "order__buyer").order_by("order_id", "pk"):
        group = Group(ticket.order, [], is_given(ticket))
        groups.setdefault((ticket.order_id, ticket.gift_id), group).tickets.append(ticket)
    return list(groups.values()), len(pks) > MOST_ORDERS


@dataclass(frozen=True)
class Pass:
    """A season pass that opens the date. ``inside``: how many people are in with its code."""

    issued: IssuedPass
    inside: int


def search_passes(session: Session, typed: str) -> tuple[list[Pass], bool]:
    """Return the passes that fit and open the date on their days of validity, booked or not, without cancelled ones, and whether there
    are more. Two queries.
    """
    condition = _condition(typed)
    if condition is None:
        return [], False
    day = days.day_of(session.starts_at, session.event.organiser.zone)
    rows = IssuedPass.objects.filter(
        season_pass__in=pass_dates.opening(session).values("pk"),
        order__organiser=session.event.organiser_id,
        valid_from__lte=day,
        valid_until__gte=day,
    ).exclude(state=Admission.State.CANCELLED)
    found = _searchable(rows).filter(condition).select_related("season_pass", "line", "order__buyer")
    passes = list(found.order_by("pk")[: MOST_ORDERS + 1])
    inside = _inside(session, passes)
    return [Pass(issued, inside.get(issued.pk, 0)) for issued in passes[:MOST_ORDERS]], len(
        passes
    ) > MOST_ORDERS


def _inside(session: Session, passes: list[IssuedPass]) -> dict[int, int]:
    """Return id of a pass -> people who are in with its code. One query."""
    came, left = Q(kind=CheckIn.Kind.IN), Q(kind__in=(CheckIn.Kind.OUT, CheckIn.Kind.UNDONE))
    rows = CheckIn.objects.filter(session=session, issued_pass__in=passes).order_by()
    counted = rows.values_list("issued_pass").annotate(
        inside=Count("pk", filter=came) - Count("pk", filter=left)
    )
    return dict(counted)


def _searchable(rows: QuerySet) -> QuerySet:
    """Return tickets or passes with the texts that are searched: printed name, and the buyer's while it may be shown."""
    return rows.annotate(
        holder_folded=_folded("holder_first_name", "holder_last_name"),
        buyer_folded=_folded("order__buyer__first_name", "order__buyer__last_name"),
    )


def _condition(typed: str) -> Q | None:
    """Return the condition for a typed name, reference or code; None if nothing was typed that can be searched."""
    words = fold_words(typed)[:MOST_WORDS]
    if not words:
        return None
    holder, buyer = Q(), Q(order__buyer__erasing_at=None)
    for word in words:
        # Each word must begin a word of the name. Folded words contain letters and digits only.
        holder &= Q(holder_folded__regex=rf"\m{word}")
        buyer &= Q(buyer_folded__regex=rf"\m{word}")
    condition = holder | buyer
    for reference in references.readings(typed):
        if len(references.compact(reference)) >= LETTERS_OF_A_REFERENCE:
            condition |= Q(order__reference__startswith=reference)
    code = references.compact(typed)
    return condition | Q(code__startswith=code) if len(code) >= LETTERS_AT_THE_DOOR else condition
