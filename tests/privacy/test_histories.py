"""Random histories of people before an erasure: nothing is left, money and other people do not change."""

from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from accounts.models import User
from contacts import contacts, merging
from contacts.linking import adding
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.privacy import scanner
from tests.privacy.changes import Explained, between, money
from tests.privacy.people import Person
from tests.privacy.scanner import Needles, Token
from ticketshop.catalogue.models import Session
from ticketshop.sales.models import Order, Refund
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S44"), pytest.mark.timeout(3600)]

NUMBER = some.integers(0, 30)


@dataclass
class Somebody:
    """A person of the story: ``names`` are all the tokens that were ever theirs."""

    contact: Contact
    user: User | None
    email: str
    names: list[str] = field(default_factory=list)

    @property
    def typed(self) -> dict:
        return {"first_name": "Zq", "last_name": self.names[0], "email": self.email}


class Histories(RuleBasedStateMachine):
    """A shop in which people do things, and now and then one of them is erased."""

    def __init__(self):
        super().__init__()
        self.story = transaction.atomic()
        self.story.__enter__()
        self.pos = PointOfSaleFactory(friends_family_enabled=True)
        PaymentMethodFactory(point_of_sale=self.pos)
        self.staff = make_staff(self.pos.organiser, "owner")
        self.offers = [OfferFactory(pos=self.pos, capacity=10_000) for _ in range(2)]
        self.people: list[Somebody] = []
        self.waiting: list[Somebody] = []
        self.gone: list[Somebody] = []
        self.count = 0

    def teardown(self):
        try:
            self._end()
        finally:
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

    def _name(self) -> str:
        self.count += 1
        return f"Zqstory{self.count}"

    def _one(self, number: int) -> Somebody:
        return self.people[number % len(self.people)]

    # --- what people do ---------------------------------------------------------------------------------------

    @rule(again=some.booleans(), number=NUMBER)
    def register(self, again, number):
        name, now = self._name(), timezone.now()
        # A person who was erased registers again with the same e-mail address.
        free = [one.email for one in self.gone if not User.objects.filter(email=one.email).exists()]
        email = free[number % len(free)] if again and free else f"{name.lower()}@story.example"
        user = UserFactory(email=email)
        contact = contacts.for_user(self.pos.organiser, user, language="en", now=now)
        assert not contact.orders.exists()
        contacts.change(contact, {"first_name": "Zq", "last_name": name}, by=user, now=now)
        self.people.append(Somebody(contact, user, email, [name]))

    @rule()
    def order_as_a_guest(self):
        name = self._name()
        typed = {"first_name": "Zq", "last_name": name, "email": f"{name.lower()}@story.example"}
        order = make_order({self.offers[0]: 1}, pos=self.pos, buyer=typed)
        self.people.append(Somebody(order.buyer, None, typed["email"], [name]))

    @precondition(lambda self: self.people)
    @rule(number=NUMBER, paid=some.booleans())
    def buy(self, number, paid):
        one = self._one(number)
        holder = {"first_name": "Guest", "last_name": f"{one.names[0]}"}
        make_order(
            {self.offers[number % 2]: 2}, pos=self.pos, user=one.user, buyer=one.typed, paid=paid, holders=[holder]
        )  # fmt: skip

    @precondition(lambda self: self.people)
    @rule(number=NUMBER)
    def pay(self, number):
        order = Order.objects.filter(buyer=self._one(number).contact, state="pending").first()
        if order is not None:
            payments.confirm(order.payments.get(), by=self.staff, now=timezone.now())

    @precondition(lambda self: self.people)
    @rule(number=NUMBER)
    def cancel(self, number):
        order = Order.objects.filter(buyer=self._one(number).contact, state__in=["pending", "paid"]).first()
        if order is not None:
            orders.cancel(order, by=self.staff, now=timezone.now())

    @rule()
    def give_money_back(self):
        for refund in Refund.objects.filter(state="requested"):
            payments.refund_done(refund, by=self.staff, now=timezone.now())

    @precondition(lambda self: self.people)
    @rule(number=NUMBER)
    def edit(self, number):
        one, name = self._one(number), self._name()
        contacts.change(one.contact, {"street": name}, by=one.user, now=timezone.now())
        one.names.append(name)

    @precondition(lambda self: any(one.user for one in self.people))
    @rule(number=NUMBER, other=NUMBER)
    def link(self, number, other):
        with_log_in = [one for one in self.people if one.user]
        parent, child = with_log_in[number % len(with_log_in)], self._one(other)
        asked = adding.Requester(by=parent.user, pos=self.pos, network="story", language="en")
        adding.add(
            parent.contact, adding.Person("Zq", child.names[0], child.email), asked, now=timezone.now()
        )

    @precondition(lambda self: len([one for one in self.people if not one.user]) and len(self.people) > 1)
    @rule(number=NUMBER)
    def merge(self, number):
        lose = next(one for one in self.people if not one.user)
        keep = next((one for one in self.people if one.user), None)
        if keep is not None:
            merging.merge(keep.contact, lose.contact, by=self.staff, now=timezone.now())
            keep.names += lose.names
            self.people.remove(lose)

    @rule()
    def the_evening_is_over(self):
        Session.objects.update(
            starts_at=F("starts_at") - timedelta(days=900), ends_at=F("ends_at") - timedelta(days=900)
        )
        self._go_on()
        self.offers = [OfferFactory(pos=self.pos, capacity=10_000) for _ in range(2)]

    # --- and then they are forgotten --------------------------------------------------------------------------

    @precondition(lambda self: self.people)
    @rule(number=NUMBER)
    def erase(self, number):
        one = self._one(number)
        whole = Person("story", SimpleNamespace(organiser=self.pos.organiser), one.contact, one.user)
        explained, before, sums = Explained(whole), scanner.snapshot(), money()
        erasure = erasing.erase(one.contact, by=self.staff, now=timezone.now())
        after = scanner.snapshot()
        assert explained.leaves_open(between(before, after)) == set()
        assert money() == sums
        assert books.check() == {code: [] for code in books.check()}
        erasing.run(erasure, now=timezone.now())
        assert between(after, scanner.snapshot()) == set()
        self.people.remove(one)
        (self.gone if erasure.state == Erasure.State.CLOSED else self.waiting).append(one)
        self._no_trace()

    def _go_on(self) -> None:
        erasing.go_on(timezone.now() + timedelta(days=2))
        for one in list(self.waiting):
            if Contact.objects.filter(pk=one.contact.pk, erased_at__isnull=False).exists():
                self.waiting.remove(one)
                self.gone.append(one)

    def _no_trace(self) -> None:
        sought = Needles(Token(name, name) for one in self.gone for name in one.names)
        # A person who registered again with an erased e-mail address has another name, and keeps the address until their own
        # erasure, also while that is deferred.
        found = {hit for hit in scanner.scan_database(sought) if "email" not in hit.place}
        back = Contact.objects.filter(email__in=[one.email for one in self.gone], erased_at=None)
        rows = {str(pk) for pk in back.values_list("pk", flat=True)}
        assert {hit for hit in found if not _is_an_address(hit, rows)} == set()

    def _end(self) -> None:
        for order in Order.objects.filter(buyer__in=[one.contact for one in self.waiting]):
            orders.cancel(order, by=self.staff, now=timezone.now())
        self.give_money_back()
        self._go_on()
        assert self.waiting == []
        self._no_trace()


def _is_an_address(hit, back: set[str]) -> bool:
    if hit.place == "contacts_contact.search":
        return hit.row in back
    return hit.place in {"mail_mail.recipient", "sales_cart.details"}


def run(examples: int, steps: int, *, fixed: bool) -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=fixed,
            database=None,
            # The first history that fails is short enough to read.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def story(db):
    story = Histories()
    yield story
    story.teardown()


def test_who_registered_again_keeps_their_address_while_a_second_erasure_waits(story):
    story.register(again=False, number=0)
    story.buy(number=0, paid=True)
    story.the_evening_is_over()
    story.erase(number=0)
    (gone,) = story.gone
    story.register(again=True, number=0)
    story.buy(number=0, paid=True)
    story.erase(number=0)
    (back,) = story.waiting
    assert (back.email, back.contact.pk != gone.contact.pk) == (gone.email, True)
    # Their address is no excuse for a name of before.
    Contact.objects.filter(pk=back.contact.pk).update(street=gone.names[0])
    with pytest.raises(AssertionError, match="street"):
        story._no_trace()
    Contact.objects.filter(pk=back.contact.pk).update(street="")


def test_erasure_after_random_histories_leaves_nothing(db):
    """The same four histories each time; hundreds of new ones in ``make soak``."""
    run(4, 15, fixed=True)


@pytest.mark.soak
def test_erasure_after_many_random_histories_leaves_nothing(db):
    run(200, 40, fixed=False)
