"""Limits on how often something may happen, counted in PostgreSQL: they hold across processes and restarts.

    if not limits.hit("cart_add", network(request), now):
        ...  # answer 429

Neither addresses nor log-ins are stored: a key is hashed with the day and the secret, so that a
counter says nothing about anybody and nothing at all after its day.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from .models import Counter


@dataclass(frozen=True)
class Limit:
    """At most ``count`` times in ``window`` for one key.

    With ``pieces`` the window slides, in so many steps: no two windows meet in which twice as much
    happens. Its keys are hashed without the day, and gone when the window is over.
    """

    count: int
    window: timedelta
    pieces: int = 1

    @property
    def piece(self) -> timedelta:
        return self.window / self.pieces


HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
LIMITS = {
    "cart_add": Limit(120, timedelta(minutes=10)),
    "order_place": Limit(60, timedelta(minutes=10)),
    "mail_resend": Limit(3, timedelta(hours=1)),
    "order_link": Limit(300, timedelta(minutes=10)),
    # Friends and family; an organiser sets the counts, see Organiser.link_….
    "link_add_hour": Limit(10, HOUR, pieces=6),
    "link_add_day": Limit(20, DAY, pieces=24),
    "link_mismatch": Limit(5, HOUR, pieces=6),
    "link_network": Limit(60, HOUR),
    "link_mail_day": Limit(1, DAY, pieces=24),
    "link_mail_week": Limit(3, WEEK, pieces=7 * 24),
    "link_token": Limit(60, HOUR),
}

_UPSERT = """
    INSERT INTO limits_counter (kind, key_hash, window_start, expires_at, count)
    VALUES (%s, %s, %s, %s, 1)
    ON CONFLICT (kind, key_hash, window_start) DO UPDATE SET count = limits_counter.count + 1
    RETURNING count
"""


def hit(kind: str, key: str, now: datetime, *, count: int | None = None) -> bool:
    """Count one more; True while the limit of ``kind`` (see ``LIMITS``), or ``count`` in its place, is not exceeded."""
    limit = LIMITS[kind]
    start = _piece_start(limit, now)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [kind, _hash(kind, key, now), start, start + limit.window + limit.piece])
        (counted,) = cursor.fetchone()
    if limit.pieces > 1:
        counted = _counted(kind, key, now)
    return counted <= (limit.count if count is None else count)


def reached(kind: str, key: str, now: datetime, *, count: int | None = None) -> bool:
    """Whether nothing more may happen now; counts nothing. One query."""
    return _counted(kind, key, now) >= (LIMITS[kind].count if count is None else count)


def _counted(kind: str, key: str, now: datetime) -> int:
    limit = LIMITS[kind]
    since = _piece_start(limit, now) - limit.window + limit.piece
    rows = Counter.objects.filter(kind=kind, key_hash=_hash(kind, key, now), window_start__gte=since)
    return rows.aggregate(total=Sum("count"))["total"] or 0


def _piece_start(limit: Limit, now: datetime) -> datetime:
    seconds = int(limit.piece.total_seconds())
    return now - timedelta(seconds=int(now.timestamp()) % seconds, microseconds=now.microsecond)


def forget_expired(now: datetime) -> int:
    """Delete the counters whose window is over; returns how many."""
    deleted, _ = Counter.objects.filter(expires_at__lt=now).delete()
    return deleted


def _hash(kind: str, key: str, now: datetime) -> bytes:
    day = "" if LIMITS[kind].pieces > 1 else f"{now:%Y-%m-%d}"
    return hmac.digest(settings.SECRET_KEY.encode(), f"{day}|{kind}|{key}".encode(), hashlib.sha256)
