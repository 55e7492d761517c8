"""An erasure at the same time as orders, edits, merges, payments and other requests of the person.

A change that comes before the erasure is erased too; a later one is refused, because the person no longer exists. There is no
third outcome and no deadlock, and no payment is lost. A twin without the lock on the person shows that the race is real: its
order is left over.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone

from contacts import contacts, locking, merging
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import planning
from tests.at_once import at_once, meet, second
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from tests.privacy import scanner
from tests.privacy.scanner import Needles, Token
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.models import Cart, Order, Payment, Refund
from ticketshop.sales.orders import books, orders, placing
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("S39"), pytest.mark.timeout(1800)]

NOW = timezone.now
State = Erasure.State
# What may be refused, and nothing else.
REFUSALS = (orders.CannotPlace, locking.Gone, merging.CannotMerge, erasing.CannotErase)


@pytest.fixture(autouse=True)
def no_deadlocks():
    before = deadlocks()
    yield
    connection.close()
    connection.close_pool()  # the counters of a connection are written when it ends
    assert deadlocks() == before


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


class Round:
    """A person with orders paid and unpaid and a cart each as a log-in and as a guest, and what may happen to them."""

    def __init__(self, shop: "Shop", number: int):
        self.shop, self.number = shop, number
        self.name = f"zqrace{number}"
        self.user = UserFactory(email=f"{self.name}@planted.example")
        self.contact = contacts.for_user(shop.pos.organiser, self.user, language="en", now=NOW())
        contacts.change(self.contact, {"first_name": "V", "last_name": self.name}, by=self.user, now=NOW())
        self.typed = {"first_name": "V", "last_name": self.name, "email": self.user.email}
        self.paid = self._order(paid=True)
        self.unpaid = self._order()
        self.earlier = make_order({shop.offer: 1}, buyer=self.typed).buyer
        self.cart = make_cart({shop.offer: 1}, user=self.user, buyer=self.typed)
        # The same mailbox with another name: a new guest, who orders before or after the erasure.
        self.guest = make_cart({shop.offer: 1}, buyer={**self.typed, "last_name": "Later"})

    def _order(self, **how) -> Order:
        return make_order({self.shop.offer: 1}, user=self.user, buyer=self.typed, **how)

    def do_order(self):
        return self._place(self.cart, self.user)

    def do_order_as_a_guest(self):
        return self._place(self.guest, AnonymousUser())

    def _place(self, cart, user):
        seen = contents.read(cart).content_hash
        return orders.place(cart, method="on_site", content_hash=seen, user=user, language="en", now=NOW())

    def do_edit(self):
        contacts.change(self.contact, {"street": f"Street of {self.name}"}, by=self.user, now=NOW())

    def do_merge(self):
        merging.merge(
            self.contact, Contact(pk=self.earlier.pk, organiser=self.earlier.organiser), by=None, now=NOW()
        )

    def do_merge_away(self):
        merging.merge(self.earlier, self.contact, by=None, now=NOW())

    def do_pay(self):
        return payments.confirm(self.unpaid.payments.get(), by=None, now=NOW())

    def do_cancel(self):
        return orders.cancel(Order.objects.get(pk=self.paid.pk), by=None, now=NOW())

    def do_ask_oneself(self):
        return erasing.erase(self.contact, by=self.user, now=NOW(), channel="account")

    def do_erase(self):
        return erasing.erase(self.contact, by=self.shop.staff, now=NOW())

    def things(self, names: Iterable[str], chance: random.Random) -> list[Callable]:
        """An erasure by staff, and the other things with these names, each a moment later or sooner."""
        return [
            partial(self._later, chance.random() * 0.03, getattr(self, name)) for name in ("do_erase", *names)
        ]

    @staticmethod
    def _later(pause: float, thing: Callable):
        time.sleep(pause)
        try:
            return thing()
        except REFUSALS as error:
            return error


THINGS = sorted(name for name in vars(Round) if name.startswith("do_") and name != "do_erase")


class Shop:
    def __init__(self):
        self.pos = PointOfSaleFactory()
        PaymentMethodFactory(point_of_sale=self.pos)
        self.offer = OfferFactory(pos=self.pos, capacity=100_000)
        self.staff = make_staff(self.pos.organiser, "owner")


def unfinished(order: Order) -> bool:
    """Whether an order may still know whose it is."""
    owed = Refund.objects.filter(payment__order=order, state="requested").exists()
    coming = order.tickets.filter(state__in=["reserved", "valid"], session__ends_at__gte=NOW()).exists()
    return owed or coming or order.state == "pending"


def check(one: Round) -> str:
    """The invariants after a round; returns how far the erasure came."""
    one.contact = Contact.objects.filter(pk=one.contact.pk).first()
    assert one.contact is not None, "who is being erased is not merged away"
    assert not Order.objects.filter(buyer__erased_at__isnull=False).exists()
    erasure = Erasure.objects.get(contact=one.contact)
    assert erasure.state in (State.DEFERRED, State.CLOSED), (erasure.state, erasure.failure)
    # All data that no wait protects are erased, also those that came during the erasure.
    assert planning.plan(one.contact, now=NOW()).erased == []
    for order in Order.objects.filter(buyer=one.contact):
        assert unfinished(order), order.state
    assert one.contact.street == ""
    assert {code: found for code, found in books.check().items() if found} == {}
    return erasure.state


def finish(one: Round) -> None:
    """End all deferrals; then nothing is left of the person."""
    for order in Order.objects.filter(buyer=one.contact):
        orders.cancel(order, by=None, now=NOW())
    for refund in Refund.objects.filter(payment__order__buyer=one.contact, state="requested"):
        payments.refund_done(refund, by=None, now=NOW())
    erasing.go_on(NOW() + timedelta(days=2))
    one.contact.refresh_from_db()
    assert one.contact.erased_at is not None
    if Contact.objects.filter(pk=one.earlier.pk).exists():
        # The earlier guest was never linked to this person, so that their erasure is a separate request.
        erasing.erase(one.earlier, by=None, now=NOW(), bearer=True)
        for order in Order.objects.filter(buyer=one.earlier):
            orders.cancel(order, by=None, now=NOW())
        erasing.go_on(NOW() + timedelta(days=2))
    found = scanner.scan_database(Needles([Token("name", one.name)]))
    # The guest with the same mailbox and the contact of another organiser are other persons.
    others = Contact.objects.filter(last_name="Later") | Contact.objects.exclude(
        organiser=one.shop.pos.organiser
    )
    theirs = {("contacts_contact", str(pk)) for pk in others.values_list("pk", flat=True)}
    left = {(hit.place.partition(".")[0], hit.row) for hit in found} - theirs
    assert {place for place, _row in left} <= {
        "sales_cart",
        "mail_mail",
        "accounts_user",
        "account_emailaddress",
    }
    assert {code: hits for code, hits in books.check().items() if hits} == {}


def rounds(things: Iterable[list[str]], chance: random.Random) -> Counter:
    """Take a round for each list of things."""
    shop, seen = Shop(), Counter()
    for number, names in enumerate(things):
        one = Round(shop, number)
        results = at_once(*one.things(names, chance))
        seen[check(one)] += 1
        seen.update(type(result).__name__ for result in results)
        finish(one)
    assert Payment.objects.filter(state="confirmed").exists()
    return seen


def test_action_at_the_same_time_as_an_erasure_leaves_nothing():
    """Each thing in one of two rounds; ``make soak`` has two hundred of any five."""
    halves = [THINGS[::2], THINGS[1::2]]
    assert len(THINGS) == 8
    assert rounds(halves, random.Random(1))["Erasure"] >= len(halves)


@pytest.mark.soak
def test_action_at_the_same_time_as_an_erasure_leaves_nothing_in_many_rounds(capsys):
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    seen = rounds((chance.sample(THINGS, 5) for _number in range(200)), chance)
    with capsys.disabled():
        print(f"\n200 rounds of everything at once during an erasure (seed {seed}): {dict(seen)}")
    assert seen["Gone"] > 0
    assert seen["Order"] > 0


# --- the race is real ---------------------------------------------------------------------------------------------


def settled() -> Round:
    """Return a person without open orders. Their log-in stays, because another organiser has a contact for it."""
    one = Round(Shop(), 0)
    contacts.for_user(PointOfSaleFactory().organiser, one.user, language="en", now=NOW())
    for order in (one.paid, one.unpaid):
        orders.cancel(order, by=None, now=NOW())
    for refund in Refund.objects.all():
        payments.refund_done(refund, by=None, now=NOW())
    return one


def order_while_erased(monkeypatch) -> Round:
    """The checkout has looked at the person and thinks, until they are erased or the erasure waits for a lock."""
    one, new = settled(), placing.new

    def think(*args, **values):
        meet()
        return new(*args, **values)

    # Before the order is written: its row would hold the person's by the key to it.
    monkeypatch.setattr(placing, "new", think)
    at_once(one.do_order, second(one.do_erase))
    return one


def test_erasure_waits_for_an_order_that_began_first(monkeypatch):
    one = order_while_erased(monkeypatch)
    assert Order.objects.filter(buyer=one.contact, state="pending").count() == 1
    assert check(one) == State.DEFERRED
    finish(one)


def test_without_the_locks_an_order_is_left(monkeypatch):
    """Without the lock on the person and the one on their cart, which is erased too and would refuse the order."""
    without_the_lock(monkeypatch)
    unlocked = Cart.objects.filter(pk=Parameter("pk")).select_related("point_of_sale__organiser")
    monkeypatch.setattr(carts, "LOCKED", Compiled(lambda: unlocked))
    one = order_while_erased(monkeypatch)
    one.contact.refresh_from_db()
    assert one.contact.erased_at is not None
    assert Order.objects.filter(buyer=one.contact).exists(), "nobody got past the erasure"


def without_the_lock(monkeypatch) -> None:
    def look(ids):
        return {contact.pk: contact for contact in Contact.objects.filter(pk__in=set(ids))}

    monkeypatch.setattr(locking, "_locked", look)


@pytest.mark.parametrize("locked", [True, False])
def test_edit_during_an_erasure_is_erased_or_refused(monkeypatch, locked):
    if not locked:
        without_the_lock(monkeypatch)
    one, normalise = settled(), contacts._normalise

    def think(contact):
        meet()
        normalise(contact)

    monkeypatch.setattr(contacts, "_normalise", think)
    at_once(one.do_edit, second(one.do_erase))
    one.contact.refresh_from_db()
    assert one.contact.erased_at is not None
    assert (one.contact.street == "") is locked
