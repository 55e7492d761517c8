"""Random concurrent actions on a small shop; afterwards its orders, places and money are consistent.

One of half the length runs with the other tests; ``make soak`` runs it on many shops.
"""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.utils import timezone

from tests.at_once import at_once
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory
from tests.soak import ROUNDS
from ticketshop.catalogue.models import Hold
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.models import Cart, Order, Payment, Refund, TypedDetails
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]

HANDS, DEEDS = 8, 80
NOW = timezone.now


class House:
    """A shop with few places, and everything that can happen in it: methods whose names begin with ``do_``."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.pos = PointOfSaleFactory(max_tickets_per_order=6)
        for code in ("on_site", "bank_transfer"):
            PaymentMethodFactory(point_of_sale=self.pos, code=code)
        adult = OfferFactory(pos=self.pos, capacity=self.random.randint(1, 12))
        family = OfferFactory(session=adult.session, allotment=adult.allotment)
        family.tariff.tickets_per_unit = 4
        family.tariff.max_per_person = 2
        family.tariff.save()
        self.things = [
            adult,
            family,
            OfferFactory(pos=self.pos, capacity=self.random.randint(1, 6), price=0),
            SeasonPassFactory(pos=self.pos, capacity=self.random.randint(1, 4)),
        ]
        self.users = [AnonymousUser(), AnonymousUser(), *(UserFactory() for _ in range(3))]
        self.happened: Counter = Counter()

    def hand(self, number: int, deeds: int) -> None:
        """Do one action after the other. Expected refusals are allowed, everything else is an error."""
        chance = random.Random(self.random.random() + number)
        verbs = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        for _deed in range(deeds):
            verb = chance.choice(verbs)
            try:
                verb(chance)
            except (carts.CannotAdd, orders.CannotPlace) as error:
                self.happened[f"{verb.__name__}: {error.args[0]}"] += 1
            except (Cart.DoesNotExist, Order.DoesNotExist, Payment.DoesNotExist, Refund.DoesNotExist):
                continue  # there is none yet
            else:
                self.happened[verb.__name__] += 1

    def any_of(self, model, chance, **which):
        rows = model.objects.filter(**which).order_by("-pk")[:12]
        if not rows:
            raise model.DoesNotExist
        return chance.choice(list(rows))

    def key(self, thing) -> tuple[str, int]:
        return ("offer" if hasattr(thing, "tariff") else "pass", thing.pk)

    def do_open(self, chance):
        cart = carts.open_cart(self.pos, user=chance.choice(self.users), now=NOW())
        wanted = {
            self.key(thing): chance.randint(1, 2)
            for thing in chance.sample(self.things, chance.randint(1, 3))
        }
        carts.add(cart, wanted, now=NOW())
        buyer = {"first_name": "N", "last_name": "Test", "email": f"n{chance.randint(0, 5)}@example.org"}
        carts.write_details(cart, TypedDetails(buyer), complete=True)

    def do_add(self, chance):
        carts.add(self.any_of(Cart, chance), {self.key(chance.choice(self.things)): 1}, now=NOW())

    def do_change(self, chance):
        cart = self.any_of(Cart, chance)
        lines = list(cart.lines.values_list("pk", flat=True))
        carts.set_quantities(cart, {pk: chance.randint(0, 3) for pk in lines}, now=NOW())

    def do_remove(self, chance):
        cart = self.any_of(Cart, chance)
        slots = [slot for line in cart.lines.all() for slot in line.slots]
        carts.remove_slot(cart, chance.choice(slots or ["none"]), now=NOW())

    def do_let_time_pass(self, chance):
        cart = self.any_of(Cart, chance)
        with transaction.atomic():  # what time does, it does to both at once
            Cart.objects.filter(pk=cart.pk).update(held_until=NOW() - timedelta(seconds=1))
            Hold.objects.filter(key=cart.key).update(expires_at=NOW() - timedelta(seconds=1))

    def do_refresh(self, chance):
        carts.refresh(self.any_of(Cart, chance), now=NOW())

    def do_place(self, chance):
        cart = self.any_of(Cart, chance)
        whole = contents.read(cart)
        orders.place(
            cart,
            method=chance.choice(["on_site", "bank_transfer"]) if whole.total else "free",
            content_hash=whole.content_hash,
            user=cart.user or AnonymousUser(),
            language="en",
            now=NOW(),
        )

    do_place_more_often = do_place

    def do_confirm(self, chance):
        payments.confirm(self.any_of(Payment, chance), by=None, now=NOW())

    def do_cancel(self, chance):
        orders.cancel(self.any_of(Order, chance), by=None, now=NOW())

    def do_expire(self, chance):
        orders.expire(self.any_of(Order, chance), now=NOW())

    def do_pay_back(self, chance):
        payments.refund_done(self.any_of(Refund, chance), by=None, now=NOW())


def blow(seed: int, deeds: int) -> Counter:
    house = House(seed)
    at_once(*[lambda number=number: house.hand(number, deeds) for number in range(HANDS)])
    broken = {rule.code: found for rule in books.INVARIANTS if (found := books.offending(rule))}
    assert broken == {}, f"seed {seed}"
    return house.happened


def deadlocks() -> int:
    connection.close()
    connection.close_pool()  # the counters of a connection are written when it ends
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_random_concurrent_actions_keep_the_orders_consistent():
    before = deadlocks()
    happened = blow(seed=1, deeds=DEEDS // 2)
    # It was one: things were sold, refused, ended.
    assert {"do_place", "do_open: sold_out", "do_cancel", "do_confirm"} <= set(happened), happened
    assert deadlocks() == before


@pytest.mark.soak
def test_many_random_runs_keep_the_orders_consistent(capsys):
    before, all_that_happened = deadlocks(), Counter()
    seeds = [random.randrange(10**9) for _ in range(10 * ROUNDS)]
    for seed in seeds:
        all_that_happened += blow(seed, DEEDS)
    assert deadlocks() == before
    with capsys.disabled():
        print(
            f"\n{sum(all_that_happened.values())} deeds in {len(seeds)} houses, the books hold, no deadlock."
        )
        for name, count in all_that_happened.most_common():
            print(f"{count:7} {name}")


@pytest.mark.soak
def test_last_places_are_sold_once_in_hundreds_of_rounds(capsys):
    """Like ``tests/sales/orders/test_races.py``, with other numbers in each round."""
    chance, rounds, sold = random.Random(), 30 * ROUNDS, 0
    pool = connection.settings_dict["OPTIONS"]["pool"]
    kept = pool["max_size"]
    connection.close()
    connection.close_pool()
    pool["max_size"] = 30
    before = deadlocks()
    for _ in range(rounds):
        capacity, buyers = chance.randint(1, 8), chance.randint(9, 25)
        offer = OfferFactory(capacity=capacity)
        pos = offer.session.event.points_of_sale.get()
        several = [carts.open_cart(pos, user=AnonymousUser(), now=NOW()) for _ in range(buyers)]

        def add(cart, offer=offer):
            try:
                carts.add(cart, {("offer", offer.pk): 1}, now=NOW())
            except carts.CannotAdd as error:
                assert error.reason == "sold_out"
                return 0
            return 1

        got = sum(at_once(*[lambda cart=cart: add(cart) for cart in several]))
        assert got == capacity
        sold += got
    assert deadlocks() == before
    connection.close()
    connection.close_pool()
    pool["max_size"] = kept
    with capsys.disabled():
        print(f"\n{rounds} rounds, {sold} places, none sold twice, no deadlock.")
