"""Who bought what, when, and what became of it: planned in memory, from a seeded random alone."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from contacts.models import Contact
from ticketshop.catalogue.models import Offer, SeasonPass
from ticketshop.lib.money import ZERO
from ticketshop.sales.cart.contents import Contents
from ticketshop.sales.models import Cart, CartLine, Order
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import methods
from ticketshop.sales.payments.methods import Method

from .catalogue import Date, Shop
from .settling import Course, Fate, settle

SEASON = timedelta(days=240)
FIRST_SALES = timedelta(days=75)
# What people put into one cart, and how often.
BASKETS: tuple[tuple[dict[str, int], int], ...] = (
    ({"adult": 2}, 34),
    ({"adult": 1}, 16),
    ({"adult": 1, "reduced": 1}, 10),
    ({"reduced": 1}, 10),
    ({"adult": 2, "child": 2}, 8),
    ({"adult": 1, "child": 1}, 6),
    ({"family": 1}, 6),
    ({"reduced": 2}, 5),
    ({"adult": 4}, 4),
    ({"adult": 1, "child": 2}, 4),
    ({"adult": 3}, 3),
    ({"family": 1, "adult": 1}, 2),
    ({"free": 1}, 10),
    ({"free": 2}, 20),
    ({"free": 3}, 5),
)


@dataclass
class Sale:
    """An order as it will be written."""

    buyer: Contact
    whole: Contents
    method: Method
    placed_at: datetime
    fate: Fate

    @property
    def counts(self) -> bool:
        """Whether it takes places."""
        return self.fate.state in (Order.State.PENDING, Order.State.PAID)


class Planner:
    """Plans the orders of one shop."""

    def __init__(self, shop: Shop, visitors: list[Contact], rng: random.Random, today: date):
        self.shop, self.rng = shop, rng
        self.midnight = datetime.combine(today, time(), shop.house.zone)
        self.buyers = self._in_turn(visitors)
        self.methods = methods.offered(shop.pos, ZERO + 1, shop.pos.organiser.currency)
        self.free = methods.METHODS["free"]({})
        self.left = {allotment.pk: allotment.capacity for allotment in shop.allotments}

    def everything(self, count: int) -> Iterator[Sale]:
        """``count`` orders: first those that fill what is to be full, then as people come."""
        return islice(self._one_by_one(), count)

    def _one_by_one(self) -> Iterator[Sale]:
        for found in self.shop.dates:
            while found.show.left is not None and self.left[found.allotment.pk] > found.show.left:
                yield self._for_date(found)
            if found.session.state == "cancelled":
                yield from (self._for_date(found) for _ in range(7))
        sold = [found for found in self.shop.dates if found.show.left is None and self._on_sale(found)]
        weights = [self._demand(found) for found in sold]
        while True:
            if self.rng.random() < 0.08:
                yield self._for_pass()
                continue
            (found,) = self.rng.choices(sold, weights)
            if self.left[found.allotment.pk] >= 6:
                yield self._for_date(found)

    def _in_turn(self, visitors: list[Contact]) -> Iterator[Contact]:
        """Everybody once, then whoever comes again."""
        yield from self.rng.sample(visitors, len(visitors))
        while True:
            yield self.rng.choice(visitors)

    def _on_sale(self, found: Date) -> bool:
        return found.show.on_sale_in is None and found.session.state != "cancelled"

    def _demand(self, found: Date) -> float:
        """What is over sold all it could; of what is far away little is sold yet."""
        weeks = (found.session.starts_at - self.midnight).days / 7
        return found.show.demand * (1.6 if weeks < 0 else 8 / (8 + weeks))

    def _for_date(self, found: Date) -> Sale:
        room = self.left[found.allotment.pk] - (found.show.left or 0)
        children = {"child", "family"} if found.show.category in ("children", "family") else set()
        baskets = [
            (basket, weight * 8 if children & set(basket) else weight)
            for basket, weight in BASKETS
            if set(basket) <= set(found.offers)
            and sum(found.offers[name].tariff.tickets_per_unit * n for name, n in basket.items()) <= room
        ]
        (basket,) = self.rng.choices(*zip(*baskets, strict=True))
        things = {found.offers[name]: quantity for name, quantity in basket.items()}
        return self.sale(next(self.buyers), things, self._placed(found))

    def _for_pass(self) -> Sale:
        plans = self.shop.passes
        ((plan, sold),) = self.rng.choices(plans, [plan.demand for plan, _sold in plans])
        first = max(self.midnight - timedelta(days=70), self.midnight + timedelta(days=plan.days[0] - 30))
        latest = self.midnight - timedelta(hours=3)
        placed = self._daytime(first + (latest - first) * self.rng.random(), latest)
        return self.sale(next(self.buyers), {sold: self.rng.choice((1, 1, 2))}, placed)

    def _placed(self, found: Date) -> datetime:
        """Most people order shortly before, nobody later than this morning."""
        starts = found.session.starts_at
        latest = min(starts - timedelta(hours=4), self.midnight - timedelta(minutes=20))
        if found.session.state == "cancelled":
            latest -= timedelta(days=14)  # the money is on its way back by now
        first = max(min(starts - FIRST_SALES, latest - timedelta(days=45)), self.midnight - SEASON)
        share = self.rng.random() ** (1.7 if starts < self.midnight else 1.2)
        return self._daytime(latest - (latest - first) * share, latest)

    def _daytime(self, instant: datetime, latest: datetime) -> datetime:
        hour = int(min(max(self.rng.gauss(16, 4), 7), 22))
        minute, second = self.rng.randrange(60), self.rng.randrange(60)
        local = instant.astimezone(self.shop.house.zone)
        wanted = local.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return wanted if wanted <= latest else latest - timedelta(seconds=self.rng.randrange(60, 9000))

    def sale(self, buyer: Contact, things: dict[Offer | SeasonPass, int], placed: datetime) -> Sale:
        """One order, settled; the places it takes are gone."""
        whole = self._contents(things)
        named = "on_site" if buyer.created_via == Contact.CreatedVia.BACK_OFFICE else None
        code = named or self.rng.choices(("on_site", "bank_transfer"), (45, 55))[0]
        method = self.methods[code] if whole.total else self.free
        starts = orders.first_start(whole)
        takes_place = not any(line.offer and line.offer.session.state == "cancelled" for line in whole.lines)
        expires = method.expires_at(self.shop.pos.organiser, starts, placed)
        course = Course(method.code, placed, expires, starts, takes_place, self.midnight)
        return self.count(Sale(buyer, whole, method, placed, settle(course, self.rng)))

    def certain(
        self, buyer: Contact, things: dict[Offer | SeasonPass, int], placed: datetime, paid: datetime
    ) -> Sale:
        """One order that is paid by bank transfer, whatever the dice say."""
        method = self.methods["bank_transfer"]
        return self.count(Sale(buyer, self._contents(things), method, placed, Fate("paid", paid_at=paid)))

    def count(self, sale: Sale) -> Sale:
        if sale.counts:
            for allotment, places in sale.whole.places.items():
                self.left[allotment] -= places
        return sale

    def _contents(self, things: dict[Offer | SeasonPass, int]) -> Contents:
        """A cart as the checkout would have read it."""
        cart = Cart(point_of_sale=self.shop.pos, created_at=self.midnight, expires_at=self.midnight)
        lines = []
        for thing, quantity in things.items():
            if isinstance(thing, Offer):
                line = CartLine(cart=cart, offer=thing, quantity=quantity, unit_price=thing.tariff.price)
                per_unit = thing.tariff.tickets_per_unit
            else:
                line = CartLine(cart=cart, season_pass=thing, quantity=quantity, unit_price=thing.price)
                per_unit = 1
            line.slots = [f"{len(lines)}-{slot}" for slot in range(quantity * per_unit)]
            lines.append(line)
        return Contents(cart, lines)
