"""Two buyers for the last place of a choice, through the pages of the checkout: exactly one gets it.

Four rounds with the other tests, two hundred with ``make soak``.
"""

from datetime import timedelta
from functools import partial

import pytest
from django.db.models import F
from django.utils import timezone

from registration_forms.answers import limited_choices, responses
from registration_forms.models import Choice, ChoiceHold, Response
from tests.at_once import at_once, meet
from tests.factories.registration_forms import ask, only_if, publish
from tests.registration_forms.answers.test_limited_choices import rounds
from tests.sales import jazz
from tests.sales.jazz import Jazz, blocks, fill, in_every, of_blocks
from ticketshop.limits.models import Counter
from ticketshop.sales.models import Order, Refund
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1800),
    pytest.mark.scenario("RF-23"),
]

CAPACITY = 50
SOLD_OUT = "Adult – ticket 1 of 1 – 3 July: Bus: Just sold out. Choose another one."


class LastPlace:
    """A shop whose adults are asked for a bus; the first bus has one place left."""

    def __init__(self):
        self.shop = Jazz(capacity=100_000)
        form = self.shop.form("tariff", self.shop.adult)
        self.bus = ask(form, "Bus", "single_choice", choices=[("18:00", CAPACITY), ("19:00", None)])
        self.menu = ask(form, "Menu")
        publish(form)
        self.last, self.other = self.bus.choices.order_by("position")
        Choice.objects.filter(pk=self.last.pk).update(used=CAPACITY - 1)

    def used(self) -> int:
        return Choice.objects.get(pk=self.last.pk).used

    def buyer(self, name: str):
        """Return a buyer on the details page of an order for one adult."""
        visitor = jazz.visitor()
        self.shop.add(visitor, self.shop.adult, 1)
        page = self.shop.details(visitor)
        # Different people, because two orders of one person wait for each other anyway.
        visitor.answers = in_every(page, self.bus, self.last.key) | in_every(page, self.menu, name)
        visitor.answers["buyer-email"] = f"{name}@example.org"
        return visitor

    def ready_buyer(self, name: str):
        """Return such a buyer on the review page, without holds."""
        visitor = self.buyer(name)
        assert fill(visitor, visitor.answers).url.endswith("/review/")
        ChoiceHold.objects.all().delete()
        return visitor

    def order(self, visitor):
        """Go from the details page to the order, as far as possible."""
        page = fill(visitor, visitor.answers)
        return visitor.place("on_site") if page.url.endswith("/review/") else page

    def race(self, visitors: list, act) -> None:
        """Let both buyers act at once: one gets an order with the place, the other an error."""
        pages = at_once(*(partial(act, visitor) for visitor in visitors))
        ordered = ["/orders/" in page.url for page in pages]
        assert sorted(ordered) == [False, True], [page.text[:300] for page in pages]
        assert self.used() == CAPACITY
        order = Order.objects.exclude(state=Order.State.CANCELLED).get()
        loser, page = visitors[ordered.index(False)], pages[ordered.index(False)]
        self.lost(loser, page)
        assert orders.cancel(order, by=None, now=timezone.now())
        assert self.used() == CAPACITY - 1
        ChoiceHold.objects.all().delete()
        Counter.objects.all().delete()

    def lost(self, visitor, page) -> None:
        """Check that the error is at the field, other input is kept, and the order goes on with another choice."""
        (name,) = of_blocks(page, self.bus)
        assert jazz.summary_links(page) == [(f"id_{name}_0", SOLD_OUT)]
        kept = page.form("^checkout_key$").values
        assert {key: kept[key] for key in visitor.answers} == visitor.answers
        assert fill(visitor, {name: self.other.key}).url.endswith("/review/")

    def rounds(self, number: int) -> None:
        for one in range(number):
            names = (f"first-{one}", f"second-{one}")
            if one % 2:
                self.race([self.ready_buyer(name) for name in names], lambda buyer: buyer.place("on_site"))
            else:
                self.race([self.buyer(name) for name in names], self.order)


def test_last_place_of_a_choice_goes_to_exactly_one_buyer():
    LastPlace().rounds(4)


@pytest.mark.soak
def test_last_place_of_a_choice_goes_to_one_buyer_in_many_rounds():
    LastPlace().rounds(200)


@pytest.mark.soak
def test_last_place_goes_to_one_order_in_many_rounds_without_pages():
    rounds(200)


def test_check_before_the_lock_sells_the_place_twice(monkeypatch):
    """Shows that the race is real and that these tests would find it."""
    last = LastPlace()
    visitors = [last.ready_buyer("one"), last.ready_buyer("two")]

    def careless(key, wanted):
        for pk in wanted:
            seen = Choice.objects.get(pk=pk)
            meet()
            if seen.used < seen.capacity:
                Choice.objects.filter(pk=pk).update(used=seen.used + 1)

    monkeypatch.setattr(limited_choices, "reserve", careless)
    with pytest.raises(AssertionError, match=r"\[True, True\]"):
        last.race(visitors, lambda buyer: buyer.place("on_site"))
    assert Order.objects.count() == 2
    assert last.used() == CAPACITY


def test_counting_without_the_lock_is_stopped_by_the_database(monkeypatch):
    last = LastPlace()
    visitors = [last.ready_buyer("one"), last.ready_buyer("two")]

    def careless(key, wanted):
        for pk in wanted:
            free = Choice.objects.filter(pk=pk, used__lt=F("capacity")).exists()
            meet()
            if free:
                Choice.objects.filter(pk=pk).update(used=F("used") + 1)

    monkeypatch.setattr(limited_choices, "reserve", careless)
    for visitor in visitors:
        visitor.client.raise_request_exception = False
    pages = at_once(*(partial(visitor.place, "on_site") for visitor in visitors))
    assert sorted(page.status for page in pages) == [200, 500]
    assert Order.objects.count() == 1
    assert last.used() == CAPACITY


# --- releasing a place -------------------------------------------------------------------


def taken(last: LastPlace):
    """Return an order that has the last place."""
    page = last.order(last.buyer("mine"))
    assert "/orders/" in page.url
    assert last.used() == CAPACITY
    return Order.objects.get()


def is_free(last: LastPlace) -> bool:
    """Return whether another buyer can have the place."""
    return fill(visitor := last.buyer("yours"), visitor.answers).url.endswith("/review/")


def test_refunded_order_releases_its_place():
    last = LastPlace()
    order = taken(last)
    payments.confirm(order.payments.get(), by=None, now=timezone.now())
    order.refresh_from_db()
    assert not is_free(last)
    orders.cancel(order, by=None, now=timezone.now())
    assert is_free(last)
    ChoiceHold.objects.all().delete()
    assert payments.refund_done(Refund.objects.get(), by=None, now=timezone.now())
    orders.cancel(order, by=None, now=timezone.now())
    assert last.used() == CAPACITY - 1


def test_expired_order_releases_its_place():
    last = LastPlace()
    order = taken(last)
    assert not is_free(last)
    assert orders.expire(order, now=timezone.now())
    assert last.used() == CAPACITY - 1
    assert is_free(last)


def test_ended_hold_releases_its_place():
    last = LastPlace()
    mine = last.buyer("mine")
    fill(mine, mine.answers)
    assert not is_free(last)
    ChoiceHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert is_free(last)


def test_changed_choice_in_the_checkout_releases_the_place():
    last = LastPlace()
    mine = last.buyer("mine")
    fill(mine, mine.answers)
    assert not is_free(last)
    page = last.shop.details(mine)
    fill(mine, in_every(page, last.bus, last.other.key))
    assert is_free(last)


def test_hidden_question_releases_the_place():
    shop = Jazz()
    form = shop.form("tariff", shop.adult)
    comes = ask(form, "Do you come by bus?", "yes_no", visibility="mandatory")
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", 1)], condition=only_if(comes, "yes"))
    publish(form)
    last = bus.choices.get()
    answers = []
    for _buyer in range(2):
        visitor = jazz.visitor()
        shop.add(visitor, shop.adult, 1)
        (block,) = blocks(shop.details(visitor))
        answers.append((visitor, {f"{block}-{comes.key}": "yes"}, {f"{block}-{bus.key}": last.key}))
    (mine, comes_mine, takes), (yours, comes_yours, wants) = answers
    fill(mine, comes_mine)
    shop.details(mine)
    assert fill(mine, takes).url.endswith("/review/")
    fill(yours, comes_yours)
    shop.details(yours)
    assert "Just sold out" in fill(yours, wants).text
    shop.details(mine)
    assert fill(mine, dict.fromkeys(comes_mine, "no")).url.endswith("/review/")
    assert not ChoiceHold.objects.exists()
    assert fill(yours, wants).url.endswith("/review/")
    yours.place("on_site")
    mine.place("on_site")
    assert Order.objects.count() == 2
    assert Choice.objects.get(pk=last.pk).used == 1
    assert [responses.read(one).get(bus.key) for one in Response.objects.order_by("pk")] == [last.key, None]
