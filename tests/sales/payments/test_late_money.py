"""Money that comes late, twice, or in another amount: the effects on the order and its places, and the mails."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

import pytest
from django.utils import timezone

from contacts import locking
from registration_forms.models import Choice
from tests.at_once import at_once, meet
from tests.exports.steps import answer
from tests.factories import registration_forms as made
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import BUYER, make_cart, make_order
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Allotment, SeasonPass, Session
from ticketshop.history import history
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import IssuedPass, Order, Payment, Refund, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments, reviving, typed_money

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.scenario("PAY-07"),
    pytest.mark.usefixtures("the_books_add_up"),
]
NOW = timezone.now
METHODS = ["bank_transfer", "on_site"]


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__time_zone="Europe/Zurich")


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=4, price=Decimal("35.00"))


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def expired(wanted, method="bank_transfer", **values) -> Order:
    order = make_order(wanted, method=method, **values)
    assert orders.expire(order, now=NOW())
    return order


def pay(order) -> None:
    payments.confirm(order.payments.order_by("pk").first(), by=None, now=NOW())
    order.refresh_from_db()


def receive(order, amount) -> None:
    payments.receive(order, Decimal(amount), by=None, now=NOW())
    order.refresh_from_db()


def sold(offer) -> int:
    return Allotment.objects.get(pk=offer.allotment_id).sold


def owed(order) -> list[Decimal]:
    return list(Refund.objects.filter(payment__order=order).order_by("pk").values_list("amount", flat=True))


def actions(order) -> list[str]:
    return [event.action for event in reversed(history.of(order))]


def page_of(order) -> str:
    return TestClientVisitor().open(order_mails.order_path(order)).text


# --- an expired order --------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", METHODS)
def test_late_money_makes_an_expired_order_valid_again_while_its_places_are_free(offer, method, mailoutbox):
    order = expired({offer: 2}, method)
    assert "the order becomes valid again if everything in it is still free" in page_of(order)
    mark_sent()
    pay(order)
    assert (order.state, order.cancelled_at) == ("paid", None)
    assert {ticket.state for ticket in order.tickets.all()} == {"valid"}
    assert sold(offer) == 2
    assert owed(order) == []
    assert actions(order)[-2:] == ["revived", "paid"]
    (letter,) = deliver(mailoutbox)
    assert "Your money came after the order had ended." in letter.body
    assert len(letter.attachments) == 1
    assert "Your order is complete" in page_of(order)


def test_beneficiaries_are_locked_before_their_tickets_when_an_order_comes_back(pos, offer, monkeypatch):
    order = expired({offer: 2, SeasonPassFactory(pos=pos): 1})
    one, other = (ContactFactory(organiser=pos.organiser) for _number in range(2))
    Ticket.objects.filter(pk=order.tickets.first().pk).update(beneficiary=one)
    order.passes.update(beneficiary=other)
    locked, lock_all = [], locking.lock_all

    def states() -> list[str]:
        return [admission.state for admission in (*order.tickets.all(), *order.passes.all())]

    def recorded(ids):
        locked.append((set(ids), states(), sold(offer)))
        return lock_all(ids)

    monkeypatch.setattr(reviving.locking, "lock_all", recorded)
    pay(order)
    assert (Order.objects.get(pk=order.pk).state, states(), sold(offer)) == ("paid", ["valid"] * 3, 2)
    assert locked[0] == ({one.pk, other.pk}, ["cancelled"] * 3, 0)


@pytest.mark.parametrize("method", METHODS)
def test_late_money_goes_back_where_the_places_are_sold(offer, method, mailoutbox):
    order = expired({offer: 2}, method)
    make_order({offer: 3}, buyer={**BUYER, "first_name": "Ada", "email": "ada@example.org"}, paid=True)
    mark_sent()
    pay(order)
    assert order.state == "expired"
    assert {ticket.state for ticket in order.tickets.all()} == {"cancelled"}
    assert sold(offer) == 3
    assert owed(order) == [Decimal("70.00")]
    (letter,) = deliver(mailoutbox)
    assert letter.to == [BUYER["email"]]
    assert "We have received CHF\N{NO-BREAK SPACE}70.00 for your order" in letter.body
    assert "its places are no longer free" in letter.body
    assert "The organiser pays CHF 70.00 back." in page_of(order)
    payments.refund_done(Refund.objects.get(), by=None, now=NOW())
    assert "CHF 70.00 was paid back on" in page_of(order)


def test_places_held_in_carts_are_not_free(offer):
    order = expired({offer: 2})
    make_cart({offer: 3})
    pay(order)
    assert (order.state, owed(order)) == ("expired", [Decimal("70.00")])


def test_an_order_with_several_things_comes_back_whole_or_not_at_all(pos, offer):
    season_pass = SeasonPassFactory(pos=pos, capacity=1)
    order = expired({offer: 2, season_pass: 1})
    other = make_order({season_pass: 1}, buyer={**BUYER, "first_name": "Ada", "email": "ada@example.org"})
    pay(order)
    assert (order.state, sold(offer)) == ("expired", 0)
    assert other.passes.count() == 1
    assert {issued.state for issued in order.passes.all()} == {"cancelled"}


@pytest.fixture
def bus(pos, offer):
    """A question of the tariff's form with one place on the bus."""
    form = made.make_form("tariff", organiser=pos.organiser)
    asked = made.ask(form, "Bus", "dropdown", choices=[("18:00", 1), ("19:00", None)])
    made.publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    return asked


def with_bus(offer, bus, choice: str, **values) -> Order:
    """An order whose ticket takes a seat on the bus, as the checkout stores it."""
    order = make_order_without_form(offer, **values)
    answer(order.tickets.get(), bus.form.published, {bus.key: bus.choices.get(label=choice).key})
    return order


def make_order_without_form(offer, **values) -> Order:
    form, offer.tariff.form = offer.tariff.form, None
    offer.tariff.save()
    order = make_order({offer: 1}, **values)
    offer.tariff.form = form
    offer.tariff.save()
    return order


@pytest.mark.parametrize("free", [True, False])
def test_a_limited_choice_has_to_be_free_too(offer, bus, free):
    order = with_bus(offer, bus, "18:00", method="bank_transfer")
    seat = Choice.objects.get(field=bus, label="18:00")
    Choice.objects.filter(pk=seat.pk).update(used=1)
    orders.expire(order, now=NOW())
    seat.refresh_from_db()
    assert seat.used == 0
    if not free:
        Choice.objects.filter(pk=seat.pk).update(used=1)
    pay(order)
    seat.refresh_from_db()
    ticket = order.tickets.get()
    assert seat.used == 1
    assert (order.state, ticket.state, ticket.response.void) == (
        ("paid", "valid", False) if free else ("expired", "cancelled", True)
    )


@pytest.mark.parametrize("why", ["cancelled", "begun"])
def test_a_date_that_does_not_take_place_or_has_begun_brings_no_order_back(offer, why):
    order = expired({offer: 1})
    if why == "cancelled":
        Session.objects.update(state="cancelled")
    else:
        Session.objects.update(starts_at=NOW() - timedelta(minutes=1), ends_at=NOW() + timedelta(hours=2))
    pay(order)
    assert (order.state, owed(order)) == ("expired", [Decimal("35.00")])


def test_a_pass_that_is_over_brings_no_order_back(pos):
    order = expired({SeasonPassFactory(pos=pos): 1})
    over = timezone.localdate() - timedelta(days=2)
    SeasonPass.objects.update(valid_from=over, valid_until=over)
    IssuedPass.objects.update(valid_from=over, valid_until=over)
    pay(order)
    assert order.state == "expired"


def test_late_money_for_an_erased_buyers_order_is_paid_back(offer, mailoutbox):
    order = expired({offer: 1})
    mark_sent()
    order.buyer.erasing_at = NOW()
    order.buyer.save()
    pay(order)
    assert (order.state, owed(order)) == ("expired", [Decimal("35.00")])
    assert deliver(mailoutbox) == []


def test_a_cancelled_order_stays_cancelled_and_the_money_goes_back(offer, mailoutbox):
    order = make_order({offer: 1}, method="bank_transfer")
    orders.cancel(order, by=None, now=NOW())
    mark_sent()
    pay(order)
    assert (order.state, sold(offer), owed(order)) == ("cancelled", 0, [Decimal("35.00")])
    (letter,) = deliver(mailoutbox)
    assert "The order is cancelled." in letter.body


# --- other amounts, and money twice ------------------------------------------------------------------------
def test_too_little_money_is_kept_and_the_buyer_gets_a_mail_about_the_rest(offer, mailoutbox):
    order = make_order({offer: 2}, method="bank_transfer")
    mark_sent()
    receive(order, "30")
    assert (order.state, owed(order)) == ("pending", [])
    (letter,) = deliver(mailoutbox)
    assert "CHF\N{NO-BREAK SPACE}40.00 is missing" in letter.body
    assert "Amount: CHF\N{NO-BREAK SPACE}40.00" in letter.body
    assert "CHF 40.00" in page_of(order).split("How to pay")[1].split("Tickets")[0]
    receive(order, "40")
    assert (order.state, owed(order), sold(offer)) == ("paid", [], 2)
    assert actions(order)[-2:] == ["paid_in_part", "paid"]
    assert payments.open_payment(order) is None


def test_at_the_box_office_the_rest_stands_on_the_page_of_an_order_paid_in_part(offer):
    order = make_order({offer: 2}, method="on_site")
    assert "Still to be paid" not in page_of(order)
    receive(order, "30")
    assert "Still to be paid CHF 40.00" in page_of(order)


def test_part_of_the_money_goes_back_when_the_order_expires(offer, mailoutbox):
    order = make_order({offer: 2}, method="bank_transfer")
    receive(order, "30")
    mark_sent()
    orders.expire(order, now=NOW())
    assert owed(order) == [Decimal("30.00")]
    (letter,) = deliver(mailoutbox)
    assert "We pay back what has come." in letter.body


@pytest.mark.parametrize("state", ["pending", "expired"])
def test_too_much_pays_the_order_and_the_rest_goes_back(offer, state, mailoutbox):
    order = make_order({offer: 1}, method="bank_transfer")
    if state == "expired":
        orders.expire(order, now=NOW())
    mark_sent()
    receive(order, "40")
    assert (order.state, owed(order)) == ("paid", [Decimal("5.00")])
    subjects = [letter.subject for letter in deliver(mailoutbox)]
    assert len(subjects) == 2
    assert any("pay your money back" in subject for subject in subjects)


def test_money_for_a_paid_order_goes_back(offer, mailoutbox):
    order = make_order({offer: 1}, method="bank_transfer", paid=True)
    mark_sent()
    receive(order, "35")
    assert (order.state, owed(order)) == ("paid", [Decimal("35.00")])
    (letter,) = deliver(mailoutbox)
    assert "The order was paid already." in letter.body


def test_too_little_for_an_expired_order_goes_back(offer):
    order = expired({offer: 2})
    receive(order, "30")
    assert (order.state, owed(order)) == ("expired", [Decimal("30.00")])


def test_the_whole_transfer_after_a_part_pays_and_the_part_goes_back(offer):
    order = make_order({offer: 2}, method="bank_transfer")
    receive(order, "30")
    pay(order)
    assert (order.state, sum(owed(order))) == ("paid", Decimal("30.00"))


def test_the_exact_amount_is_the_payment_that_was_waited_for(offer):
    order = make_order({offer: 1}, method="bank_transfer")
    receive(order, "35.00")
    assert order.state == "paid"
    assert [payment.state for payment in order.payments.all()] == ["confirmed"]


# --- staff ----------------------------------------------------------------------------------------------------
def test_staff_read_what_will_happen_and_what_has_happened(offer, staff):
    order = expired({offer: 1})
    staff.open(f"{change(order).removesuffix('change/')}mark-paid/")
    assert "If everything in it is still free, it becomes valid again" in staff.page.text
    page = staff.press(order, "mark-paid")
    assert "The order is paid; the tickets go to the buyer by e-mail." in page.text
    assert "The order is valid again: the money came late" in staff.open(change(order)).text


def test_after_a_part_staff_mark_paid_what_was_missing(offer, staff):
    order = make_order({offer: 2}, method="bank_transfer")
    receive(order, "30")
    staff.open(f"{change(order).removesuffix('change/')}mark-paid/")
    assert "CHF 40.00 by" in staff.page.text
    staff.press(order, "mark-paid")
    order.refresh_from_db()
    assert (order.state, owed(order)) == ("paid", [])
    assert sorted(order.payments.filter(state="confirmed").values_list("amount", flat=True)) == [
        Decimal("30.00"),
        Decimal("40.00"),
    ]


def test_staff_note_another_amount_as_people_type_it(offer, staff):
    order = make_order({offer: 2}, method="bank_transfer")
    staff.open(f"{change(order).removesuffix('change/')}other-money/")
    page = staff.fill("^amount$", {"amount": "1’000,50"})
    assert "The order is paid. CHF 930.50 is listed to be paid back" in page.text
    staff.open(f"{change(order).removesuffix('change/')}other-money/")
    page = staff.fill("^amount$", {"amount": "-5"})
    assert "greater than or equal to 0.01" in page.text
    assert owed(order) == [Decimal("930.50")]
    page = staff.fill("^amount$", {"amount": "12.345"})
    assert page.status == 200
    assert owed(order) == [Decimal("930.50")]


def test_page_for_another_amount_that_is_sent_twice_records_it_once(offer, staff):
    order = make_order({offer: 2}, method="bank_transfer")
    staff.open(f"{change(order).removesuffix('change/')}other-money/")
    form = staff.page.form("^amount$")
    where = staff.page.url
    staff.submit(form, {"amount": "20"})
    staff.open(where)
    assert "Nothing has changed: other money" in staff.submit(form, {"amount": "20"}).text
    assert [payment.amount for payment in order.payments.filter(state="confirmed")] == [Decimal("20.00")]


# --- at once ------------------------------------------------------------------------------------------------------
def meet_after(monkeypatch, module, name):
    """Let the calls of ``at_once`` meet after this function, unless they wait for each other's locks."""
    original = getattr(module, name)

    def then_meet(*args):
        answer = original(*args)
        meet()
        return answer

    monkeypatch.setattr(module, name, then_meet)


@pytest.mark.django_db(transaction=True)
def test_two_who_pay_late_at_once_for_the_last_place_one_gets_it(offer, monkeypatch):
    Allotment.objects.update(capacity=1)
    people = [{**BUYER, "first_name": name, "email": f"{name}@example.org"} for name in ("Ada", "Bea")]
    late = [expired({offer: 1}, buyer=person) for person in people]
    meet_after(monkeypatch, places, "_check_free")
    at_once(*(partial(pay, order) for order in late))
    states = sorted(Order.objects.values_list("state", flat=True))
    assert (states, sold(offer), Refund.objects.count()) == (["expired", "paid"], 1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_notes_of_the_same_money_at_once_are_two_payments_and_one_goes_back(offer, monkeypatch):
    order = make_order({offer: 1}, method="bank_transfer")
    meet_after(monkeypatch, payments, "lock_order")
    at_once(*[partial(payments.receive, order, Decimal(40), by=None, now=NOW())] * 2)
    order.refresh_from_db()
    assert (order.state, sorted(owed(order))) == ("paid", [Decimal("5.00"), Decimal("40.00")])
    assert Ticket.objects.get(order=order).state == "valid"
    assert Payment.objects.filter(state="confirmed").count() == 2


def type_twice(offer, monkeypatch) -> list[bool]:
    """Send the same page with an amount twice at the same time. Return which of both recorded it."""
    order = make_order({offer: 1}, method="bank_transfer")
    meet_after(monkeypatch, typed_money, "number_confirmed")
    entered = {"amount": Decimal(20), "method": "bank_transfer", "before": 0}
    typed = partial(typed_money.receive, order, **entered, by=None, now=NOW())
    return sorted(at_once(typed, typed))


@pytest.mark.django_db(transaction=True)
def test_page_for_another_amount_sent_twice_at_once_records_it_once(offer, monkeypatch):
    assert type_twice(offer, monkeypatch) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_amount_would_be_recorded_twice(offer, monkeypatch):
    unlocked = SimpleNamespace(lock=lambda order_id: Order.objects.get(pk=order_id), receive=payments.receive)
    monkeypatch.setattr(typed_money, "payments", unlocked)
    assert type_twice(offer, monkeypatch) == [True, True]
