"""Numbers of a date: people who are in, and tickets sold."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q

from ticketshop.catalogue.models import Session, Tariff
from ticketshop.lib.database.compiled import Compiled, Parameter

from ..models import Admission, Ticket

# Paid tickets: their holders are in, or may come.
SOLD = (Admission.State.VALID, Admission.State.USED)
IN_AND_SOLD = {"people_in": Count("pk", filter=Q(state=Admission.State.USED)), "sold": Count("pk")}


@dataclass(frozen=True)
class Figures:
    """People in, of the tickets sold. ``label``: the tariff; empty for all."""

    label: str
    people_in: int
    sold: int

    @property
    def to_come(self) -> int:
        """Return how many have not come yet."""
        return self.sold - self.people_in


_OF_SESSION = Compiled(
    lambda: (
        Ticket.objects.filter(session=Parameter("session"), state__in=SOLD)
        .order_by()
        .values_list("session")
        .annotate(**IN_AND_SOLD)
    )
)


def of_session(session: Session) -> Figures:
    """Return the figures of one date. One query."""
    for _pk, people_in, sold in _OF_SESSION.rows(session=session.pk):
        return Figures("", people_in, sold)
    return Figures("", 0, 0)


def of_sessions(sessions: Iterable[Session]) -> dict[int, Figures]:
    """Return session id -> figures, for dates with tickets. One query."""
    rows = Ticket.objects.filter(session__in=[session.pk for session in sessions], state__in=SOLD)
    found = rows.order_by().values_list("session").annotate(**IN_AND_SOLD)
    return {pk: Figures("", people_in, sold) for pk, people_in, sold in found}


def by_tariff(session: Session) -> list[Figures]:
    """Return the figures of each tariff of a date, in the order of the tariffs. Two queries."""
    rows = Ticket.objects.filter(session=session, state__in=SOLD).order_by()
    found = {
        pk: (people_in, sold)
        for pk, people_in, sold in rows.values_list("line__offer__tariff").annotate(**IN_AND_SOLD)
    }
    tariffs = Tariff.objects.filter(pk__in=list(found)).order_by("position", "pk")
    return [Figures(tariff.name, *found[tariff.pk]) for tariff in tariffs]
