"""Repeated dates of an event: on chosen days of the week at the same times, in the time zone of the organiser."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.db import transaction

from ticketshop.history import history

from .. import offers
from ..models import Event, Session

# The largest number of dates that are made at once, and of days between the first and the last one.
MOST_DATES = 200
MOST_DAYS = 400


@dataclass(frozen=True)
class Rule:
    """Every one of ``weekdays`` (0 for Monday) from the first to the last day, at each of ``times``, but not on ``exceptions``."""

    first: date
    last: date
    weekdays: frozenset[int]
    times: tuple[time, ...]
    exceptions: frozenset[date] = frozenset()

    def days(self) -> list[date]:
        """Return the days of the rule."""
        days = (self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))
        return [day for day in days if day.weekday() in self.weekdays and day not in self.exceptions]


@dataclass(frozen=True)
class Starts:
    """The starts that a rule makes. ``skipped``: local times that do not exist, because the clocks go forward that night."""

    instants: list[datetime] = field(default_factory=list)
    skipped: list[datetime] = field(default_factory=list)


def starts(rule: Rule, zone: tzinfo) -> Starts:
    """Return the starts of a rule in this time zone, sorted. Of a time that comes twice that night it is the first."""
    made = Starts()
    for day in rule.days():
        for at in sorted(set(rule.times)):
            local = datetime.combine(day, at, zone)
            instant = local.astimezone(UTC)
            exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if exists:
                # In UTC, since Python never finds a repeated local time equal to a time in another zone.
                made.instants.append(instant)
            else:
                made.skipped.append(local)
    return made


def existing(event: Event, instants: Iterable[datetime]) -> set[datetime]:
    """Return those of the instants at which the event has a date already."""
    return set(event.sessions.filter(starts_at__in=list(instants)).values_list("starts_at", flat=True))


@transaction.atomic
def make(
    event: Event,
    instants: Iterable[datetime],
    *,
    lasting: timedelta,
    doors_before: timedelta | None,
    places: int,
    by,
    now: datetime,
) -> list[Session]:
    """Make a date at each instant at which the event has none, with places in every tariff on sale. Return the new dates."""
    # The same page sent twice at once: the second call sees the dates of the first.
    event = Event.objects.select_for_update(of=("self",), no_key=True).get(pk=event.pk)
    instants = list(instants)
    there = existing(event, instants)
    sessions = Session.objects.bulk_create(
        Session(
            event=event,
            starts_at=start,
            ends_at=start + lasting,
            doors_at=None if doors_before is None else start - doors_before,
        )
        for start in instants
        if start not in there
    )
    offers.open_sessions(event, dict.fromkeys(sessions, places))
    if sessions:
        history.record(event, "dates_added", by=by, now=now, count=len(sessions))
    return sessions
