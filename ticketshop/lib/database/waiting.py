"""A longer statement timeout for jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from . import GRACE, LimitedConnection


@contextmanager
def statement_timeout(seconds: int) -> Iterator[None]:
    """Set the timeout of statements in the block, at the server and for answers; 0: none. Call within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
    if isinstance(connection.connection, LimitedConnection):
        with connection.connection.limited(seconds + GRACE if seconds else None):
            yield
    else:
        yield
