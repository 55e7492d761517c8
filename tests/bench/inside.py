"""Measurements inside a process of the shop: ``python -m tests.bench.inside WHAT ARGUMENTS`` in the rig's environment.

Prints JSON. ``queries``: the statements of the pages and of a purchase. ``orders`` and ``sales``: how many orders, and how many
minimal sales in SQL, a number of threads make on one contended row, once a line arrives on standard input.
"""

import json
import os
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from tests.bench.buying import Purchase  # noqa: E402
from tests.bench.load import Answer  # noqa: E402
from tests.factories.sales import make_cart, place  # noqa: E402
from tests.rig import HOST  # noqa: E402
from ticketshop.catalogue.models import Offer  # noqa: E402

THREADS = 4
_FRAME = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)")


class Inside:
    """Django's test client with the interface of the purchase; counts statements."""

    def __init__(self, number: int):
        headers = {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": f"10.9.0.{number}"}
        self.client = Client(enforce_csrf_checks=True, headers=headers)
        self.queries: Counter = Counter()

    def send(self, path: str, form: dict[str, str] | None = None) -> Answer:
        with CaptureQueriesContext(connection) as captured:
            if form is None:
                answer = self.client.get(path)
            else:
                answer = self.client.post(path, form, headers={"origin": f"https://{HOST}"})
        for query in captured:
            self.queries["frame" if _FRAME.match(query["sql"]) else "query"] += 1
        return Answer(answer.status_code, answer.headers.get("Location", ""), {}, answer.content)


def queries(shop: dict) -> dict:
    """Return the statements of the pages and of a purchase; ``frame`` counts BEGIN, COMMIT and savepoints."""
    settings.PAGE_CACHE_SECONDS = 0
    found = {}
    for name, url, cookies in (
        ("event", shop["event"], ""),
        ("shop", shop["shop"], ""),
        ("family", shop["family_event"], shop["family_cookies"]),
    ):
        Inside(1).send(url)  # what is read once for a process is not counted
        visitor = Inside(1)
        visitor.client.cookies.load(cookies)
        visitor.send(url)
        found[name] = visitor.queries
    visitor = Inside(2)
    purchase = Purchase(visitor.send, shop["event"], shop["offer"], 0)
    purchase.buy()
    Purchase(Inside(3).send, shop["asking_event"], shop["asking_offer"], 1, shop["answers"]).buy()
    asked = Inside(4)
    Purchase(asked.send, shop["asking_event"], shop["asking_offer"], 2, shop["answers"]).buy()
    return found | {"purchase": visitor.queries, "requests": purchase.requests, "asked": asked.queries}


def orders(offer_id: int, number: int) -> dict:
    """Place carts that are ready on their review page, all from one allotment."""
    offer = Offer.objects.select_related("session__event").get(pk=offer_id)
    carts = [
        make_cart({offer: 1}, buyer={"first_name": "Ada", "last_name": f"L{n}", "email": f"{n}@example.org"})
        for n in range(number)
    ]
    place(carts.pop())  # the first one imports and compiles

    def work(share: list) -> None:
        for cart in share:
            place(cart)
        connection.close()

    return in_threads(work, [carts[which::THREADS] for which in range(THREADS)])


def sales(row: int, number: int) -> dict:
    """Make minimal sales: insert a ticket, then raise a counter."""

    def work(share: range) -> None:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as one:
            for n in share:
                with one.transaction():
                    one.execute("INSERT INTO bench_ticket (allotment, code) VALUES (%s, %s)", [row, str(n)])
                    one.execute(
                        "UPDATE bench_allotment SET sold = sold + 1 WHERE id = %s AND sold < capacity", [row]
                    )

    return in_threads(work, [range(which, number, THREADS) for which in range(THREADS)])


def in_threads(work, shares: list) -> dict:
    """Print that the threads are ready, wait for a line, and work. ``begin`` and ``end`` are times of the shared clock."""
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, shares))
    return {"count": sum(len(share) for share in shares), "begin": begin, "end": time.monotonic()}


def main() -> None:
    what, *arguments = sys.argv[1:]
    if what == "queries":
        print(json.dumps(queries(json.loads(arguments[0]))))
    else:
        work = {"orders": orders, "sales": sales}[what]
        print(json.dumps(work(*map(int, arguments))))


if __name__ == "__main__":
    main()
