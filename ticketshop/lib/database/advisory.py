"""Locks of a value instead of a row."""

import uuid

from django.db import connection


def lock(key: uuid.UUID | str) -> None:
    """Lock a key until the end of the transaction: a page that is sent twice at once is served one after the other.

    A text that starts with its table locks something that no row stands for, such as a check of all rows before one is written.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(key)])
