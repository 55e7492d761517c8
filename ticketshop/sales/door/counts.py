"""Numbers of a date: people who are in, and tickets sold. Entries with the code of a season pass count as both."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from ticketshop.catalogue.models import SeasonPass, Session, Tariff
from ticketshop.lib.database.compiled import Compiled, Parameter

from ..models import Admission, CheckIn, Ticket
from ..passes.entries import AT_DOOR

# Paid tickets: their holders are in, or may come.
SOLD = (Admission.State.VALID, Admission.State.USED)
IN_AND_SOLD = {"people_in": Count("pk", filter=Q(state=Admission.State.USED)), "sold": Count("pk")}


@dataclass(frozen=True)
class Figures:
    """People in, of the tickets sold. ``label``: the tariff or season pass; empty for all."""

    label: str
    people_in: int
    sold: int

    @property
    def to_come(self) -> int:
        """Return how many have not come yet."""
        return self.sold - self.people_in

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.label, self.people_in + other.people_in, self.sold + other.sold)


_OF_SESSION = Compiled(
    lambda: (
        Ticket.objects.filter(session=Parameter("session"), state__in=SOLD)
        .order_by()
        .values_list("session")
        .annotate(**IN_AND_SOLD)
    )
)


_PASSES_OF_SESSION = Compiled(
    lambda: (
        CheckIn.objects.filter(session=Parameter("session"), issued_pass__isnull=False)
        .exclude(kind=CheckIn.Kind.CONFLICT)
        .order_by()
        .values_list("session")
        .annotate(**AT_DOOR)
    )
)


def of_session(session: Session) -> Figures:
    """Return the figures of one date. Two queries."""
    figures = Figures("", 0, 0)
    for _pk, people_in, sold in _OF_SESSION.rows(session=session.pk):
        figures += Figures("", people_in, sold)
    return figures + with_passes(session)


def with_passes(session: Session) -> Figures:
    """Return the part of the figures of one date that came in with the code of a season pass: they take no place of an allotment.

    One query.
    """
    figures = Figures("", 0, 0)
    for _pk, counted, came, left in _PASSES_OF_SESSION.rows(session=session.pk):
        figures += Figures("", came - left, counted)
    return figures


def of_sessions(sessions: Iterable[Session]) -> dict[int, Figures]:
    """Return session id -> figures, for dates with tickets or entries. Two queries."""
    pks = [session.pk for session in sessions]
    rows = Ticket.objects.filter(session__in=pks, state__in=SOLD)
    found = rows.order_by().values_list("session").annotate(**IN_AND_SOLD)
    figures = {pk: Figures("", people_in, sold) for pk, people_in, sold in found}
    entries = _with_passes().filter(session__in=pks).values_list("session").annotate(**AT_DOOR)
    for pk, counted, came, left in entries:
        figures[pk] = figures.get(pk, Figures("", 0, 0)) + Figures("", came - left, counted)
    return figures


def _with_passes() -> QuerySet[CheckIn]:
    """Return what happened at the door with codes of passes."""
    return CheckIn.objects.filter(issued_pass__isnull=False).exclude(kind=CheckIn.Kind.CONFLICT).order_by()


def by_tariff(session: Session) -> list[Figures]:
    """Return the figures of each tariff of a date, in the order of the tariffs, and of each season pass. Four queries."""
    rows = Ticket.objects.filter(session=session, state__in=SOLD).order_by()
    found = {
        pk: (people_in, sold)
        for pk, people_in, sold in rows.values_list("line__offer__tariff").annotate(**IN_AND_SOLD)
    }
    tariffs = Tariff.objects.filter(pk__in=list(found)).order_by("position", "pk")
    of_tariffs = [Figures(tariff.name, *found[tariff.pk]) for tariff in tariffs]
    return [*of_tariffs, *_by_season_pass(session)]


def _by_season_pass(session: Session) -> list[Figures]:
    """Return the figures of each season pass whose code let people in at a date."""
    rows = _with_passes().filter(session=session).values_list("issued_pass__season_pass").annotate(**AT_DOOR)
    found = {pk: (came - left, counted) for pk, counted, came, left in rows}
    names = SeasonPass.objects.filter(pk__in=list(found)).order_by("pk")
    return [Figures(season_pass.name, *found[season_pass.pk]) for season_pass in names]
