"""Statements that may take longer than a visitor's."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from . import GRACE, LimitedConnection


@contextmanager
def statement_timeout(seconds: int) -> Iterator[None]:
    """Let each statement of the block take so long, 0 for ever: at the server and here. Call within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
    if isinstance(connection.connection, LimitedConnection):
        with connection.connection.limited(seconds + GRACE if seconds else None):
            yield
    else:
        yield
