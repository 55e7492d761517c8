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

from .models import Counter


@dataclass(frozen=True)
class Limit:
    """At most ``count`` times in ``window`` for one key."""

    count: int
    window: timedelta


LIMITS = {
    "cart_add": Limit(120, timedelta(minutes=10)),
    "order_place": Limit(60, timedelta(minutes=10)),
    "mail_resend": Limit(3, timedelta(hours=1)),
    "order_link": Limit(300, timedelta(minutes=10)),
}

_UPSERT = """
    INSERT INTO limits_counter (kind, key_hash, window_start, expires_at, count)
    VALUES (%s, %s, %s, %s, 1)
    ON CONFLICT (kind, key_hash, window_start) DO UPDATE SET count = limits_counter.count + 1
    RETURNING count
"""


def hit(kind: str, key: str, now: datetime) -> bool:
    """Count one more; True while the limit of ``kind`` (see ``LIMITS``) is not exceeded. One query."""
    limit = LIMITS[kind]
    seconds = int(limit.window.total_seconds())
    start = now - timedelta(seconds=int(now.timestamp()) % seconds, microseconds=now.microsecond)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [kind, _hash(kind, key, now), start, start + limit.window])
        (count,) = cursor.fetchone()
    return count <= limit.count


def forget_expired(now: datetime) -> int:
    """Delete the counters whose window is over; returns how many."""
    deleted, _ = Counter.objects.filter(expires_at__lt=now).delete()
    return deleted


def _hash(kind: str, key: str, now: datetime) -> bytes:
    message = f"{now:%Y-%m-%d}|{kind}|{key}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256)
