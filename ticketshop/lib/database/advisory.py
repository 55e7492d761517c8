"""Locks of a value instead of a row."""

import uuid

from django.db import connection


def lock(key: uuid.UUID) -> None:
    """Lock a key until the end of the transaction: a page that is sent twice at once is served one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(key)])
