"""Distinguish a database that is away from a statement that failed."""

from django.db import InterfaceError, OperationalError
from psycopg import errors
from psycopg_pool import PoolTimeout

# Exceptions of pages and jobs while the database is away, slow or locked.
OUTAGES = (OperationalError, InterfaceError, PoolTimeout)
AWAY = ("08", "57P")  # classes of SQLSTATE: no connection, server shuts down


def is_away(error: BaseException | None) -> bool:
    """Return whether the connection failed, not the statement. Follows ``__cause__`` through wrapped errors."""
    while error is not None:
        if isinstance(error, errors.OperationalError | errors.InterfaceError):
            return error.sqlstate is None or error.sqlstate.startswith(AWAY)
        error = error.__cause__
    return False
