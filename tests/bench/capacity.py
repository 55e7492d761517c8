"""Figures of ``ticketshop/docs/capacity.md``: CPU seconds of a purchase with its mail, of its pages and its PDF."""

import time
from collections.abc import Callable

import psutil

from tests.rig import Rig
from tests.waiting import wait_for

from . import load
from .load import Cost, Meter, spent
from .report import Table, ms
from .web import Web, fetch

ROUNDS, SECONDS = 3, 1.0
BUYERS, BUYING = 4, 10  # at once, seconds
UNDER_WAY = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


def measure(rig: Rig, table: Table, buy: Callable[[str, str], str], port: int) -> None:
    """Print a line for each row of the page's table: CPU of web server, database and worker. The worker must run."""
    web, database = psutil.Process(int(rig.web.identity[0])), psutil.Process(rig.postgres.pid)
    order = buy("paid_event", "paid_offer")
    with Web(rig, PAGE_CACHE_SECONDS="0") as fresh:
        cached, uncached = Meter(web, database), Meter(fresh.parent, database)
        works = {
            "plain: 3 queries, 10 KB": (port, rig.shop["plain"], "", cached),
            "event page, cached": (port, rig.shop["event"], "", cached),
            "event page, not cached": (fresh.port, rig.shop["event"], "", uncached),
            "event page, signed in, with a cart": (
                fresh.port,
                rig.shop["family_event"],
                rig.shop["family_cookies"],
                uncached,
            ),
            "tickets of an order as PDF": (port, f"{order}tickets.pdf", "", cached),
        }
        found: dict[str, list[Cost]] = {name: [] for name in works}
        for where, path, cookies, _meter in works.values():
            fetch(where, path, cookies)
        for _round in range(ROUNDS):
            for name, (where, path, cookies, meter) in works.items():
                found[name].append(load.page(where, path, meter, seconds=SECONDS, cookies=cookies))
    for name, costs in found.items():
        middle = sorted(costs, key=lambda cost: cost.cpu)[ROUNDS // 2]
        _line(table, name, middle)
    _line(table, "purchase, paid, with its mail and tickets", *purchases(rig, buy, Meter(web, database)))


def purchases(rig: Rig, buy: Callable[[str, str], str], meter: Meter) -> tuple[Cost, float]:
    """Buy until the time is up, and wait for the mails. Return the cost, and the worker's CPU seconds of one purchase."""
    wait_for(lambda: rig.sql(UNDER_WAY) == [(0,)], "earlier mails")
    begin = spent(rig.job_worker)
    with meter:
        count = load.crowd(BUYERS, lambda _which: buy("paid_event", "paid_offer"), BUYING)
        end = time.monotonic()
        wait_for(lambda: rig.sql(UNDER_WAY) == [(0,)], "the mails")
    print(f"{count} purchases in {BUYING} s, their mails {time.monotonic() - end:.1f} s later")
    return meter.cost(count), (spent(rig.job_worker) - begin) / count


def _line(table: Table, name: str, cost: Cost, worker: float = 0.0) -> None:
    web, database = cost.web / cost.count, cost.database / cost.count
    whole = web + database + worker
    table.plain = table.plain or whole
    table.line(
        name,
        f"{ms(whole)}: web {ms(web)}, database {ms(database)}, worker {ms(worker)}",
        f"{whole / table.plain:.1f} × plain",
    )
