"""The cache in which django-allauth counts log-ins, sign-ups and requests for a new password, in PostgreSQL.

A counter stays until its time is over, however many others there are; ``forget_expired`` deletes it then. Its key names
what is counted, but neither network nor log-in nor e-mail address: those are hashed with the secret.
"""

import hashlib
import hmac
import sys
from datetime import datetime

from django.conf import settings
from django.core.cache.backends.db import DatabaseCache
from django.db import connection

LOCK = ":lock"
# allauth:rl:<app>:<action>:<rate>: and then who or what is counted.
NAMED_PARTS = 5


class CounterCache(DatabaseCache):
    """Django's cache in a table, which never deletes rows because there are many of them."""

    def __init__(self, table, params):
        super().__init__(table, params)
        # Django would delete a third of all rows, in the order of their keys, above 300.
        self._max_entries = sys.maxsize


def hashed(source: str) -> str:
    """Return the form in which a network, log-in or address is in a key."""
    return hmac.new(settings.SECRET_KEY.encode(), f"cache|{source}".encode(), hashlib.sha256).hexdigest()


def stored_key(key: str, _prefix: str, version: int) -> str:
    """Django's KEY_FUNCTION: the key as it is stored."""
    plain = key.removesuffix(LOCK)
    parts = plain.split(":", NAMED_PARTS)
    named, source = (parts[:-1], parts[-1]) if len(parts) > NAMED_PARTS else ([], plain)
    return ":".join([str(version), *named, hashed(source)]) + (LOCK if key != plain else "")


def forget_expired(now: datetime) -> int:
    """Delete the counters whose time is over. Return their number."""
    table = connection.ops.quote_name(settings.CACHES["default"]["LOCATION"])
    with connection.cursor() as cursor:
        # The name of the table is a setting of ours, the instant is bound.
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [now])  # noqa: S608
        return cursor.rowcount


def forget_sources(sources: list[str]) -> None:
    """Delete all counters of these networks, log-ins or addresses, as django-allauth names them in its keys."""
    table = connection.ops.quote_name(settings.CACHES["default"]["LOCATION"])
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE cache_key LIKE ANY(%s)",  # noqa: S608
            [[f"%:{hashed(source)}%" for source in sources]],
        )
