"""Django's PostgreSQL backend (``base``), with a pool that is quick to notice that the database is away or back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection, OperationalError
from psycopg.errors import _WaitTimeout
from psycopg_pool import ConnectionPool

# Seconds beyond the server's own limit of a statement after which the server counts as frozen.
GRACE = 5.0


class Outages:
    """When an attempt to connect failed last in this process, on the clock of ``time.monotonic``."""

    last = float("-inf")

    @classmethod
    def note(cls, pool: ConnectionPool) -> None:
        cls.last = time.monotonic()


class LimitedConnection(Connection):
    """A connection that waits ``limit`` seconds for each answer; None for ever.

    A server that is frozen keeps its connections open and sends nothing: neither its own limit of a statement nor a
    limit of the network ends such a wait. The connection is closed then, and OperationalError raised.
    """

    limit: float | None = None

    def wait(self, gen, interval=0.1, timeout=None):
        if timeout is not None or self.limit is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.limit)
        except _WaitTimeout:
            self.close()
            raise OperationalError("the database does not answer") from None

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Wait so long for each answer within the block."""
        before, self.limit = self.limit, seconds
        try:
            yield
        finally:
            self.limit = before


def pool(statement_timeout_ms: int) -> dict:
    """Return what the pool must do for ``base`` to work: short waits, no attempts of its own to connect again and again.

    ``statement_timeout_ms``: the server's limit of a statement, 0 for none.
    """
    limit = statement_timeout_ms / 1000 + GRACE if statement_timeout_ms else None
    return {
        "timeout": 0.1,
        "reconnect_timeout": 0,
        "reconnect_failed": Outages.note,
        "connection_class": type("LimitedConnection", (LimitedConnection,), {"limit": limit}),
    }
