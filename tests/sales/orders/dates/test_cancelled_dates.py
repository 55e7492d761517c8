"""A date that is cancelled with or without paying back: what becomes of each order, and what staff see."""

import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db.models import Sum
from django.utils import timezone
from icalendar import Calendar

from tests.factories.catalogue import OfferFactory, SeasonPassFactory, SessionFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import BUYER, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.migrated_database import once_per_file
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.sales.orders.dates.changing import cancel_date
from tests.sales.orders.dates.test_date_changes import page_of
from tests.staff import Staff, change
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import (
    DateChange,
    Dispute,
    Order,
    Payment,
    Refund,
    Ticket,
)
from ticketshop.sales.orders import books, orders, single_tickets
from ticketshop.sales.orders.dates import cancelled_dates, date_change_job, refund_preview
from ticketshop.sales.payments import payments, refunds

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("TIC-06")]
NOW = timezone.now


def make_sale() -> SimpleNamespace:
    """A shop with a date, and somebody of its back office."""
    pos = friendly_pos(organiser__time_zone="Europe/Zurich", email_sender_address="box@theatre.example")
    offer = OfferFactory(pos=pos, session__event__title="Hamlet")
    return SimpleNamespace(pos=pos, offer=offer, office=make_staff(pos.organiser, "back office"))


made_sale = once_per_file(make_sale)


@pytest.fixture
def other(offer):
    """Another date of the same event."""
    return OfferFactory(session=SessionFactory(event=offer.session.event), tariff=offer.tariff)


def page(session, name: str) -> str:
    return f"{change(session).removesuffix('change/')}{name}/"


def cancel(staff, session, refund: str = "now", message: str = ""):
    staff.open(page(session, "cancel"))
    return staff.fill("^refund$", {"refund": refund, "message": message})


def work():
    """Run the jobs as the worker does."""
    for pk in DateChange.objects.order_by("pk").values_list("pk", flat=True):
        change_made = DateChange.objects.get(pk=pk)
        while change_made.refund and cancelled_dates.cancel_some(change_made, NOW()):
            pass
        date_change_job.carry_out_change(pk)


def buyer(number: int) -> dict:
    return {**BUYER, "first_name": f"Ada{number}", "email": f"ada{number}@example.org"}


def states(order: Order) -> list[str]:
    return list(order.tickets.order_by("pk").values_list("state", flat=True))


def paid_back(order: Order) -> Decimal:
    rows = Refund.objects.filter(payment__order=order, kind=Refund.Kind.PAID_BACK)
    return rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


# --- with money -------------------------------------------------------------------------------------------------
def test_date_that_is_paid_back_is_cancelled_in_each_order_and_other_dates_stay(
    staff, offer, other, mailoutbox
):
    only = make_order({offer: 2}, paid=True)
    both = make_order({offer: 1, other: 1}, buyer=buyer(1), paid=True)
    mark_sent()
    question = staff.open(page(offer.session, "cancel"))
    assert "Concerned: 2 people, 3 tickets in 2 orders." in question.text
    assert "This pays back 3 tickets in 2 paid orders." in question.text
    assert "CHF 105.00 is listed under “Refunds”" in question.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "paid back in the background" in cancel(staff, offer.session, message="The actor is ill.").text
    work()
    only.refresh_from_db(), both.refresh_from_db()
    assert (only.state, both.state) == ("cancelled", "paid")
    assert sorted(states(both)) == ["cancelled", "valid"]
    assert both.tickets.get(state="valid").session == other.session
    assert (paid_back(only), paid_back(both)) == (70, 35)
    offer.allotment.refresh_from_db(), other.allotment.refresh_from_db()
    assert (offer.allotment.sold, other.allotment.sold) == (0, 1)
    assert history.of(both).filter(action="tickets_cancelled").get().by == staff.user
    assert not any(books.check().values())
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert sorted(letters) == ["ada1@example.org", "grace@example.org"]
    body = letters["grace@example.org"].body.replace("\N{NO-BREAK SPACE}", " ")
    assert "We pay CHF 70.00 back the way you paid it." in body
    assert "The actor is ill." in body
    assert len(mailoutbox) == 2


def test_calendar_file_has_the_same_entry_with_a_higher_sequence_as_cancelled(offer, mailoutbox):
    order = make_order({offer: 1}, paid=True)
    mark_sent()
    file = page_of(order).send("GET", f"{order_mails.order_path(order)}calendar.ics").body
    (before,) = Calendar.from_ical(file).walk("VEVENT")
    cancel_date(offer.session, refund=True)
    work()
    (letter,) = deliver(mailoutbox)
    assert [name for name, _content, _mime in letter.attachments if name.endswith(".pdf")] == []
    (content,) = [content for name, content, _mime in letter.attachments if name.endswith(".ics")]
    (after,) = Calendar.from_ical(content).walk("VEVENT")
    assert after["uid"] == before["uid"]
    assert int(after["sequence"]) > int(before["sequence"])
    assert (before["status"], after["status"]) == ("CONFIRMED", "CANCELLED")


def test_an_unpaid_order_ends_and_its_buyer_need_not_pay(staff, offer, other, mailoutbox):
    order = make_order({offer: 1}, method="bank_transfer")
    mixed = make_order({offer: 1, other: 1}, buyer=buyer(1), method="bank_transfer")
    mark_sent()
    text = staff.open(page(offer.session, "cancel")).text
    assert "1 unpaid order ends, and the buyer need not pay." in text
    assert "1 unpaid order contains something else too and stays." in text
    cancel_date(offer.session, refund=True)
    work()
    order.refresh_from_db(), mixed.refresh_from_db()
    assert (order.state, mixed.state) == ("cancelled", "pending")
    assert not any(books.check().values())
    letters = {letter.to[0]: letter.body for letter in deliver(mailoutbox)}
    assert f"Order {order.reference} was not paid, so it is cancelled." in letters["grace@example.org"]
    assert "please don’t pay" in letters["ada1@example.org"]
    # It is paid all the same.
    payments.confirm(mixed.payments.get(), by=None, now=NOW())
    cancelled_dates.CANCEL.run(NOW())
    assert paid_back(mixed) == 35
    assert sorted(states(mixed)) == ["cancelled", "valid"]
    # The mail about the date is sent already, so another one tells what goes back.
    kinds = [letter.subject for letter in deliver(mailoutbox)]
    assert Mail.objects.filter(kind="tickets_cancelled", state="sent").count() == 1, kinds
    assert not any(books.check().values())


def test_never_more_is_paid_back_than_the_date_cost_and_was_paid(offer, other):
    goodwill = make_order({offer: 2}, paid=True)
    refunds.pay_back(goodwill, Decimal(20), before=Decimal(0), by=None, now=NOW())
    kept = make_order({offer: 1, other: 1}, buyer=buyer(1), paid=True)
    ticket = kept.tickets.get(session=other.session)
    single_tickets.cancel(kept, [f"ticket{ticket.pk}"], by=None, now=NOW(), pay_back=Decimal(0))
    preview = refund_preview.of_session(offer.session.pk)
    cancel_date(offer.session, refund=True)
    work()
    assert paid_back(goodwill) == 20 + 50
    # What was cancelled without paying back stays so.
    assert paid_back(kept) == 35
    assert sum(preview.money.values()) == 85
    assert not any(books.check().values())


def test_used_tickets_stay_and_staff_read_what_to_do(staff, offer):
    order = make_order({offer: 2}, paid=True)
    Ticket.objects.filter(pk=order.tickets.latest("pk").pk).update(state="used", used_at=NOW())
    gone = make_order({offer: 1}, buyer=buyer(1), paid=True)
    assert "1 ticket was used at the entrance and stays" in staff.open(page(offer.session, "cancel")).text
    cancel_date(offer.session, refund=True)
    work()
    order.refresh_from_db()
    assert (order.state, states(order), paid_back(order)) == ("paid", ["cancelled", "used"], 35)
    left = staff.open(page(offer.session, "pay-back-left"))
    assert order.reference in left.text
    assert "To pay money back, use “Pay money back” on the order." in left.text
    assert gone.reference not in left.text
    assert not any(books.check().values())


def test_money_that_a_bank_decides_about_is_not_paid_back_by_itself(staff, offer):
    order = make_order({offer: 1}, paid=True)
    Dispute.objects.create(
        payment=order.payments.get(), provider_reference="d1", state="open", amount=35, opened_at=NOW()
    )
    preview = refund_preview.of_session(offer.session.pk)
    assert (preview.disputed, sum(preview.money.values())) == ([order.reference], 0)
    assert order.reference in staff.open(page(offer.session, "cancel")).text
    cancel_date(offer.session, refund=True)
    work()
    assert (states(order), paid_back(order)) == (["cancelled"], 0)
    assert refunds.kept(order) == 35


def test_passes_and_free_tickets_and_cancelled_ones(pos, offer):
    season_pass = SeasonPassFactory(pos=pos)
    free = OfferFactory(session=offer.session, allotment=offer.allotment, price=0)
    order = make_order({offer: 1, free: 1, season_pass: 1}, paid=True)
    gone = make_order({offer: 1}, buyer=buyer(1), paid=True)
    orders.cancel(gone, by=None, now=NOW(), pay_back=Decimal(0))
    cancel_date(offer.session, refund=True)
    work()
    order.refresh_from_db()
    assert (order.state, states(order), order.passes.get().state) == ("paid", ["cancelled"] * 2, "valid")
    assert (paid_back(order), paid_back(gone)) == (35, 0)
    assert not any(books.check().values())


def test_holders_get_one_mail_without_the_price(pos, offer, mailoutbox):
    grace = make_visitor(pos, first_name="Grace")
    link = linked(grace, pos, ("Ada", "Byron", "ada@example.org"))
    order = make_order({offer: 3}, buyer=grace, paid=True)
    first, second, _third = order.tickets.order_by("pk")
    Ticket.objects.filter(pk=first.pk).update(beneficiary=link.child)
    Ticket.objects.filter(pk=second.pk).update(
        holder_first_name="Zoe", holder_last_name="Z", holder_email="zoe@example.org"
    )
    mark_sent()
    cancel_date(offer.session, refund=True)
    work(), work()
    letters = deliver(mailoutbox)
    assert sorted(letter.to[0] for letter in letters) == sorted(
        [grace.email, "ada@example.org", "zoe@example.org"]
    )
    told = {letter.to[0]: letter.body for letter in letters}
    assert "CHF" in told[grace.email]
    assert not re.search(r"\bCHF\b", told["ada@example.org"] + told["zoe@example.org"])


def test_orders_without_a_person_are_counted_and_paid_back(staff, offer):
    order = make_order({offer: 2}, paid=True)
    Order.objects.filter(pk=order.pk).update(buyer=None, without_person=True, channel="back_office")
    text = staff.open(page(offer.session, "cancel")).text
    assert "Concerned: 0 people, 2 tickets in 1 order." in text
    assert "1 of the orders was sold without a name, or its buyer is erased" in text
    cancel_date(offer.session, refund=True)
    work()
    assert paid_back(order) == 70


# --- without money, and later -----------------------------------------------------------------------------------
def test_date_cancelled_without_paying_back_can_take_place_after_all(staff, offer):
    order = make_order({offer: 1}, paid=True)
    unpaid = make_order({offer: 1}, buyer=buyer(1))
    cancel(staff, offer.session, refund="later")
    work()
    cancelled_dates.CANCEL.run(NOW())
    unpaid.refresh_from_db()
    assert (states(order), unpaid.state, Refund.objects.count()) == (["valid"], "pending", 0)
    assert order.tickets.get().shown_state == "date_cancelled"
    assert Mail.objects.filter(kind="date_changed").count() == 2


def test_date_is_paid_back_later_and_once(staff, offer, mailoutbox):
    order = make_order({offer: 1}, paid=True)
    cancel_date(offer.session)
    work()
    mark_sent()
    address = page(offer.session, "pay-back")
    second = staff.open(address)
    assert "This pays back 1 ticket in 1 paid order." in second.text
    staff.press(offer.session, "pay-back")
    assert "paid back already" in staff.submit_late(address, second.forms[-1]).text
    assert "paid back already" in staff.open(address).text
    work(), work()
    assert paid_back(order) == 35
    assert DateChange.objects.filter(refund=True).count() == 1
    (letter,) = deliver(mailoutbox)
    assert "CHF\N{NO-BREAK SPACE}35.00" in letter.body
    assert "What is not paid back" in staff.open(change(offer.session)).text
    assert not any(books.check().values())


def test_date_that_takes_place_after_all_is_not_paid_back_any_more(offer):
    make_order({offer: 1}, paid=True)
    cancel_date(offer.session, refund=True)
    Session.objects.filter(pk=offer.session.pk).update(state="on_sale")
    work()
    assert not Refund.objects.exists()
    # Cancelled once more, now without paying back.
    cancel_date(offer.session)
    work()
    assert not Refund.objects.exists()


def test_cancelling_twice_is_one_change(staff, offer):
    make_order({offer: 1}, paid=True)
    second = Staff(make_staff(offer.session.event.organiser, "owner"))
    second.open(page(offer.session, "cancel"))
    cancel(staff, offer.session)
    assert "cancelled already" in second.fill("^refund$", {"refund": "now", "message": ""}).text
    assert DateChange.objects.count() == 1


def test_choice_is_required_and_what_was_typed_stays(staff, offer):
    make_order({offer: 1}, paid=True)
    staff.open(page(offer.session, "cancel"))
    answer = staff.fill("^refund$", {"message": "Sorry."})
    assert "This field is required" in " ".join(staff.errors)
    assert "Sorry." in answer.form("^refund$").values["message"]
    offer.session.refresh_from_db()
    assert offer.session.state == "on_sale"


# --- who may, and what fails -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "may"), [("back office", True), ("owner", True), ("box office", False)])
def test_only_roles_that_may_refund_see_the_button(pos, offer, role, may):
    staff = Staff(make_staff(pos.organiser, role))
    assert ("Cancel this date" in staff.open(change(offer.session)).text) is may


def test_one_order_that_fails_does_not_stop_the_others_and_is_tried_again(staff, offer, monkeypatch):
    made = [make_order({offer: 1}, buyer=buyer(number), paid=True) for number in range(3)]
    cancel_date(offer.session, refund=True)
    plan = refunds.plan

    def fails(order, *args, **values):
        if order.pk == made[1].pk:
            raise ValueError("no")
        return plan(order, *args, **values)

    monkeypatch.setattr(refunds, "plan", fails)
    work()
    assert [paid_back(order) for order in made] == [35, 0, 35]
    assert made[1].reference in staff.open(page(offer.session, "pay-back-left")).text
    assert Mail.objects.filter(kind="date_changed").count() == 3
    monkeypatch.undo()
    cancelled_dates.CANCEL.try_again(NOW() + timedelta(minutes=2))
    assert [paid_back(order) for order in made] == [35, 35, 35]
    # The mail about the date is queued already and may be sent.
    assert Mail.objects.filter(kind="order_cancelled").count() == 1


@pytest.mark.parametrize("number", [1, 3])
def test_number_of_queries_of_the_preview_does_not_grow(offer, number, django_assert_num_queries):
    for index in range(number):
        make_order({offer: 1}, buyer=buyer(index), paid=True)
    with django_assert_num_queries(10):
        refund_preview.of_session(offer.session.pk)


def test_preview_has_the_amounts_by_method_that_are_paid_back(offer):
    make_order({offer: 1}, paid=True)
    transfer = make_order({offer: 2}, buyer=buyer(1), method="bank_transfer", paid=True)
    payments.receive(transfer, Decimal(5), by=None, now=NOW())
    preview = refund_preview.of_session(offer.session.pk)
    cancel_date(offer.session, refund=True)
    work()
    rows = Refund.objects.filter(kind="paid_back").values_list("payment__method").annotate(sum=Sum("amount"))
    assert {method: amount for (method, _by, _currency), amount in preview.money.items()} == dict(rows)
    assert Payment.objects.filter(state="confirmed").count() == 3
