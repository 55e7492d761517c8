"""The entries of a season pass: how many are taken for a date, take some, give them back.

This module alone writes ``IssuedPass.entries_left``. An entry is taken by a booking or by the code of the pass at the door.
The row of the pass is locked before its entries are counted: of two tabs or two devices, one gets the last entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q, Sum

from ticketshop.catalogue.models import Session
from ticketshop.lib.database.compiled import Compiled, Parameter

from ..models import Admission, CheckIn, IssuedPass, Ticket
from . import refusals
from .refusals import Refusal

# Bookings that count: those that may still let a person in, and those that did.
LIVING = (Admission.State.RESERVED, Admission.State.VALID, Admission.State.USED)

_LOCKED = Compiled(
    lambda: (
        IssuedPass.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk=Parameter("pk"))
        .select_related("season_pass", "line", "order__point_of_sale")
    )
)


def lock(pk: int) -> IssuedPass:
    """Lock a pass until the end of the transaction, and return it as it is then, with its season pass, line and order."""
    return _LOCKED.all(pk=pk)[0]


@dataclass(frozen=True)
class AtDoor:
    """Counts of what happened with the code of a pass at the door of one date.

    ``counted``: entries taken; ``inside``: people who are in now. The others were let out and may come back.
    """

    counted: int = 0
    inside: int = 0

    @property
    def out(self) -> int:
        """Return how many people were let out and may come back."""
        return self.counted - self.inside


KINDS = CheckIn.Kind
AT_DOOR = {
    "counted": Sum("entries"),
    "people_in": Count("pk", filter=Q(kind=KINDS.IN)),
    "people_out": Count("pk", filter=Q(kind__in=(KINDS.OUT, KINDS.UNDONE))),
}
_AT_DOOR = Compiled(
    lambda: (
        CheckIn.objects.filter(issued_pass=Parameter("issued"), session=Parameter("session"))
        .exclude(kind=KINDS.CONFLICT)
        .order_by()
        .values_list("issued_pass")
        .annotate(**AT_DOOR)
    )
)


def at_door(issued: IssuedPass, session: Session) -> AtDoor:
    """Return what happened with the code of a pass at the door of a date. One query."""
    for _pk, counted, people_in, people_out in _AT_DOOR.rows(issued=issued.pk, session=session.pk):
        return AtDoor(counted, people_in - people_out)
    return AtDoor()


def booked(issued: IssuedPass, session: Session) -> int:
    """Return the number of places of a date that are booked with a pass."""
    return Ticket.objects.filter(booked_with=issued, session=session, state__in=LIVING).count()


def taken(issued: IssuedPass, session: Session) -> int:
    """Return how many entries of a pass are taken for a date: booked, or used at the door. Two queries."""
    return booked(issued, session) + at_door(issued, session).counted


def taken_by_session(issued: IssuedPass, sessions: Iterable[Session]) -> dict[int, int]:
    """Return session id -> entries of a pass that are taken. Two queries."""
    pks = [session.pk for session in sessions]
    counts: dict[int, int] = {}
    of_tickets = Ticket.objects.filter(booked_with=issued, session__in=pks, state__in=LIVING).order_by()
    of_door = CheckIn.objects.filter(issued_pass=issued, session__in=pks).order_by()
    for rows, number in ((of_tickets, Count("pk")), (of_door, Sum("entries"))):
        for pk, count in rows.values_list("session").annotate(number=number):
            counts[pk] = counts.get(pk, 0) + count
    return counts


def refusal(
    issued: IssuedPass, session: Session, wanted: int = 1, *, taken_before: int | None = None
) -> Refusal | None:
    """Return why so many entries of a pass can't be taken for a date, or None. Reliable only while the pass is locked.

    ``taken_before``: the result of ``taken`` if it is known.
    """
    refused = refusals.of_date(issued, session)
    if refused:
        return refused
    before = taken(issued, session) if taken_before is None else taken_before
    return refusals.of_entries(issued, before, wanted)


def take(issued: IssuedPass, count: int) -> None:
    """Take entries of a pass, which is locked and was checked with ``refusal``."""
    if issued.entries_left is None or not count:
        return
    IssuedPass.objects.filter(pk=issued.pk).update(entries_left=F("entries_left") - count)
    issued.entries_left -= count


def give_back(issued: IssuedPass, count: int) -> None:
    """Give entries back to a pass, which is locked."""
    take(issued, -count)
