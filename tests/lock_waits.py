"""A second connection that must wait, for races in which one side has written and not yet committed."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

from tests.at_once import lock_waiters, watcher
from tests.waiting import wait_for


@contextmanager
def blocked_by(write: Callable[[], object]) -> Iterator[Callable[[Callable], Future]]:
    """Run ``write`` in a transaction that stays open until the calls started in the block wait for a lock.

    Yields a function that starts a call in a thread and returns its ``Future``.
    """
    started: list[Future] = []

    def start(call: Callable) -> Future:
        started.append(threads.submit(_and_close, call))
        return started[-1]

    with ThreadPoolExecutor(4) as threads, transaction.atomic():
        write()
        yield start
        with watcher() as observer:
            wait_for(lambda: lock_waiters(observer) >= len(started), "the other connections to wait")


def _and_close(call: Callable):
    try:
        return call()
    finally:
        connection.close()
