"""Tickets exchanged for another date or tariff: what was sold stays, what is credited, due or paid back, and what follows."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from registration_forms.answers import limited_choices, responses
from registration_forms.models import Choice
from tests.factories.catalogue import OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import BUYER, PaymentMethodFactory, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.qr import codes_in_pdf
from tests.sales.exports.test_accounting import table, total
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import OrderForm, Session
from ticketshop.history import history
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import (
    Exchange,
    Order,
    OrderLine,
    OrderResponse,
    Refund,
    ReplacedCode,
    Ticket,
)
from ticketshop.sales.orders import books, cancelled_lines, orders, single_tickets
from ticketshop.sales.orders.exchange import exchanges
from ticketshop.sales.payments import payments, refunds

pytestmark = pytest.mark.django_db
NOW = timezone.now


class Play:
    """An event with two dates and two tariffs: Friday and Saturday, adult 40.00 and child 25.00. Saturday has 3 places."""

    def __init__(self, pos):
        self.pos = pos
        self.friday = OfferFactory(pos=pos, price=Decimal("40.00"))
        event, adult = self.friday.session.event, self.friday.tariff
        self.child = TariffFactory(event=event, name="Child", price=Decimal("25.00"))
        saturday = SessionFactory(event=event)
        self.saturday = OfferFactory(session=saturday, tariff=adult, capacity=3)
        self.child_saturday = OfferFactory(
            session=saturday, tariff=self.child, allotment=self.saturday.allotment
        )
        self.child_friday = OfferFactory(
            session=self.friday.session, tariff=self.child, allotment=self.friday.allotment
        )
        self.dear = TariffFactory(event=event, name="Supporter", price=Decimal("60.00"))
        self.dear_saturday = OfferFactory(
            session=saturday, tariff=self.dear, allotment=self.saturday.allotment
        )


@pytest.fixture
def play():
    return Play(PointOfSaleFactory(slug="theatre"))


def keys(order, *positions) -> list[str]:
    units = cancelled_lines.units_of(order)
    return [units[position].key for position in positions]


def exchange(order, offer, *positions, **values) -> exchanges.Result:
    wish = exchanges.Wish(keys(order, *(positions or (0,))), offer.session, offer.tariff, **values)
    return exchanges.exchange(order, wish, by=None, now=NOW())


def refusal(order, offer, *positions, **values) -> str:
    before = (Order.objects.count(), history.of(order).count())
    with pytest.raises(exchanges.CannotExchange) as error:
        exchange(order, offer, *positions, **values)
    assert (Order.objects.count(), history.of(order).count()) == before
    assert broken() == set()
    return " ".join(error.value.problems)


def broken() -> set[str]:
    return {code for code, found in books.check().items() if found}


def sold(offer) -> int:
    offer.allotment.refresh_from_db()
    return offer.allotment.sold


# --- money -------------------------------------------------------------------------------------------------------
@pytest.mark.scenario("TIC-03")
def test_the_same_price_on_another_date_is_paid_at_once_and_the_old_code_is_replaced(play, mailoutbox):
    order = make_order({play.friday: 2}, paid=True)
    lines = list(OrderLine.objects.filter(order=order).values())
    old = cancelled_lines.units_of(order)[0].admissions[0]
    mark_sent()
    result = exchange(order, play.saturday)
    new = result.order
    assert (result.credited, result.due, result.back) == (Decimal("40.00"), 0, 0)
    assert (new.state, new.buyer, new.channel) == ("paid", order.buyer, "back_office")
    assert list(OrderLine.objects.filter(order=order).values()) == lines
    ticket = new.tickets.get()
    assert (ticket.state, ticket.session) == ("valid", play.saturday.session)
    assert Ticket.objects.get(pk=old.pk).state == "cancelled"
    replaced = ReplacedCode.objects.get()
    assert (replaced.code, replaced.ticket, replaced.reason) == (old.code, old, "exchanged")
    assert (sold(play.friday), sold(play.saturday)) == (1, 1)
    # One mail: that of the new order, which names the old one.
    (letter,) = deliver(mailoutbox)
    assert letter.to == [BUYER["email"]]
    assert order.reference in letter.body
    assert codes_in_pdf(letter.attachments[0][1]) == [ticket.code]
    assert broken() == set()


@pytest.mark.scenario("TIC-03")
def test_a_difference_is_waited_for_and_then_the_new_ticket_is_valid(play, mailoutbox):
    order = make_order({play.friday: 1}, method="bank_transfer", paid=True)
    mark_sent()
    result = exchange(order, play.dear_saturday)
    new = result.order
    assert (result.credited, result.due) == (Decimal("40.00"), Decimal("20.00"))
    assert (new.state, new.payment_method, new.tickets.get().state) == (
        "pending",
        "bank_transfer",
        "reserved",
    )
    assert payments.due(new).amount == Decimal("20.00")
    order.refresh_from_db()
    assert order.state == "cancelled"
    (letter,) = deliver(mailoutbox)
    assert "20.00" in letter.body
    assert order.reference in letter.body
    page = TestClientVisitor().open(order_mails.order_path(new)).text
    assert "20.00" in page
    assert broken() == set()
    payments.receive(new, Decimal("20.00"), by=None, now=NOW())
    new.refresh_from_db()
    assert (new.state, new.tickets.get().state) == ("paid", "valid")
    assert broken() == set()


def test_a_difference_that_is_never_paid_ends_the_new_order_and_the_credit_goes_back(play):
    new = exchange(make_order({play.friday: 1}, paid=True), play.dear_saturday).order
    assert orders.expire(new, now=NOW())
    refund = Refund.objects.get(kind="returned")
    assert (refund.amount, refund.payment.method, refund.state) == (Decimal("40.00"), "exchange", "requested")
    assert refunds.is_for_staff(refund)
    assert sold(play.saturday) == 0
    assert broken() == set()


@pytest.mark.scenario("TIC-03")
@pytest.mark.parametrize(("wanted", "back"), [(None, "15.00"), (Decimal(0), "0.00"), (Decimal(5), "5.00")])
def test_a_lower_price_goes_back_as_far_as_staff_decide(play, wanted, back):
    order = make_order({play.friday: 1}, paid=True)
    result = exchange(order, play.child_friday, pay_back=wanted)
    assert (result.credited, result.back) == (Decimal("25.00"), Decimal(back))
    going_back = Refund.objects.filter(kind="paid_back", payment__order=order)
    assert [refund.amount for refund in going_back] == ([Decimal(back)] if Decimal(back) else [])
    assert refunds.kept(order) == Decimal("15.00") - Decimal(back)
    assert (sold(play.friday), result.order.state) == (1, "paid")
    assert broken() == set()


def test_more_than_the_difference_is_not_paid_back(play):
    order = make_order({play.friday: 1}, paid=True)
    with pytest.raises(refunds.TooMuch):
        exchange(order, play.child_friday, pay_back=Decimal("15.01"))
    assert not Exchange.objects.exists()


def test_money_that_was_paid_back_before_is_not_credited_once_more(play):
    order = make_order({play.friday: 1}, paid=True)
    refunds.pay_back(order, Decimal("30.00"), before=Decimal(0), by=None, now=NOW())
    result = exchange(order, play.saturday)
    assert (result.credited, result.due) == (Decimal("10.00"), Decimal("30.00"))
    assert broken() == set()


def test_a_ticket_is_exchanged_and_exchanged_back_and_cancelled(play):
    order = make_order({play.friday: 1}, paid=True)
    there = exchange(order, play.saturday).order
    back = exchange(there, play.friday).order
    assert (sold(play.friday), sold(play.saturday)) == (1, 0)
    assert ReplacedCode.objects.count() == 2
    assert orders.cancel(Order.objects.get(pk=back.pk), by=None, now=NOW())
    assert Refund.objects.get(kind="paid_back").amount == Decimal("40.00")
    assert broken() == set()


def test_the_accounting_of_the_day_of_the_sale_stays_and_an_exchange_adds_up_to_nothing(play):
    yesterday = NOW() - timedelta(days=1)
    order = make_order({play.friday: 2}, paid=True, now=yesterday)
    organiser = play.pos.organiser
    day = timezone.localdate(yesterday, timezone=organiser.zone)
    before = table(organiser, day, day)
    exchange(order, play.dear_saturday)
    assert table(organiser, day, day) == before
    rows = table(organiser)
    assert total(rows, "cancellation") == Decimal("-40.00")
    assert [row["gross"] for row in rows if row["entry"] == "exchange"] == [
        Decimal("-40.00"),
        Decimal("40.00"),
    ]
    assert not [row for row in rows if row["entry"] in ("payment", "refund", "sale")]


def test_receipts_tell_what_was_credited(play):
    order = make_order({play.friday: 2}, paid=True)
    new = exchange(order, play.saturday).order
    visitor = TestClientVisitor()
    assert "Exchange" in visitor.open(f"{order_mails.order_path(new)}receipt/").text
    assert "Exchange" in visitor.open(f"{order_mails.order_path(order)}receipt/").text
    page = visitor.open(order_mails.order_path(order))
    assert "Their codes are replaced" in page.text
    assert "was paid back" not in page.text
    assert new.reference in visitor.open(page.link("See the new tickets")).text


# --- what follows ------------------------------------------------------------------------------------------------
def form_with(play, *tariffs, **question):
    form = make_form(organiser=play.pos.organiser, name=f"Form {tariffs[0].pk}")
    field = ask(
        form,
        "Meal",
        key="meal",
        **{"type": "single_choice", "choices": [("Meat", 2), ("Greens", 2)], **question},
    )
    version = publish(form)
    for tariff in tariffs:
        tariff.form = form
        tariff.save()
    return field, version


def answered(ticket, version, value):
    given = make_given(version, {"meal": value}, ticket.order.buyer_id)
    (response,) = responses.store([given], organiser=ticket.order.organiser, language="en", now=NOW())
    limited_choices.reserve(None, responses.chosen([response]))
    Ticket.objects.filter(pk=ticket.pk).update(response=response)
    return response


def used(choice) -> int:
    choice.refresh_from_db()
    return choice.used


def test_answers_to_the_same_form_follow_with_their_version(play):
    order = make_order({play.friday: 1}, holders=[{"first_name": "Ada", "last_name": "Lovelace"}], paid=True)
    field, version = form_with(play, play.friday.tariff)
    meat = field.choices.get(label="Meat")
    response = answered(order.tickets.get(), version, meat.key)
    ask(field.form, "Shoe size")
    publish(field.form)
    new = exchange(order, play.saturday).order.tickets.get()
    assert (new.response, new.response.version, new.response.void) == (response, version, False)
    assert new.response.relevant_until == play.saturday.session.ends_at
    assert new.holder == "Ada Lovelace"
    assert used(meat) == 1
    assert broken() == set()


def test_same_questions_of_another_form_follow_and_limited_choices_are_counted_there(play):
    order = make_order({play.friday: 1}, paid=True)
    field, version = form_with(play, play.friday.tariff)
    meat = field.choices.get(label="Meat")
    other, _version = form_with(play, play.child)
    Choice.objects.filter(field=other, label="Meat").update(key=meat.key)
    publish(other.form)
    theirs = other.choices.get(label="Meat")
    old = answered(order.tickets.get(), version, meat.key)
    new = exchange(order, play.child_saturday).order.tickets.get()
    assert new.response.form == other.form
    assert responses.read(new.response) == {"meal": meat.key}
    old.refresh_from_db()
    assert old.void
    assert (used(meat), used(theirs)) == (0, 1)
    assert broken() == set()


def test_a_choice_without_a_place_refuses_the_exchange(play):
    order = make_order({play.friday: 1}, paid=True)
    field, version = form_with(play, play.friday.tariff)
    meat = field.choices.get(label="Meat")
    other, _version = form_with(play, play.child)
    Choice.objects.filter(field=other, label="Meat").update(key=meat.key, capacity=0)
    publish(other.form)
    answered(order.tickets.get(), version, meat.key)
    assert "has no place left" in refusal(order, play.child_saturday)


def test_answers_to_an_order_form_go_with_the_last_ticket_and_are_copied_before(play):
    order = make_order({play.friday: 2}, paid=True)
    form = make_form("order", organiser=play.pos.organiser)
    question = ask(form, "Which bus", key="bus")
    version = publish(form)
    OrderForm.objects.create(form=form, event=play.friday.session.event)
    given = make_given(version, {question.key: "12"}, order.buyer_id)
    (response,) = responses.store([given], organiser=order.organiser, language="en", now=NOW())
    OrderResponse.objects.create(order=order, response=response)
    first = exchange(order, play.saturday, 0).order
    copy = OrderResponse.objects.get(order=first).response
    assert copy != response
    assert responses.read(copy) == {"bus": "12"}
    last = exchange(order, play.saturday, 1).order
    assert OrderResponse.objects.get(order=last).response == response
    response.refresh_from_db()
    assert not response.void


def test_the_beneficiary_gets_the_new_ticket(mailoutbox):
    play = Play(friendly_pos())
    ada = make_visitor(play.pos, "Ada", "Lovelace")
    bob = linked(ada, play.pos).child
    order = make_order({play.friday: 1}, buyer=ada, paid=True)
    Ticket.objects.update(beneficiary=bob)
    mark_sent()
    new = exchange(order, play.saturday).order.tickets.get()
    assert new.beneficiary == bob
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {ada.email, bob.email}
    assert codes_in_pdf(letters[bob.email].attachments[0][1]) == [new.code]
    assert order.reference not in letters[bob.email].body


# --- rules -------------------------------------------------------------------------------------------------------
def test_the_last_place_is_not_given_twice(play):
    play.saturday.allotment.capacity = 1
    play.saturday.allotment.save()
    order = make_order({play.friday: 2}, paid=True)
    assert "too few places for that (left: 1)" in refusal(order, play.saturday, 0, 1)
    # Another tariff of the same date needs no further place.
    exchange(order, play.saturday, 0)
    new = Exchange.objects.get().order
    exchange(new, play.child_saturday)
    assert sold(play.saturday) == 1
    assert broken() == set()


def test_only_together_with_counts_for_what_goes_and_what_stays(play):
    play.child.only_with = play.friday.tariff
    play.child.save()
    order = make_order({play.friday: 1, play.child_friday: 1}, paid=True)
    child = keys(order, 1)
    assert "only together with" in refusal(order, play.child_saturday, 1)
    assert "only together with" in refusal(order, play.saturday, 0)
    both = exchanges.Wish([*keys(order, 0), *child], session=play.saturday.session)
    new = exchanges.exchange(order, both, by=None, now=NOW()).order
    assert new.tickets.count() == 2
    assert broken() == set()


def test_the_maximum_per_person_counts_without_the_ticket_that_goes(play):
    play.dear.max_per_person = 1
    play.dear.save()
    order = make_order({play.friday: 2}, paid=True)
    new = exchange(order, play.dear_saturday, 0).order
    payments.receive(new, Decimal("20.00"), by=None, now=NOW())
    assert "at most 1 per person" in refusal(order, play.dear_saturday, 1)
    dear_friday = OfferFactory(session=play.friday.session, tariff=play.dear, allotment=play.friday.allotment)
    exchange(Order.objects.get(pk=new.pk), dear_friday)
    assert broken() == set()


def test_an_age_that_does_not_fit_the_new_date_refuses_the_exchange(play):
    order = make_order({play.friday: 1}, paid=True)
    form = make_form(organiser=play.pos.organiser)
    ask(form, "Born on", type="birth_date", key="meal", rules={"age_until": 15})
    version = publish(form)
    play.friday.tariff.form = form
    play.friday.tariff.save()
    starts = timezone.localtime(play.friday.session.starts_at)
    answered(
        order.tickets.get(),
        version,
        date(starts.year - 16, starts.month, min(starts.day, 28)) + timedelta(days=3),
    )
    later = Session.objects.filter(pk=play.saturday.session_id)
    later.update(starts_at=starts + timedelta(days=20), ends_at=starts + timedelta(days=20, hours=2))
    assert "allows other ages" in refusal(order, play.saturday)


def _used(play, order):
    Ticket.objects.update(state="used", used_at=NOW())


def _not_on_sale(play, order):
    type(play.saturday.tariff).objects.update(active=False)


def _group(play, order):
    type(play.saturday.tariff).objects.update(tickets_per_unit=2)


def _buyer_erased(play, order):
    Order.objects.update(buyer=None)


REFUSED = {
    "used at the entrance, so it can’t be exchanged": _used,
    "is not on sale for that date": _not_on_sale,
    "another number of tickets": _group,
    "not paid yet": lambda play, order: Order.objects.update(state="pending"),
    "over already": lambda play, order: Order.objects.update(state="cancelled"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_can_not_be_exchanged_is_refused_with_a_reason(play, sentence):
    order = make_order({play.friday: 1}, paid=True)
    REFUSED[sentence](play, order)
    with pytest.raises(exchanges.CannotExchange, match=sentence):
        exchange(order, play.saturday)
    assert not Exchange.objects.exists()


def test_tickets_of_an_erased_buyer_are_not_exchanged(play):
    order = make_order({play.friday: 1}, paid=True)
    _buyer_erased(play, order)
    with pytest.raises(exchanges.CannotExchange, match="data are erased"):
        exchange(order, play.saturday)


def test_another_event_and_the_same_offer_are_refused(play):
    order = make_order({play.friday: 1}, paid=True)
    assert "has this date and tariff already" in refusal(order, play.friday)
    assert "for another event" in refusal(order, OfferFactory(pos=play.pos))
    single_tickets.cancel(order, keys(order, 0), by=None, now=NOW())
    assert "over already" in refusal(order, play.saturday)


# --- staff -------------------------------------------------------------------------------------------------------
@pytest.mark.scenario("TIC-03")
def test_staff_see_the_difference_first_and_then_exchange(play):
    PaymentMethodFactory(point_of_sale=play.pos, code="bank_transfer")
    order = make_order({play.friday: 2}, paid=True)
    staff = Staff(make_staff(play.pos.organiser, "box office"))
    staff.open(change(order))
    staff.open(staff.page.link("Exchange"))
    chosen = {
        "chosen": keys(order, 0)[0],
        "session": str(play.saturday.session_id),
        "tariff": str(play.dear.pk),
    }
    page = staff.fill("chosen", chosen)
    assert "20.00 is to be paid." in page.text
    assert not Exchange.objects.exists()
    page = staff.fill("chosen", {"method": "bank_transfer"})
    new = Exchange.objects.get().order
    assert "The new order waits for" in page.text
    assert (new.payment_method, new.created_by) == ("bank_transfer", staff.user)
    assert new.reference in staff.open(change(order)).text
    assert order.reference in staff.open(change(new)).text
    assert broken() == set()


def test_a_price_that_changes_meanwhile_is_shown_again_before_anything_is_done(play):
    order = make_order({play.friday: 1}, paid=True)
    staff = Staff(make_staff(play.pos.organiser, "box office"))
    staff.open(f"/admin/sales/order/{order.pk}/exchange/")
    staff.fill("chosen", {"chosen": keys(order, 0)[0], "tariff": str(play.child.pk)})
    play.child.price = Decimal("30.00")
    play.child.save()
    page = staff.fill("chosen", {})
    assert "nothing was exchanged" in page.text
    assert not Exchange.objects.exists()
    staff.fill("chosen", {})
    assert Exchange.objects.get().credited == Decimal("30.00")


def test_nothing_chosen_and_too_much_back_are_refused_at_the_fields(play):
    order = make_order({play.friday: 1, play.child_friday: 1}, paid=True)
    staff = Staff(make_staff(play.pos.organiser, "box office"))
    staff.open(f"/admin/sales/order/{order.pk}/exchange/")
    assert "Choose the tickets to exchange." in staff.fill("chosen", {}).text
    staff.fill("chosen", {"chosen": keys(order, 0)[0], "tariff": str(play.child.pk)})
    page = staff.fill("chosen", {"amount": "99"})
    assert "15.00 can be paid back" in page.text
    assert not Exchange.objects.exists()
