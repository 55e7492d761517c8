"""Limits that staff enter, change or remove while a choice has answers: all answers count."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from registration_forms.admin import choices as choices_page
from registration_forms.answers import changing, limited_choices
from registration_forms.models import Choice, ChoiceHold, Response
from tests.at_once import at_once, meet, second
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, blocks, fill, in_every
from tests.staff import Staff, change
from ticketshop.sales.models import Order
from ticketshop.sales.orders import books, orders

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("RF-23")]


class Party:
    """A shop that asks adults for a bus and for workshops; nothing is limited."""

    def __init__(self):
        self.shop = Jazz()
        form = self.shop.form("tariff", self.shop.adult)
        self.bus = ask(form, "Bus", "single_choice", choices=["18:00", "19:00"])
        self.workshops = ask(form, "Workshops", "multiple_choice", choices=["Voice", "Drums"])
        publish(form)
        self.early, self.late = self.bus.choices.order_by("position")
        self.voice, self.drums = self.workshops.choices.order_by("position")
        self.staff = Staff(make_staff(self.shop.organiser, "back office"))

    def buyer(self, name: str, *, bus=None, workshops=()):
        """A visitor at the review of an order for one adult; the page that was reached."""
        visitor = jazz.visitor()
        self.shop.add(visitor, self.shop.adult, 1)
        page = self.shop.details(visitor)
        answers = in_every(page, self.bus, (bus or self.early).key)
        answers |= in_every(page, self.workshops, [one.key for one in workshops])
        fill(visitor, answers | {"buyer-email": f"{name}@example.org"})
        return visitor

    def order(self, name: str, **answers) -> Order:
        page = self.buyer(name, **answers).place("on_site")
        assert "/orders/" in page.url, page.text[:300]
        return Order.objects.latest("pk")

    def enter(self, choice: Choice, places: int | str):
        """Staff enter the places of a choice on its question's page."""
        self.staff.open(change(choice.field))
        ids = list(choice.field.choices.order_by("position", "pk").values_list("pk", flat=True))
        return self.staff.save(**{f"choices-{ids.index(choice.pk)}-capacity": places})


def places(choice: Choice) -> tuple[int | None, int]:
    return Choice.objects.values_list("capacity", "used").get(pk=choice.pk)


@pytest.fixture
def party():
    return Party()


def test_new_limit_counts_existing_answers(party):
    first, other = party.order("ada"), party.order("bob", workshops=[party.voice, party.drums])
    party.order("eve", bus=party.late)
    orders.cancel(other, by=None, now=timezone.now())
    party.order("fay")
    party.enter(party.early, 1)
    assert "2 are taken already: enter 2 or more." in party.staff.errors
    party.enter(party.early, 3)
    assert places(party.early) == (3, 2)
    assert places(party.late) == (None, 0)
    party.enter(party.voice, 1)
    assert places(party.voice) == (1, 0), "the cancelled one counts no more"
    # One more place, without the form being published anew; then it is sold out.
    party.order("gus")
    assert places(party.early) == (3, 3)
    page = party.buyer("hal").page
    assert not page.url.endswith("/review/")
    assert "Just sold out. Choose another one." in page.text
    orders.cancel(first, by=None, now=timezone.now())
    assert places(party.early) == (3, 2)
    assert books.check()["I9"] == []


def test_expired_orders_and_changed_answers_release_places(party):
    unpaid, paid = party.order("ada"), party.order("bob", workshops=[party.voice])
    party.enter(party.early, 2)
    party.enter(party.voice, 1)
    Order.objects.filter(pk=unpaid.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert orders.expire_overdue(timezone.now()) == 1
    assert places(party.early) == (2, 1)
    response = Response.objects.get(ticket__order=paid)
    answers = {party.bus.key: party.late.key, party.workshops.key: [party.drums.key]}
    changing.change(response, answers, revision=1, by=None, source="staff", now=timezone.now())
    assert (places(party.early), places(party.voice)) == ((2, 0), (1, 0))


def test_limit_entered_again_counts_answers_given_without_a_limit(party):
    party.enter(party.early, 5)
    party.order("ada")
    party.enter(party.early, "")
    between = party.order("bob")
    party.order("eve")
    party.staff.open(change(party.bus))
    assert "3" in party.staff.page.source.split('class="field-taken"')[1][:60]
    party.enter(party.early, 2)
    assert "3 are taken already: enter 3 or more." in party.staff.errors
    party.enter(party.early, 3)
    assert places(party.early) == (3, 3)
    orders.cancel(between, by=None, now=timezone.now())
    assert places(party.early) == (3, 2)


def test_limit_below_the_places_taken_is_refused_and_a_higher_one_frees_places(party):
    party.enter(party.early, 2)
    party.order("ada")
    party.order("bob")
    party.enter(party.early, 1)
    assert "2 are taken already: enter 2 or more." in party.staff.errors
    party.enter(party.early, 3)
    party.order("eve")
    assert places(party.early) == (3, 3)


def test_buyer_on_the_review_page_reads_that_a_new_limit_is_reached(party):
    party.order("ada")
    late = party.buyer("bob")
    party.enter(party.early, 1)
    late.place("on_site")
    assert "Just sold out. Choose another one." in late.page.text
    (block,) = blocks(late.page)
    assert fill(late, {f"{block}-{party.bus.key}": party.late.key}).url.endswith("/review/")
    late.place("on_site")
    assert Order.objects.count() == 2
    assert not ChoiceHold.objects.exists()


def test_saving_a_label_does_not_overwrite_the_counter(party, monkeypatch):
    """An order takes a place while the page of choices is being saved."""
    party.enter(party.early, 5)
    mark_changed = choices_page.drafts.mark_changed

    def meanwhile(form):
        Choice.objects.filter(pk=party.early.pk).update(used=4)
        mark_changed(form)

    monkeypatch.setattr(choices_page.drafts, "mark_changed", meanwhile)
    party.staff.open(change(party.bus))
    party.staff.save(**{"choices-0-label_en": "Six o’clock"})
    party.early.refresh_from_db()
    assert (party.early.label_en, party.early.used) == ("Six o’clock", 4)


# --- at once ------------------------------------------------------------------------------------------------------


def order_while_places_are_entered(monkeypatch) -> tuple[int | None, int]:
    """An order has its answers stored and counted when staff enter three places; the counter afterwards."""
    party = Party()
    visitor = party.buyer("ada")
    reserve = orders.places.reserve

    def last_step(*args):
        meet()
        return reserve(*args)

    monkeypatch.setattr(orders.places, "reserve", last_step)
    page, _saved = at_once(partial(visitor.place, "on_site"), second(partial(party.enter, party.early, 3)))
    assert "/orders/" in page.url
    return places(party.early)


@pytest.mark.django_db(transaction=True)
def test_new_limit_waits_for_an_order_that_is_being_placed(monkeypatch):
    assert order_while_places_are_entered(monkeypatch) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_without_the_shared_lock_that_order_is_not_counted(monkeypatch):
    """The counter-test."""
    monkeypatch.setattr(limited_choices, "_SHARE", limited_choices._SHARE.removesuffix(" FOR KEY SHARE"))
    assert order_while_places_are_entered(monkeypatch) == (3, 0)
