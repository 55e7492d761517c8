"""The process that does work in the background: `manage.py worker`.

It outlives its database. When a query fails because the database is away, the process waits until it is back and begins anew
under another number; what was under way then belongs to a worker that gives no sign of life, and `jobs.take_up_stalled`
does it again.
"""

import asyncio
import logging
import signal

import psycopg
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector

from ticketshop.lib.database.outages import is_away

logger = logging.getLogger("ticketshop.worker")

# How many jobs run at once. E-mails have slots of their own: a mail server that is slow holds up nothing else.
SLOTS = {"mail": 2}
OTHER_SLOTS = 2
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 15.0  # seconds between two looks for a database that is away


class Connector(PsycopgConnector):
    """Procrastinate's own, which also notes in ``lost`` that the database went away."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lost = asyncio.Event()

    async def execute_query_async(self, query, **arguments):
        with self._noting():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(self, query, **arguments):
        with self._noting():
            return await super().execute_query_one_async(query, **arguments)

    async def execute_query_all_async(self, query, **arguments):
        with self._noting():
            return await super().execute_query_all_async(query, **arguments)

    async def listen_notify(self, on_notification, channels):
        try:
            with self._noting():
                await super().listen_notify(on_notification, channels)
        except ConnectorException:
            await asyncio.Event().wait()  # until this worker is stopped

    def _noting(self) -> "_Noting":
        return _Noting(self.lost)


class _Noting:
    def __init__(self, lost: asyncio.Event):
        self._lost = lost

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _traceback):
        if is_away(error):
            self._lost.set()


def queues() -> list[tuple[list[str], int]]:
    """Return the names of queues that share slots, and how many slots."""
    others = {task.queue for task in app.tasks.values()} - set(SLOTS)
    return [*(([name], slots) for name, slots in SLOTS.items()), (sorted(others), OTHER_SLOTS)]


async def work() -> None:
    """Do what is queued until SIGTERM or SIGINT; jobs that have begun end first."""
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    wait = SHORTEST_WAIT
    while not asked_to_stop.is_set():
        connector = Connector(kwargs=connector_params(), min_size=1, max_size=8, timeout=5.0)
        try:
            with app.replace_connector(connector):
                async with app.open_async():
                    wait = SHORTEST_WAIT
                    await _until_stopped_or_lost(connector, asked_to_stop)
        except (ConnectorException, psycopg.Error) as error:
            if not is_away(error):
                logger.error("worker waits, because a query failed error=%s", type(error.__cause__).__name__)
        if not asked_to_stop.is_set():
            logger.warning("worker waits for the database seconds=%.0f", wait)
            await _either(asked_to_stop.wait(), asyncio.sleep(wait))
            wait = min(2 * wait, LONGEST_WAIT)


async def _until_stopped_or_lost(connector: Connector, asked_to_stop: asyncio.Event) -> None:
    workers = [
        asyncio.create_task(
            app.run_worker_async(
                queues=names, concurrency=slots, name=names[0], install_signal_handlers=False
            )
        )
        for names, slots in queues()
    ]
    try:
        await _either(asked_to_stop.wait(), connector.lost.wait(), *workers)
    finally:
        for worker in workers:
            worker.cancel()  # it takes nothing more, and ends what has begun
        ends = await asyncio.gather(*workers, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _either(*awaitables) -> None:
    """Wait for the first of them; the coroutines among the others are ended."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, awaitable in zip(tasks, awaitables, strict=True):
        if task is not awaitable:
            task.cancel()
