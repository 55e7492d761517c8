"""Plan the orders of the demo in memory, with a seeded random: who buys what, when, and what happens to the order."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from contacts.models import Contact
from ticketshop.catalogue.models import Offer, SeasonPass
from ticketshop.lib.values.money import ZERO
from ticketshop.sales.cart.contents import Contents
from ticketshop.sales.models import Cart, CartLine, Order
from ticketshop.sales.orders import placing
from ticketshop.sales.payments import methods
from ticketshop.sales.payments.methods import Method

from ..catalogue import Date, Shop
from .settling import Course, Outcome, settle

SEASON = timedelta(days=240)
FIRST_SALES = timedelta(days=75)
# Tariff -> quantity in one cart, with its relative frequency.
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
    """An order to be written."""

    buyer: Contact
    cart_contents: Contents
    method: Method
    placed_at: datetime
    fate: Outcome

    @property
    def counts(self) -> bool:
        """Return whether the order takes places."""
        return self.fate.state in (Order.State.PENDING, Order.State.PAID)


class Planner:
    """Plans the orders of one shop."""

    def __init__(self, shop: Shop, visitors: list[Contact], rng: random.Random, today: date):
        self.shop, self.rng = shop, rng
        self.midnight = datetime.combine(today, time(), shop.house.zone)
        self.visitors = visitors
        self.buyers = self._in_turn(visitors)
        currency = shop.pos.organiser.currency
        self.methods = methods.offered(shop.pos, ZERO + 1, currency)
        self.methods_at_counter = methods.offered_at_counter(shop.pos, ZERO + 1, currency)
        self.free = methods.METHODS["free"]({})
        self.left = {allotment.pk: allotment.capacity for allotment in shop.allotments}

    def everything(self, count: int) -> Iterator[Sale]:
        """Yield ``count`` orders: first those that sell out the planned events, then random ones."""
        return islice(self._one_by_one(), count)

    def _one_by_one(self) -> Iterator[Sale]:
        for date_on_sale in self.shop.dates:
            while (
                date_on_sale.show.left is not None
                and self.left[date_on_sale.allotment.pk] > date_on_sale.show.left
            ):
                yield self._for_date(date_on_sale)
            if date_on_sale.session.state == "cancelled":
                yield from (self._for_date(date_on_sale) for _ in range(7))
        sold = [
            date_on_sale
            for date_on_sale in self.shop.dates
            if date_on_sale.show.left is None and self._on_sale(date_on_sale)
        ]
        weights = [self._demand(date_on_sale) for date_on_sale in sold]
        while True:
            if self.rng.random() < 0.08:
                yield self._for_pass()
                continue
            (date_on_sale,) = self.rng.choices(sold, weights)
            if self.left[date_on_sale.allotment.pk] >= 6:
                yield self._for_date(date_on_sale)

    def _in_turn(self, visitors: list[Contact]) -> Iterator[Contact]:
        """Yield every visitor once, then visitors at random."""
        yield from self.rng.sample(visitors, len(visitors))
        while True:
            yield self.rng.choice(visitors)

    def _on_sale(self, date_on_sale: Date) -> bool:
        return date_on_sale.show.on_sale_in is None and date_on_sale.session.state != "cancelled"

    def _demand(self, date_on_sale: Date) -> float:
        """Return the weight of a date: high for past dates, low for dates far in the future."""
        weeks = (date_on_sale.session.starts_at - self.midnight).days / 7
        return date_on_sale.show.demand * (1.6 if weeks < 0 else 8 / (8 + weeks))

    def _for_date(self, date_on_sale: Date) -> Sale:
        room = self.left[date_on_sale.allotment.pk] - (date_on_sale.show.left or 0)
        children = {"child", "family"} if date_on_sale.show.category in ("children", "family") else set()
        baskets = [
            (basket, weight * 8 if children & set(basket) else weight)
            for basket, weight in BASKETS
            if set(basket) <= set(date_on_sale.offers)
            and sum(date_on_sale.offers[name].tariff.tickets_per_unit * n for name, n in basket.items())
            <= room
        ]
        (basket,) = self.rng.choices(*zip(*baskets, strict=True))
        things = {date_on_sale.offers[name]: quantity for name, quantity in basket.items()}
        return self.sale(next(self.buyers), things, self._placed(date_on_sale))

    def _for_pass(self) -> Sale:
        plans = self.shop.passes
        ((plan, sold),) = self.rng.choices(plans, [plan.demand for plan, _sold in plans])
        first = max(self.midnight - timedelta(days=70), self.midnight + timedelta(days=plan.days[0] - 30))
        latest = self.midnight - timedelta(hours=3)
        placed = self._daytime(first + (latest - first) * self.rng.random(), latest)
        return self.sale(next(self.buyers), {sold: self.rng.choice((1, 1, 2))}, placed)

    def _placed(self, date_on_sale: Date) -> datetime:
        """Return the time of an order: mostly shortly before the date, never later than last midnight."""
        starts = date_on_sale.session.starts_at
        latest = min(starts - timedelta(hours=4), self.midnight - timedelta(minutes=20))
        if date_on_sale.session.state == "cancelled":
            latest -= timedelta(days=14)  # so that the refund has begun by now
        first = max(min(starts - FIRST_SALES, latest - timedelta(days=45)), self.midnight - SEASON)
        share = self.rng.random() ** (1.7 if starts < self.midnight else 1.2)
        return self._daytime(latest - (latest - first) * share, latest)

    def _daytime(self, instant: datetime, latest: datetime) -> datetime:
        hour = int(min(max(self.rng.gauss(16, 4), 7), 22))
        minute, second = self.rng.randrange(60), self.rng.randrange(60)
        local = instant.astimezone(self.shop.house.zone)
        same_day = local.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return same_day if same_day <= latest else latest - timedelta(seconds=self.rng.randrange(60, 9000))

    def sale(self, buyer: Contact, things: dict[Offer | SeasonPass, int], placed: datetime) -> Sale:
        """Return one order with its outcome, and count its places."""
        cart_contents = self.contents(things)
        if buyer.created_via == Contact.CreatedVia.BACK_OFFICE:
            method = self.methods_at_counter[self.rng.choice(("cash", "card_terminal"))]
        else:
            method = self.methods[self.rng.choices(("on_site", "bank_transfer"), (45, 55))[0]]
        if not cart_contents.total:
            method = self.free
        starts = placing.first_start(cart_contents)
        takes_place = not any(
            line.offer and line.offer.session.state == "cancelled" for line in cart_contents.lines
        )
        expires = method.expires_at(self.shop.pos.organiser, starts, placed)
        course = Course(method.code, placed, expires, starts, takes_place, self.midnight)
        return self.count(Sale(buyer, cart_contents, method, placed, settle(course, self.rng)))

    def certain(
        self,
        buyer: Contact,
        things: dict[Offer | SeasonPass, int],
        placed: datetime,
        paid: datetime | None,
        code: str = methods.TRANSFER,
    ) -> Sale:
        """Return one order that is paid at a given time; one that waits for its payment if that is None."""
        # Keys of a payment service may be missing.
        method = self.methods.get(code) or methods.METHODS[code]({})
        fate = Outcome("paid", paid_at=paid) if paid else Outcome("pending")
        return self.count(Sale(buyer, self.contents(things), method, placed, fate))

    def count(self, sale: Sale) -> Sale:
        """Subtract the places of the sale from those that are left."""
        if sale.counts:
            for allotment, places in sale.cart_contents.places.items():
                self.left[allotment] -= places
        return sale

    def contents(self, things: dict[Offer | SeasonPass, int]) -> Contents:
        """Return the cart as the checkout would read it."""
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
