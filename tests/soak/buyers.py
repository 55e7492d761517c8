"""Buyers who send a request again if it was not answered or answered with "try again"."""

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from tests.rig import Rig
from tests.visitor import Page
from tests.waiting import PATIENCE


class TryFromTheStart(Exception):
    """A step before the order failed: a real person would start again."""


@dataclass
class Load:
    """``with Load(rig, 4) as load``: this many buyers, one purchase after the other, until the block ends."""

    rig: Rig
    number: int
    answers: Counter = field(default_factory=Counter)
    orders: dict[str, str] = field(default_factory=dict)  # checkout key -> address of the order
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._buy_on, daemon=True) for _ in range(self.number)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE + 30)
            assert not thread.is_alive(), "a buyer hangs"

    def _buy_on(self) -> None:
        while not self._enough.is_set():
            try:
                self.buy()
            except TryFromTheStart:
                time.sleep(0.2)
            except AssertionError as error:
                self.wrong.append(str(error)[:500])
                return

    def buy(self) -> str:
        """Buy one ticket and return the URL of the order."""
        visitor, shop = self.rig.visitor(), self.rig.shop
        try:
            self._once(lambda: visitor.open(shop["event"]))
            self._once(lambda: visitor.fill("cart/add/", {f"offer-{shop['offer']}": 1}))
            self._once(visitor.to_details)
            self._once(
                lambda: visitor.give_details(email=f"buyer{visitor.headers['X-Forwarded-For']}@example.org")
            )
            review = visitor.page
            key = review.form("^content_hash$").values["checkout_key"]
            end = time.monotonic() + PATIENCE
            while True:
                visitor.page = review
                try:
                    page = self._once(lambda: visitor.place("on_site"))
                except TryFromTheStart:
                    assert time.monotonic() < end, f"no order after {PATIENCE} s"
                    time.sleep(0.2)
                    continue
                assert "Thank you, your places are reserved" in page.text, page.text[:300]
                assert self.orders.setdefault(key, page.url) == page.url, "two orders under one key"
                return page.url
        finally:
            visitor.close()

    def _once(self, step) -> Page:
        begin = time.monotonic()
        try:
            page = step()
        except (OSError, http.client.HTTPException) as error:
            self.answers[type(error).__name__] += 1
            raise TryFromTheStart from error
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.answers[page.status] += 1
        if page.status == 503:
            assert page.headers["Retry-After"]
            raise TryFromTheStart
        assert page.status == 200, f"{page.status} at {page.url}: {page.text[:300]}"
        return page

    def so_far(self) -> int:
        return len(self.orders)
