"""Django's PostgreSQL backend (``base``), with a pool that is quick to notice that the database is away or back."""

import time

from psycopg_pool import ConnectionPool


class Outages:
    """When an attempt to connect failed last in this process, on the clock of ``time.monotonic``."""

    last = float("-inf")

    @classmethod
    def note(cls, pool: ConnectionPool) -> None:
        cls.last = time.monotonic()


# What the pool must do for ``base`` to work: short waits, no attempts of its own to connect again and again.
POOL = {"timeout": 0.1, "reconnect_timeout": 0, "reconnect_failed": Outages.note}
