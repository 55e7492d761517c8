"""A PostgreSQL backend (``base``) whose connection pool notices quickly when the database is away or back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from psycopg import Connection, OperationalError
from psycopg._preparing import PrepareManager
from psycopg.errors import _WaitTimeout
from psycopg_pool import ConnectionPool

# Seconds after the server's statement timeout until the server counts as frozen.
GRACE = 5.0
# Longer than any statement waits for a row (``lock_timeout`` in the settings). What lasts longer does not end meanwhile.
LONGEST_WAIT = timedelta(minutes=1)
# Psycopg drops prepared statements after these, and after ROLLBACK.
_FORGETTING = (b"DROP", b"ALTER", b"DISCARD ALL", b"DEALLOCATE ALL")


class Outages:
    """The last failed attempt to connect in this process, by ``time.monotonic``."""

    last = float("-inf")

    @classmethod
    def note(cls, pool: ConnectionPool) -> None:
        """Note a failed attempt. The pool calls this."""
        cls.last = time.monotonic()


class RollbackSafeStatements(PrepareManager):
    """Keeps the prepared statements of a connection after a rollback.

    Psycopg drops them at each ROLLBACK, also to a savepoint, because a transaction that is rolled back may have created tables. Only
    migrations do that, and PostgreSQL plans a statement again when its tables change. Otherwise each refused order would make the next
    purchase parse and plan all its statements again. Psycopg has no public interface for this; ``tests/lib/database/test_base.py`` fails
    if a new version no longer calls it.
    """

    def clear(self) -> bool:
        """Do nothing. Psycopg calls this after a rollback."""
        return False

    def forget(self) -> bool:
        """Drop all statements; the server drops them after the next statement that succeeds. Return whether there were any."""
        return super().clear()

    def _should_discard(self, prep, results, *_more) -> bool:
        changed = any((result.command_status or b"").startswith(_FORGETTING) for result in results)
        return changed and self.forget()


class LimitedConnection(Connection):
    """A connection that waits at most ``limit`` seconds for each answer; None: without limit. It has ``RollbackSafeStatements``.

    A frozen server keeps connections open and sends nothing, so that neither its statement timeout nor TCP ends the wait. After
    the limit the connection is closed and OperationalError raised.
    """

    limit: float | None = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._prepared = self.statements = RollbackSafeStatements()

    def wait(self, gen, interval=0.1, timeout=None):
        """Wait for an answer, as psycopg does, but not longer than ``limit``."""
        if timeout is not None or self.limit is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.limit)
        except _WaitTimeout:
            self.close()
            raise OperationalError("the database does not answer") from None

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Set the limit within the block."""
        before, self.limit = self.limit, seconds
        try:
            yield
        finally:
            self.limit = before


def pool(statement_timeout_ms: int) -> dict:
    """Return the pool's options that ``base`` needs: short waits, and no reconnection attempts by the pool itself.

    ``statement_timeout_ms``: the server's statement timeout, 0 for none.
    """
    limit = statement_timeout_ms / 1000 + GRACE if statement_timeout_ms else None
    return {
        "timeout": 0.1,
        "reconnect_timeout": 0,
        "reconnect_failed": Outages.note,
        "connection_class": type("LimitedConnection", (LimitedConnection,), {"limit": limit}),
    }
