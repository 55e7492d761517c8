"""Measurements inside a process of the shop: ``python -m tests.bench.inside WHAT ARGUMENTS`` in the rig's environment.

Prints JSON. ``queries``: the statements of the pages and of a purchase. ``orders`` and ``sales``: how many orders, and how many
minimal sales in SQL, a number of threads make on one contended row, once a line arrives on standard input.
"""

import itertools
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
from django.contrib.auth.models import AnonymousUser  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.bench.buying import Purchase  # noqa: E402
from tests.bench.load import Answer  # noqa: E402
from tests.factories.sales import make_cart, place  # noqa: E402
from tests.rig import HOST  # noqa: E402
from ticketshop.catalogue.models import Offer  # noqa: E402
from ticketshop.sales.cart import contents  # noqa: E402
from ticketshop.sales.orders import orders as place_orders  # noqa: E402

THREADS = 4
_numbers = itertools.count(2)
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
    for name, event, offer, answers, shows_cart in (
        ("purchase", "event", "offer", {}, False),
        ("cart", "event", "offer", {}, True),
        ("asked", "asking_event", "asking_offer", shop["answers"], False),
    ):
        for _again in range(2):  # what is read once for a process is not counted
            number = next(_numbers)
            visitor = Inside(number)
            purchase = Purchase(visitor.send, shop[event], shop[offer], number, answers)
            purchase.shows_cart = shows_cart
            purchase.buy()
        found[name] = visitor.queries | {"requests": len(purchase.requests)}
    return found


def orders(offer_id: int, number: int) -> dict:
    """Place carts that are ready on their review page, all from one allotment.

    What the review page has shown, a request before, is read beforehand.
    """
    offer = Offer.objects.select_related("session__event").get(pk=offer_id)
    carts = [
        make_cart({offer: 1}, buyer={"first_name": "Ada", "last_name": f"L{n}", "email": f"{n}@example.org"})
        for n in range(number)
    ]
    place(carts.pop())  # the first one imports and compiles
    ready = [(cart, contents.read(cart).content_hash) for cart in carts]

    def work(share: list) -> None:
        for cart, content_hash in share:
            place_orders.place(
                cart,
                method="on_site",
                content_hash=content_hash,
                user=AnonymousUser(),
                language="en",
                now=timezone.now(),
            )
        connection.close()

    return in_threads(work, [ready[which::THREADS] for which in range(THREADS)])


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
