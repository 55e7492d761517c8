"""Limits on how often something may happen, counted in PostgreSQL, so that all processes share them.

    if not limits.hit("cart_add", network(request), now):
        return too_many_requests(request, limits.wait("cart_add", network(request), now))

Addresses and log-ins are not stored: keys are hashed with the day and the secret key, so that a counter can't be traced to
a person.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from ticketshop.lib.database.prepared import prepared_cursor

from .models import Counter

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Limit:
    """At most ``count`` times in ``window`` for one key.

    A sliding window is counted by the minute, so that the limit holds for a window that begins at any time.
    """

    count: int
    window: timedelta
    sliding: bool = False

    @property
    def piece(self) -> timedelta:
        """Return the length of one counter."""
        return MINUTE if self.sliding else self.window


LIMITS = {
    "cart_add": Limit(120, timedelta(minutes=10)),
    "order_place": Limit(60, timedelta(minutes=10)),
    "order_pay": Limit(60, timedelta(minutes=10)),
    "mail_resend": Limit(3, HOUR),
    # Test e-mails of a staff member to themselves.
    "mail_check": Limit(5, HOUR, sliding=True),
    # Mails with the invoice of one order.
    "invoice_mail": Limit(3, HOUR, sliding=True),
    # Orders of guests with one e-mail address; each order sends a mail to it.
    "order_mailbox": Limit(10, DAY, sliding=True),
    "order_link": Limit(300, timedelta(minutes=10)),
    # Statements of withdrawal from one network.
    "withdrawal": Limit(20, HOUR, sliding=True),
    "answers_change": Limit(60, HOUR),
    "names_change": Limit(20, HOUR),
    # Offers of tickets to friends and family; each sends a mail.
    "ticket_offer": Limit(20, HOUR, sliding=True),
    "export": Limit(60, HOUR),
    # Friends and family. The organiser sets the counts, see Organiser.link_….
    "link_add_hour": Limit(10, HOUR, sliding=True),
    "link_add_day": Limit(20, DAY, sliding=True),
    "link_mismatch": Limit(5, HOUR, sliding=True),
    "link_network": Limit(60, HOUR),
    "link_mail_day": Limit(1, DAY, sliding=True),
    "link_mail_week": Limit(3, WEEK, sliding=True),
    "link_token": Limit(60, HOUR),
    # Invitations of staff: of one organiser, and of one organiser to one address.
    "staff_invite": Limit(30, DAY, sliding=True),
    "staff_invite_address": Limit(3, DAY, sliding=True),
    # Forms that are saved at the log-in page, see ``submissions``; per network.
    # Wrong codes of the second step for one log-in.
    "second_factor": Limit(20, DAY, sliding=True),
    "submission_keep": Limit(60, HOUR),
    # Requests for one's own data: mails per mailbox, attempts per network.
    "data_mail": Limit(3, HOUR, sliding=True),
    "data_ask": Limit(30, HOUR),
    "data_copy": Limit(20, HOUR),
}

_UPSERT = """
    INSERT INTO limits_counter (kind, key_hash, window_start, expires_at, count)
    VALUES (%s, %s, %s, %s, 1)
    ON CONFLICT (kind, key_hash, window_start) DO UPDATE SET count = limits_counter.count + 1
    RETURNING count
"""


# Of a sliding window. The statement does not see the row that it writes: it adds what was counted in earlier minutes.
_UPSERT_SLIDING = f"""
    WITH minute AS ({_UPSERT})
    SELECT (SELECT count FROM minute) + coalesce(sum(count), 0) FROM limits_counter
    WHERE kind = %s AND key_hash = ANY(%s) AND window_start >= %s AND window_start <> %s
"""  # noqa: S608  all values are bound

_COUNT = """
    SELECT coalesce(sum(count), 0) FROM limits_counter
    WHERE kind = %s AND key_hash = ANY(%s) AND window_start >= %s
"""


def hit(kind: str, key: str, now: datetime, *, count: int | None = None) -> bool:
    """Count one more. Return whether the limit of ``kind`` (see ``LIMITS``), or ``count`` if given, is not exceeded.

    One statement.
    """
    counted = _note_sliding(kind, key, now) if LIMITS[kind].sliding else note(kind, key, now)
    return counted <= (LIMITS[kind].count if count is None else count)


def note(kind: str, key: str, now: datetime) -> int:
    """Count one more without a check. Return the count of the window, or of the current minute of a sliding window."""
    with prepared_cursor() as cursor:
        cursor.execute(_UPSERT, _row(kind, key, now))
        return cursor.fetchone()[0]


def _note_sliding(kind: str, key: str, now: datetime) -> int:
    """Count one more in the current minute. Return the count of the whole window."""
    since, hashes = _window(kind, key, now)
    values = [*_row(kind, key, now), kind, hashes, since, _piece_start(LIMITS[kind], now)]
    with prepared_cursor() as cursor:
        cursor.execute(_UPSERT_SLIDING, values)
        return cursor.fetchone()[0]


def _row(kind: str, key: str, now: datetime) -> list:
    limit = LIMITS[kind]
    start = _piece_start(limit, now)
    return [kind, _hash(kind, key, start.date()), start, start + limit.window + limit.piece]


def reached(kind: str, key: str, now: datetime, *, count: int | None = None) -> bool:
    """Return whether the limit is reached. Counts nothing; one query."""
    return _counted(kind, key, now) >= (LIMITS[kind].count if count is None else count)


def wait(kind: str, key: str, now: datetime, *, count: int | None = None) -> timedelta:
    """Return how long to wait until ``hit`` allows one more. Counts nothing; one query for a sliding window, else none."""
    limit = LIMITS[kind]
    start = _piece_start(limit, now)
    if not limit.sliding:
        return start + limit.window - now
    rows = list(_counters(kind, key, now).order_by("window_start").values_list("window_start", "count"))
    left, ends = sum(number for _start, number in rows), now
    for piece_start, number in rows:
        if left < (limit.count if count is None else count):
            break
        left, ends = left - number, piece_start + limit.window + limit.piece
    return ends - now


def lock(kind: str, key: str) -> None:
    """Lock this kind and key until the end of the caller's transaction, so that check and count are one step."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{kind}|{key}"])


def _counted(kind: str, key: str, now: datetime) -> int:
    since, hashes = _window(kind, key, now)
    with prepared_cursor() as cursor:
        cursor.execute(_COUNT, [kind, hashes, since])
        return cursor.fetchone()[0]


def _counters(kind: str, key: str, now: datetime) -> QuerySet[Counter]:
    """Return the counters in the window at ``now``."""
    since, hashes = _window(kind, key, now)
    return Counter.objects.filter(kind=kind, key_hash__in=hashes, window_start__gte=since)


def _window(kind: str, key: str, now: datetime) -> tuple[datetime, list[bytes]]:
    """Return the start of the window at ``now``, and the hashes of the key on each of its days."""
    limit = LIMITS[kind]
    start = _piece_start(limit, now)
    since = start - limit.window if limit.sliding else start
    days = [since.date() + timedelta(days=n) for n in range((start.date() - since.date()).days + 1)]
    return since, [_hash(kind, key, day) for day in days]


def _piece_start(limit: Limit, now: datetime) -> datetime:
    now = now.astimezone(UTC)
    seconds = int(limit.piece.total_seconds())
    return now - timedelta(seconds=int(now.timestamp()) % seconds, microseconds=now.microsecond)


def fingerprint(kind: str, key: str, now: datetime) -> str:
    """Return a keyed hash of ``key`` that changes every month, for rows that are compared and not counted."""
    return _hash(kind, key, now.astimezone(UTC).date().replace(day=1)).hex()[:32]


def over(now: datetime) -> QuerySet[Counter]:
    """Return the counters whose window has ended."""
    return Counter.objects.filter(expires_at__lt=now)


def _hash(kind: str, key: str, day: date) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), f"{day}|{kind}|{key}".encode(), hashlib.sha256)
