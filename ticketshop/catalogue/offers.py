"""Put dates and tariffs on sale and give them places, for the back-office pages of the catalogue.

An offer is a tariff sold at a session; it takes places from an allotment. Staff enter dates, prices and a
number of places; this module makes the offers. An offer that staff removed is not made again: only new dates
and new tariffs get offers.
"""

from datetime import datetime

from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import localtime

from .models import Allotment, Event, Offer, SeasonPass, Session, Tariff


@transaction.atomic
def open_sessions(event: Event, capacities: dict[Session, int]) -> list[Session]:
    """Give each of these dates an allotment of this capacity, sold in every active tariff of the event.

    Return the dates that could not be put on sale because the event has no active tariff.
    """
    tariffs = list(Tariff.objects.filter(event=event, active=True))
    if not tariffs:
        return list(capacities)
    allotments = Allotment.objects.bulk_create(
        Allotment(organiser_id=event.organiser_id, name=allotment_name(event, session), capacity=capacity)
        for session, capacity in capacities.items()
    )
    Offer.objects.bulk_create(
        [
            Offer(session=session, tariff=tariff, allotment=allotment)
            for session, allotment in zip(capacities, allotments, strict=True)
            for tariff in tariffs
        ],
        ignore_conflicts=True,
    )
    return []


@transaction.atomic
def open_tariffs(event: Event, tariffs: list[Tariff], *, now: datetime) -> None:
    """Sell new tariffs at every date of the event that has places and is not over."""
    first: dict[int, int] = {}
    offers = Offer.objects.filter(session__event=event, session__ends_at__gt=now).order_by("pk")
    for session_id, allotment_id in offers.values_list("session_id", "allotment_id"):
        first.setdefault(session_id, allotment_id)
    for session in Session.objects.filter(pk__in=first):
        _offer(session, [tariff for tariff in tariffs if tariff.active], first[session.pk])


def allotment_for_pass(season_pass: SeasonPass, capacity: int) -> Allotment:
    """Create and return the allotment of a new season pass."""
    return Allotment.objects.create(
        organiser_id=season_pass.organiser_id, name=season_pass.name[:160], capacity=capacity
    )


def resize(allotment_id: int, capacity: int) -> bool:
    """Change the number of places. Return False, and change nothing, if more are sold already."""
    return bool(Allotment.objects.filter(pk=allotment_id, sold__lte=capacity).update(capacity=capacity))


def allotment_name(event: Event, session: Session) -> str:
    """Return the name of an allotment in the back office: “Hamlet, 3 December 2026, 20:00”."""
    start = localtime(session.starts_at)
    when = f"{date_format(start, 'DATE_FORMAT')}, {date_format(start, 'TIME_FORMAT')}"
    return f"{event.title[: 158 - len(when)]}, {when}"


def _offer(session: Session, tariffs: list[Tariff], allotment_id: int) -> None:
    Offer.objects.bulk_create(
        [Offer(session=session, tariff=tariff, allotment_id=allotment_id) for tariff in tariffs],
        ignore_conflicts=True,
    )
