"""The codes of season passes in the list that a device takes along for the time without network."""

from dataclasses import dataclass

from django.db.models import Count, Q

from ticketshop.catalogue import pass_dates
from ticketshop.catalogue.models import SeasonPass, Session
from ticketshop.lib.dates import days
from ticketshop.organisers.access import reachable

from ..models import Admission, CheckIn, IssuedPass, Ticket
from ..passes import entries

BOOKING_NEEDED, USED_UP = "booking_needed", "used_up"


@dataclass(frozen=True)
class PassCode:
    """A pass in the list. ``times``: how often its code lets a person in, if ``state`` is valid."""

    pk: int
    code: str
    name: str
    state: str
    times: int


def of_session(session: Session) -> list[PassCode]:
    """Return the passes that open a date. At most three queries, and one for each season pass that may open it."""
    day = days.day_of(session.starts_at, session.event.organiser.zone)
    kinds = SeasonPass.objects.filter(
        organiser=session.event.organiser_id, valid_from__lte=day, valid_until__gte=day
    )
    opening = [kind for kind in kinds if pass_dates.opens(kind, session)]
    if not opening:
        return []
    real = IssuedPass.objects.filter(reachable("order__point_of_sale__"), season_pass__in=opening)
    issued = real.filter(valid_from__lte=day, valid_until__gte=day)
    places = _booked_places(session)
    at_door = _at_door(session)
    return [
        _listed(row, *places.get(row.pk, (0, 0)), at_door.get(row.pk, entries.AtDoor()))
        for row in issued.select_related("season_pass", "line").order_by("pk")
    ]


def _listed(issued: IssuedPass, booked: int, to_come: int, at_door: entries.AtDoor) -> PassCode:
    """Return a pass as it is listed. ``booked``: places booked for the date; ``to_come``: those of them that let in now."""
    state, times = str(issued.state), to_come
    if not issued.season_pass.booking_needed:
        left = issued.season_pass.entries_per_date - booked - at_door.counted
        if issued.entries_left is not None:
            left = min(left, issued.entries_left)
        times += max(0, left) + at_door.out
    if state == Admission.State.VALID and not times:
        if booked or at_door.counted:
            state = Admission.State.USED
        else:
            state = BOOKING_NEEDED if issued.season_pass.booking_needed else USED_UP
    return PassCode(issued.pk, issued.code, issued.shown_name, state, times)


def _booked_places(session: Session) -> dict[int, tuple[int, int]]:
    """Return pass id -> places booked for a date, and how many of them let a person in now."""
    rows = Ticket.objects.filter(session=session, booked_with__isnull=False, state__in=entries.LIVING)
    counted = (
        rows.order_by()
        .values_list("booked_with")
        .annotate(booked=Count("pk"), to_come=Count("pk", filter=Q(state=Admission.State.VALID)))
    )
    return {pk: (booked, to_come) for pk, booked, to_come in counted}


def _at_door(session: Session) -> dict[int, entries.AtDoor]:
    """Return pass id -> what happened with its code at the door of a date."""
    rows = CheckIn.objects.filter(session=session, issued_pass__isnull=False).exclude(
        kind=CheckIn.Kind.CONFLICT
    )
    counted = rows.order_by().values_list("issued_pass").annotate(**entries.AT_DOOR)
    return {pk: entries.AtDoor(taken, people_in - people_out) for pk, taken, people_in, people_out in counted}
