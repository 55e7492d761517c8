"""The cache in PostgreSQL in which django-allauth counts log-ins, sign-ups and requests for a new password.

A counter stays until it expires, however many others there are; ``forget_expired`` deletes it then. Networks, log-ins and
e-mail addresses in keys are hashed with the secret key.
"""

import hashlib
import hmac
import sys
from datetime import datetime

from django.conf import settings
from django.core.cache.backends.db import DatabaseCache
from django.db import connection

LOCK = ":lock"
# Keys of django-allauth: allauth:rl:<app>:<action>:<rate>:<source>.
NAMED_PARTS = 5


class CounterCache(DatabaseCache):
    """Django's database cache without its limit on the number of rows."""

    def __init__(self, table, params):
        super().__init__(table, params)
        # Django would delete a third of all rows, in the order of their keys, above 300.
        self._max_entries = sys.maxsize


def hashed(source: str) -> str:
    """Return the hash that stands for a network, log-in or address in a key."""
    return hmac.new(settings.SECRET_KEY.encode(), f"cache|{source}".encode(), hashlib.sha256).hexdigest()


def stored_key(key: str, _prefix: str, version: int) -> str:
    """Return the key as it is stored. Used as Django's KEY_FUNCTION."""
    plain = key.removesuffix(LOCK)
    parts = plain.split(":", NAMED_PARTS)
    named, source = (parts[:-1], parts[-1]) if len(parts) > NAMED_PARTS else ([], plain)
    return ":".join([str(version), *named, hashed(source)]) + (LOCK if key != plain else "")


def forget_expired(now: datetime) -> int:
    """Delete the expired counters. Return their number."""
    table = connection.ops.quote_name(settings.CACHES["default"]["LOCATION"])
    with connection.cursor() as cursor:
        # The table name comes from a setting, the time is bound.
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [now])  # noqa: S608
        return cursor.rowcount


def forget_sources(sources: list[str]) -> None:
    """Delete all counters of these networks, log-ins or addresses, given as django-allauth writes them in its keys."""
    table = connection.ops.quote_name(settings.CACHES["default"]["LOCATION"])
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE cache_key LIKE ANY(%s)",  # noqa: S608
            [[f"%:{hashed(source)}%" for source in sources]],
        )
