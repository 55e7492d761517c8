"""How a database that is away is told from a statement that failed."""

from django.db import InterfaceError, OperationalError
from psycopg import errors
from psycopg_pool import PoolTimeout

# What a page or a job may raise while the database is away, slow or locked.
OUTAGES = (OperationalError, InterfaceError, PoolTimeout)
AWAY = ("08", "57P")  # classes of SQLSTATE: no connection, server shuts down


def is_away(error: BaseException | None) -> bool:
    """Whether it was the connection that failed, not the statement; looks through the libraries that wrap errors."""
    while error is not None:
        if isinstance(error, errors.OperationalError | errors.InterfaceError):
            return error.sqlstate is None or error.sqlstate.startswith(AWAY)
        error = error.__cause__
    return False
