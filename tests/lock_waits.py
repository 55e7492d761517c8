"""Waiting for another database connection to wait: for races that go by events, not by times."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

_BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND cardinality(pg_blocking_pids(pid)) > 0
"""


def wait_until_blocked(*, connections: int = 1, seconds: float = 20) -> None:
    """Return as soon as so many connections of this database wait for a lock that another one holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(_BLOCKED)
            if cursor.fetchone()[0] >= connections:
                return
        threading.Event().wait(0.02)
    raise AssertionError(f"no {connections} connections wait for a lock after {seconds} s")


@contextmanager
def blocked_by(write: Callable[[], object]):
    """Run ``write`` in a transaction that stays open until the calls started in the block wait for it.

    Yields a function that starts a call in a thread of its own and returns its ``Future``.
    """
    with ThreadPoolExecutor(4) as threads:
        started: list[Future] = []

        def start(call: Callable) -> Future:
            def run():
                try:
                    return call()
                finally:
                    connection.close()

            started.append(threads.submit(run))
            return started[-1]

        with transaction.atomic():
            write()
            yield start
            wait_until_blocked(connections=len(started))
