"""``make bench``, or ``python -m tests.bench [--large]``: measure and print a table. Takes about six minutes on 2 cores.

``--large`` fills a million contacts with three million links, and a million orders, instead of thirty thousand: half an hour.
``--only exports,people`` measures these parts. ``--save`` writes the figures to the file that later runs are compared with.
"""

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.rig import ROOT, Rig

from . import capacity, cards, door, figures, load
from .buying import Purchase, SoldOut
from .load import Browser, Cost, Meter
from .report import Table, ms
from .web import Web, fetch

ROUNDS, SECONDS = 3, 1.0  # for each page
BUYERS, BUYING = 4, 8  # at once, seconds
RUSH, PLACES, AT_ONCE = 200, 100, 8
ORDERS, SALES = 100, 3000  # for each of two processes
FEW_TICKETS, MANY_TICKETS = 20_000, 100_000  # with ten answers each
SMALL, MEDIUM, LARGE = 1_000, 30_000, 1_000_000
_numbers = itertools.count(1)


@contextlib.contextmanager
def without_jobs(rig: Rig) -> Iterator[None]:
    """Stop the worker in the block, because the cost of mails is not that of the page.

    Not within a transaction: its locks would stop those who fill tables.
    """
    worker = rig.job_worker
    worker.suspend()
    # A statement that still runs may belong to a transaction, too.
    busy = "state <> 'idle' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    while rig.sql(f"SELECT FROM pg_stat_activity WHERE {busy}"):
        worker.resume()
        time.sleep(0.2)
        worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def meter(rig: Rig, web: psutil.Process | None = None) -> Meter:
    return Meter(web or psutil.Process(int(rig.web.identity[0])), psutil.Process(rig.postgres.pid))


def port(rig: Rig) -> int:
    return rig.listener.getsockname()[1]


def pages(rig: Rig, table: Table, queries: dict) -> None:
    """Measure round by round, so that a disturbance affects all pages."""
    shop, kept = rig.shop, meter(rig)
    with Web(rig, PAGE_CACHE_SECONDS="0") as fresh:
        uncached = meter(rig, fresh.parent)
        works = {
            "hello": (port(rig), "/hello/", "", kept),
            "plain": (port(rig), shop["plain"], "", kept),
            "event": (fresh.port, shop["event"], "", uncached),
            "shop": (fresh.port, shop["shop"], "", uncached),
            "family": (fresh.port, shop["family_event"], shop["family_cookies"], uncached),
            "event, cached": (port(rig), shop["event"], "", kept),
            "shop, cached": (port(rig), shop["shop"], "", kept),
        }
        for where, path, cookies, _meter in works.values():
            for _again in range(10):
                fetch(where, path, cookies)
        found: dict[str, list[Cost]] = {name: [] for name in works}
        for _round in range(ROUNDS):
            for name, (where, path, cookies, one) in works.items():
                found[name].append(load.page(where, path, one, seconds=SECONDS, cookies=cookies))
    cost = {name: sorted(costs, key=lambda one: one.cpu)[ROUNDS // 2] for name, costs in found.items()}
    table.cost("hello: an empty view", cost["hello"], "hello")
    table.hello = cost["hello"].cpu
    table.cost("plain: 3 queries, 10 KB", cost["plain"], "")
    table.plain = cost["plain"].cpu
    for name, title, target in (
        ("event", "event page, 6 tariffs", "1.5 × plain"),
        ("family", "the same, signed in, four friends, a cart", "2.5 × plain"),
        ("shop", "shop page, 50 events", "3.0 × plain"),
    ):
        number = f", {queries[name]['query']} queries"
        asked = queries[name]["query"]
        table.cost(title, cost[name], "plain", target, WAYS[name], number, queries=asked)
        if cached := cost.get(f"{name}, cached"):
            table.cost(f"  {name} page cached for a second", cached, "hello", "1.5 × hello")


def buy(
    rig: Rig, event: str, offer: int, answers: dict | None = None, *, shows_cart: bool = False, pay=None
) -> str:
    number = next(_numbers)
    browser = Browser(port(rig), number)
    try:
        purchase = Purchase(browser.send, rig.shop[event], rig.shop[offer], number, answers or {})
        purchase.shows_cart, purchase.pay = shows_cart, pay
        return purchase.buy()
    finally:
        browser.close()


def purchases(rig: Rig, table: Table, queries: dict) -> None:
    """Measure the yardstick and the purchases alternately, so that a disturbance affects all."""
    works = {
        "purchase": lambda _which: buy(rig, "event", "offer"),
        "cart": lambda _which: buy(rig, "event", "offer", shows_cart=True),
        "asked": lambda _which: buy(rig, "asking_event", "asking_offer", rig.shop["answers"]),
    }
    found: dict[str, list[Cost]] = {name: [] for name in ("plain", *works)}
    for work in works.values():
        for again in range(BUYERS):
            work(again)
    for _round in range(ROUNDS):
        found["plain"].append(load.page(port(rig), rig.shop["plain"], meter(rig), seconds=SECONDS))
        for name, work in works.items():
            with meter(rig) as one:
                count = load.crowd(BUYERS, work, BUYING / 2)
            found[name].append(one.cost(count))
    cost = {name: sorted(costs, key=lambda one: one.cpu)[ROUNDS // 2] for name, costs in found.items()}
    table.plain = cost["plain"].cpu
    for name, title, target in (
        (
            "purchase",
            f"purchase, one ticket with a name, {BUYERS} buyers",
            "8 requests, 60 queries, 12 × plain",
        ),
        ("cart", "  by way of the cart", ""),
        ("asked", "  with three answers, one limited", "8 requests, 60 queries, 12 × plain"),
    ):
        asked = queries[name]
        extra = f"; {asked['requests']} requests, {asked['query']} queries and {asked['frame']} BEGIN, COMMIT, SAVEPOINT"
        counts = {"queries": asked["query"], "requests": asked["requests"]}
        table.cost(title, cost[name], "plain", target, WAYS.get(name, ""), extra, **counts)


def card_purchases(rig: Rig, table: Table, pay) -> None:
    works = {
        "card": lambda _which: buy(rig, "card_event", "card_offer", pay=pay),
        "site": lambda _which: buy(rig, "card_event", "card_offer"),
    }
    cards.measure(table, BUYERS, lambda: meter(rig), works)


def rush(rig: Rig, table: Table) -> None:
    def one(_number: int) -> bool:
        try:
            return bool(buy(rig, "rush_event", "rush_offer"))
        except SoldOut:
            return False

    begin = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        bought = list(pool.map(one, range(RUSH)))
    took = time.monotonic() - begin
    row = rig.shop["rush_allotment"]
    ((sold,),) = rig.sql("SELECT sold FROM catalogue_allotment WHERE id = %s", row)
    ((tickets,),) = rig.sql(
        "SELECT count(*) FROM sales_ticket t JOIN sales_orderline l ON l.id = t.line_id WHERE l.allotment_id = %s",
        row,
    )
    assert sum(bought) == sold == tickets == PLACES, (sum(bought), sold, tickets)
    table.line(
        f"{RUSH} buyers for {PLACES} places, {AT_ONCE} at a time",
        f"{sold} sold, {RUSH - sold} refused, {took:.1f} s",
        "",
        f"{PLACES} sold, {RUSH - PLACES} refused, under 2.5 s",
        WAYS["purchase"],
    )


def together(rig: Rig, *arguments: object) -> float:
    """Return how many per second two processes do together, with as many threads as a web process."""
    command = [sys.executable, "-m", "tests.bench.inside", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, cwd=ROOT, env=rig.environment, **pipes) for _ in range(2)]
    for one in running:
        assert one.stdout.readline() == "ready\n", f"{command} did not get ready"
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    found = [json.loads(one.communicate()[0]) for one in running]
    took = max(one["end"] for one in found) - min(one["begin"] for one in found)
    return sum(one["count"] for one in found) / took


def hot_row(rig: Rig, table: Table) -> None:
    rig.sql("CREATE TABLE bench_allotment (id bigint PRIMARY KEY, capacity int, sold int)")
    rig.sql("CREATE TABLE bench_ticket (id bigserial PRIMARY KEY, allotment bigint, code text)")
    rig.sql("INSERT INTO bench_allotment VALUES (1, 1000000, 0)")
    orders = together(rig, "orders", rig.shop["offer"], ORDERS)
    sales = together(rig, "sales", 1, SALES)
    table.line(
        "orders on one allotment, inside the process",
        f"{orders:,.0f}/s",
        f"{orders / sales:.2f} of a minimal sale in SQL ({sales:,.0f}/s)",
        "0.15 of it",
        WAYS["orders"],
    )


def worker(rig: Rig, table: Table) -> None:
    starts = []
    for _again in range(2):
        with Web(rig, WEB_CONCURRENCY="1") as web:
            fetch(web.port, rig.shop["event"])
            starts.append(time.monotonic() - web.begin)
            (process,) = web.parent.children()
            first = process.memory_info().rss
            browser = Browser(web.port, next(_numbers))
            Purchase(browser.send, rig.shop["event"], rig.shop["offer"], next(_numbers)).buy()
            for _page in range(100):
                browser.send(rig.shop["shop"])
            browser.close()
            later = process.memory_info().rss
    table.line(
        "one worker",
        f"{min(starts):.1f} s to the first page, {first / 1e6:.0f} MB; {later / 1e6:.0f} MB after a purchase and 100 pages",
        "",
        "0.9 s, 100 MB",
        WAYS["worker"],
        megabytes=first / 1e6,
        megabytes_later=later / 1e6,
    )


def reckon(rig: Rig, table: Table) -> None:
    """Measure what the page about capacity reckons with, by the worker's side."""
    rig.job_worker.resume()
    try:
        capacity.measure(rig, table, lambda event, offer: buy(rig, event, offer), port(rig))
    finally:
        rig.job_worker.suspend()


def people(rig: Rig, table: Table, most: int) -> None:
    def measure(first: int, last: int) -> tuple[float, dict]:
        found = json.loads(rig.run("-m", "tests.bench.people", json.dumps(rig.shop), str(first), str(last)))
        return found["filled"], found["work"]

    _filled, few = measure(1, SMALL)
    filled, many = measure(SMALL + 1, most)
    print(
        f"\nwith {SMALL:,} and with {most:,} contacts and three times as many links (filled in {filled:.0f} s"
        + (")" if most == LARGE else f"; --large: {LARGE:,})")
    )
    for what, then in few.items():
        now = many[what]
        same = "same" if then["queries"] == now["queries"] else f"{then['queries']} and"
        times = now["cpu"] / then["cpu"]
        table.line(
            what,
            f"{ms(then['cpu'])} and {ms(now['cpu'])} CPU; one waits {ms(now['wait'])}",
            f"{times:.2f} ×; {same} {now['queries']} queries",
            "within 1.3 ×, same queries",
            queries=now["queries"],
            **{f"times at a thousand, {most:,}": times},
        )


def forgetting(rig: Rig, table: Table, orders: int) -> None:
    found = json.loads(rig.run("-m", "tests.bench.forgetting", str(orders)))
    print(f"\nwith {orders:,} orders and as many customers (filled in {found['filled']:.0f} s)")
    table.line(
        "erase one person with 20 orders",
        f"one waits {ms(found['erase'])}; {found['erase_queries']} queries",
        f"preview {ms(found['look'])}; {found['look_queries']} queries",
        "120 ms, 50 queries, among a million",
        "the slowest statements: "
        + "; ".join(f"{1000 * float(took):.0f} ms {sql}" for took, sql in found["slowest"]),
        queries=found["erase_queries"],
        queries_of_the_preview=found["look_queries"],
    )
    for what, cost in found["customers"].items():
        table.line(
            what,
            f"{ms(cost['cpu'])} CPU; one waits {ms(cost['wait'])}",
            f"{cost['queries']} queries",
            "60 ms, among a million",
            queries=cost["queries"],
        )


def exports(rig: Rig, table: Table) -> None:
    """Export twenty thousand participants with ten answers each, then a hundred thousand, each file in a new process."""

    def write(number: int, form: int, kind: str, file_format: str, target: str) -> None:
        found = json.loads(rig.run("-m", "tests.bench.exports", "write", str(form), kind, file_format))
        pages = found["statements"] / (number / 2000)
        table.line(
            f"export of {found['rows']:,} {kind}, {file_format}",
            f"{found['seconds']:.1f} s ({found['cpu']:.1f} s CPU of the worker, {found['database']:.1f} s of the database),"
            f" {found['megabytes']:.0f} MB",
            f"{found['bytes'] / 1e6:.0f} MB file; {found['statements']} queries, {pages:.1f} per 2,000 rows",
            target,
            WAYS["exports"] if file_format == "csv" and number == FEW_TICKETS else "",
            queries=found["statements"],
            megabytes=found["megabytes"],
        )

    form = int(rig.run("-m", "tests.bench.exports", "fill", "1", str(FEW_TICKETS)))
    write(FEW_TICKETS, form, "participants", "csv", "1 s, 120 MB")
    write(FEW_TICKETS, form, "participants", "xlsx", "2.5 s, 120 MB")
    rig.run("-m", "tests.bench.exports", "fill", str(FEW_TICKETS + 1), str(MANY_TICKETS))
    write(MANY_TICKETS, form, "participants", "xlsx", "15 s, 130 MB")
    write(MANY_TICKETS, form, "answers", "csv", "12 s, 130 MB")


ASKED_WAY = "8 queries more: limited choices read on three pages (3), held (2) and taken (2), answers shown on the order (1)"
WAYS = {
    "event": "",
    "family": "",
    "shop": "",
    "purchase": "",
    "asked": ASKED_WAY,
    "orders": "",
    "worker": "",
    "exports": "half a million values become Python's and then text, one by one",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--large", action="store_true", help="a million contacts")
    parser.add_argument(
        "--only",
        default="",
        help="some of pages, purchases, cards, rush, hot_row, door, worker, capacity, people, forgetting, exports",
    )
    parser.add_argument("--save", action="store_true", help="replace the landed figures by those measured")
    asked = parser.parse_args()
    begin, table = time.monotonic(), Table()
    with (
        cards.fake_stripe() as (stripe, environment),
        Rig(fill="tests.bench.shop", wsgi="tests.bench.wsgi", **environment) as rig,
        without_jobs(rig),
    ):
        queries = json.loads(rig.run("-m", "tests.bench.inside", "queries", json.dumps(rig.shop)))
        parts = {
            "pages": lambda: pages(rig, table, queries),
            "purchases": lambda: purchases(rig, table, queries),
            "cards": lambda: card_purchases(rig, table, cards.payer(stripe)),
            "rush": lambda: rush(rig, table),
            "hot_row": lambda: hot_row(rig, table),
            "door": lambda: door.measure(table, rig.shop, port(rig), lambda: meter(rig)),
            "worker": lambda: worker(rig, table),
            "capacity": lambda: reckon(rig, table),
            "people": lambda: people(rig, table, LARGE if asked.large else MEDIUM),
            "forgetting": lambda: forgetting(rig, table, LARGE if asked.large else MEDIUM),
            "exports": lambda: exports(rig, table),
        }
        print(
            "Costs are CPU time of web server + database. Two web processes of four threads, durable database.\n"
        )
        table.head()
        for name, part in parts.items():
            if not asked.only or name in asked.only.split(","):
                part()
        table.end()
        if asked.save:
            figures.save(table.measured)
    print(f"\n{time.monotonic() - begin:.0f} seconds")


if __name__ == "__main__":
    main()
