"""The process for background work: `manage.py worker`.

It survives a database that is away: when a query fails, the process waits until the database is back and starts again as a
new worker. The interrupted jobs then belong to a worker that is no longer alive, and `jobs.take_up_stalled` starts them again.
"""

import asyncio
import logging
import signal

import psycopg
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector

from ticketshop.lib import garbage
from ticketshop.lib.database.outages import is_away

logger = logging.getLogger("ticketshop.worker")

# Number of jobs at once. E-mails have their own slots, so that a slow mail server delays mails only.
SLOTS = {"mail": 2}
OTHER_SLOTS = 2
# Connections with which the queue is read and written. Each job has one more, each group of queues one that listens.
QUEUE_CONNECTIONS = 8
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 15.0  # seconds between two attempts to reach a database that is away


class Connector(PsycopgConnector):
    """Procrastinate's connector, which also sets the event ``lost`` when the database is away."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lost = asyncio.Event()

    async def execute_query_async(self, query, **arguments):
        with self._watch_outages():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(self, query, **arguments):
        with self._watch_outages():
            return await super().execute_query_one_async(query, **arguments)

    async def execute_query_all_async(self, query, **arguments):
        with self._watch_outages():
            return await super().execute_query_all_async(query, **arguments)

    async def listen_notify(self, on_notification, channels):
        try:
            with self._watch_outages():
                await super().listen_notify(on_notification, channels)
        except ConnectorException:
            await asyncio.Event().wait()  # until this worker is stopped

    def _watch_outages(self) -> "_OutageWatch":
        return _OutageWatch(self.lost)


class _OutageWatch:
    """Set an event if the block raises because the database is away."""

    def __init__(self, lost: asyncio.Event):
        self._lost = lost

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _traceback):
        if is_away(error):
            self._lost.set()


def queues() -> list[tuple[list[str], int]]:
    """Return groups of queues that share slots, with their number of slots."""
    others = {task.queue for task in app.tasks.values()} - set(SLOTS)
    return [*(([name], slots) for name, slots in SLOTS.items()), (sorted(others), OTHER_SLOTS)]


async def work() -> None:
    """Do queued jobs until SIGTERM or SIGINT; running jobs are completed first."""
    garbage.search_rarely()
    stop_requested = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop_requested.set)
    wait = SHORTEST_WAIT
    while not stop_requested.is_set():
        connector = Connector(kwargs=connector_params(), min_size=1, max_size=QUEUE_CONNECTIONS, timeout=5.0)
        try:
            with app.replace_connector(connector):
                async with app.open_async():
                    wait = SHORTEST_WAIT
                    await _until_stopped_or_lost(connector, stop_requested)
        except (ConnectorException, psycopg.Error) as error:
            if not is_away(error):
                logger.error("worker waits, because a query failed error=%s", type(error.__cause__).__name__)
        if not stop_requested.is_set():
            logger.warning("worker waits for the database seconds=%.0f", wait)
            await _either(stop_requested.wait(), asyncio.sleep(wait))
            wait = min(2 * wait, LONGEST_WAIT)


async def _until_stopped_or_lost(connector: Connector, stop_requested: asyncio.Event) -> None:
    workers = [
        asyncio.create_task(
            app.run_worker_async(
                queues=names, concurrency=slots, name=names[0], install_signal_handlers=False
            )
        )
        for names, slots in queues()
    ]
    try:
        await _either(stop_requested.wait(), connector.lost.wait(), *workers)
    finally:
        for worker in workers:
            worker.cancel()  # it completes the running jobs and takes no others
        ends = await asyncio.gather(*workers, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _either(*awaitables) -> None:
    """Wait for the first of the awaitables, and cancel the coroutines among the others."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, awaitable in zip(tasks, awaitables, strict=True):
        if task is not awaitable:
            task.cancel()
