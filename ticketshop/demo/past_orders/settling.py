"""The later states of an order of the demo: paid, refunded, expired or pending."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REMINDER = timedelta(days=5)
# Methods of orders that are paid as staff enter them.
AT_COUNTER = ("cash", "card_terminal")


@dataclass(frozen=True)
class Outcome:
    """The state of an order and the times that led to it."""

    state: str
    paid_at: datetime | None = None
    ended_at: datetime | None = None
    refunded_at: datetime | None = None
    reminded_at: datetime | None = None


@dataclass(frozen=True)
class Course:
    """An order before its state is chosen. ``now`` is the time up to which things have happened."""

    method: str
    placed: datetime
    expires: datetime | None
    starts: datetime | None
    takes_place: bool
    now: datetime


def settle(course: Course, rng: random.Random) -> Outcome:
    """Choose at random what happens to the order."""
    if course.method == "free" or (course.method in AT_COUNTER and course.takes_place):
        return Outcome("paid", paid_at=course.placed)
    if not course.takes_place:
        wait = timedelta() if course.method in AT_COUNTER else DAY
        return _refunded(course, course.placed + wait, 9 * DAY, rng)
    paid = _paid_at(course, rng)
    dice = rng.random()
    if dice < 0.05:
        return _refunded(course, paid, 4 * DAY, rng)
    if dice < 0.11 and course.expires < course.now:
        # The worker expires orders once a minute.
        ended = course.expires + timedelta(seconds=rng.randint(1, 59))
        return Outcome("expired", ended_at=ended, reminded_at=_reminded(course, course.expires))
    return _waiting_or_paid(course, paid)


def _paid_at(course: Course, rng: random.Random) -> datetime:
    """Return when the money arrives: by transfer after some days; on site some days later, or at the door."""
    if course.method == "on_site" and course.starts and rng.random() < 0.35:
        return course.starts - rng.randint(8, 50) * MINUTE
    paid = course.placed + rng.choice((1, 1, 2, 2, 3, 4, 6, 8)) * DAY
    paid = paid.replace(hour=rng.randint(9, 17), minute=rng.randrange(60), second=rng.randrange(60))
    end = course.expires
    if end <= course.now + DAY:
        # A pending order must not expire as soon as the demo runs.
        end = min(end, course.now)
    return (
        paid if course.placed < paid < end else course.placed + (end - course.placed) * rng.uniform(0.2, 0.8)
    )


def _waiting_or_paid(course: Course, paid: datetime) -> Outcome:
    if paid >= course.now:
        return Outcome("pending", reminded_at=_reminded(course, course.now))
    return Outcome("paid", paid_at=paid, reminded_at=_reminded(course, paid))


def _refunded(course: Course, paid: datetime, longest: timedelta, rng: random.Random) -> Outcome:
    """Return an order that was paid and refunded, if there was time for both."""
    end = paid + longest * rng.uniform(0.02, 1)
    if course.starts:
        end = min(end, course.starts - 2 * HOUR)
    if not paid < end < course.now:
        return _waiting_or_paid(course, paid)
    back = end + DAY * rng.uniform(0.1, 3)
    if rng.random() < 0.15:
        back = course.now  # not refunded yet
    return Outcome(
        "cancelled",
        paid_at=paid,
        ended_at=end,
        refunded_at=back if back < course.now else None,
        reminded_at=_reminded(course, paid),
    )


def _reminded(course: Course, until: datetime) -> datetime | None:
    """Return the time of the reminder of a bank transfer, if one was due before ``until``. The worker sends them at 9:07 UTC."""
    if course.method != "bank_transfer":
        return None
    due = (course.placed + REMINDER).astimezone(UTC)
    morning = due.replace(hour=9, minute=7, second=0, microsecond=0)
    morning = morning if morning >= due else morning + DAY
    return morning if morning < min(until, course.expires) else None
