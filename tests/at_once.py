"""Run several calls at the same time, each on its own database connection, with a common meeting point.

A race test reads and then writes; the other calls must come between its reading and writing. The calls call ``meet`` there
(through a monkeypatched function). It returns when every other call has called it too, has ended, or waits for a database
lock. With the protection the others wait for the lock; without it they all meet. No time is involved, and the test and its
counter-test without the protection differ in the protection only.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.db import connection

from tests.waiting import PATIENCE, wait_for

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""
_thread = threading.local()


class _Round:
    """The calls of one ``at_once``."""

    def __init__(self, calls: int):
        self.calls = calls
        self.start = threading.Barrier(calls, timeout=PATIENCE)
        self.changed = threading.Condition()
        self.ended = self.here = self.met = self.generation = 0
        self.came = False  # whether any call has come to its ``meet``
        self.watcher: psycopg.Connection | None = None

    def run(self, call: Callable):
        _thread.round = self
        self.start.wait()
        try:
            return call()
        finally:
            connection.close()
            with self.changed:
                self.ended += 1
                self.changed.notify_all()

    def meet(self) -> int:
        with self.changed:
            generation = self.generation
            self.here += 1
            leads = self.here == 1
            self.came = True
            self.changed.notify_all()
            if leads:
                wait_for(self._all_have_stopped, "the other calls to arrive, end or wait for a lock")
                self.met, self.here = self.here, 0
                self.generation += 1
                self.changed.notify_all()
            else:
                self.changed.wait_for(lambda: self.generation > generation, PATIENCE)
            return self.met

    def _all_have_stopped(self) -> bool:
        """Return whether all calls wait or have ended. Checked twice, because a server process may wait only briefly."""
        return all(self.here + self.ended + self._waiting() >= self.calls for _look in range(2))

    def _waiting(self) -> int:
        self.changed.wait(0.02)
        missing = self.calls - self.here - self.ended
        return min(lock_waiters(self._watch()), missing) if missing > 0 else 0

    def _watch(self) -> psycopg.Connection:
        if self.watcher is None:
            self.watcher = watcher()
        return self.watcher

    def close(self) -> None:
        if self.watcher is not None:
            self.watcher.close()


def at_once(*calls: Callable) -> list:
    """Start all ``calls`` together and return their results in order. Raise the exception of a call."""
    together = _Round(len(calls))
    try:
        with ThreadPoolExecutor(len(calls)) as threads:
            running = [threads.submit(together.run, call) for call in calls]
        return [one.result() for one in running]
    finally:
        together.close()


def meet() -> int:
    """Wait until each other call of the same ``at_once`` has called ``meet``, has ended, or waits for a lock.

    Return how many have called it; return 0 at once if ``at_once`` did not start the caller.
    """
    together = getattr(_thread, "round", None)
    return together.meet() if together else 0


def second(call: Callable) -> Callable:
    """Return ``call`` as one that starts when another call of the same ``at_once`` has called ``meet``."""

    def come_second():
        together = _thread.round
        with together.changed:
            together.changed.wait_for(lambda: together.came or together.ended, PATIENCE)
        assert together.came, "no other call came to the middle"
        return call()

    return come_second


def watcher() -> psycopg.Connection:
    """Return a connection to the tests' database outside of Django, on which each statement sees current data."""
    parameters = connection.get_connection_params()
    wanted = {
        name: parameters[name]
        for name in ("dbname", "user", "password", "host", "port")
        if name in parameters
    }
    return psycopg.connect(**wanted, autocommit=True)


def lock_waiters(observer: psycopg.Connection) -> int:
    """Return how many server processes of the tests' database wait for a lock."""
    return observer.execute(WAITING).fetchone()[0]
