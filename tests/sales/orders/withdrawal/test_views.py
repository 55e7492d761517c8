"""The page *Withdraw from this contract*, the receipt, and the task for staff."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from privacy.erasure import erasing
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.lock_waits import blocked_by
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import SeasonPass
from ticketshop.limits import limits
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Refund, Withdrawal
from ticketshop.sales.orders import books
from ticketshop.sales.orders.withdrawal import rules, stating

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("LAW-01")]
LINK = "Withdraw from this contract"
ZURICH = ZoneInfo("Europe/Zurich")


@pytest.fixture
def season_pass():
    made = SeasonPassFactory(name="Season 26/27")
    made.organiser.withdrawal = True
    made.organiser.save()
    return made


@pytest.fixture
def pos(season_pass):
    return season_pass.points_of_sale.get()


@pytest.fixture
def order(season_pass):
    return make_order({season_pass: 2}, paid=True)


def page_of(order) -> str:
    return f"/{order.point_of_sale.slug}/orders/{order.reference}/{order.secret}/"


def state(visitor, pos, name="Grace Hopper", order="", **more):
    """State a withdrawal and confirm it. Return the page of the answer."""
    visitor.open(f"/{pos.slug}/withdraw/")
    page = visitor.fill("^name$", {"name": name, "order": order})
    assert "Confirm your withdrawal" in page.text
    assert not Withdrawal.objects.exists() or more
    return visitor.fill("^name$", button=("confirm", "1"))


def test_buyer_withdraws_without_a_log_in_and_gets_a_receipt_and_staff_get_a_task(order, pos, season_pass):
    visitor = TestClientVisitor()
    assert LINK in visitor.open(f"/{pos.slug}/").text
    visitor.open(page_of(order))
    assert f"Passes only, until {rules.last_day(order).day}" in visitor.page.text
    visitor.open(visitor.page.link(LINK))
    assert visitor.page.form("^name$").values["order"] == order.reference
    page = visitor.fill("^name$", {"name": "Grace Hopper"})
    assert "withdraw from the contract that I made" in page.text
    page = visitor.fill("^name$", button=("confirm", "1"))
    assert "We have received your statement" in page.text
    row = Withdrawal.objects.get()
    assert (row.line, row.name, row.late) == (order.lines.get(), "Grace Hopper", False)
    mail = mime_messages.build(Mail.objects.get(kind="withdrawal_received"))
    stated = timezone.localtime(row.stated_at, ZURICH)
    for text in ("Season 26/27", "Grace Hopper", f"{stated:%H:%M:%S}"):
        assert text in mail.body
    assert "you withdrew from the purchase of Season 26/27" in visitor.open(page_of(order)).text
    assert "Passes only, until" not in visitor.page.text
    office = Staff(make_staff(pos.organiser, "back office"))
    assert "The buyer of 1 pass has withdrawn from the purchase" in office.open("/admin/").text
    assert order.reference in office.open("/admin/sales/order/?withdrawal=open").text
    page = office.open(change(order))
    assert "its price is then proposed as the amount to pay back" in page.text
    assert "The name is not the buyer’s" not in page.text


def test_the_answer_is_the_same_for_all_input(order, pos):
    dated = make_order({OfferFactory(pos=pos): 1}, paid=True)
    foreign = make_order(paid=True)

    def answer(reference, name="Grace Hopper"):
        page = state(TestClientVisitor(), pos, name, reference, again=True)
        shown = page.text.replace(reference, "REFERENCE").replace(name, "NAME")
        return shown.split("Received on")[0], shown.split(". If there is")[1]

    answers = {
        answer(order.reference),
        answer(order.reference, "Somebody Else"),
        answer(dated.reference),
        answer(foreign.reference),
        answer("7KQ4-AAAA"),
        answer("’; drop table"),
    }
    assert len(answers) == 1
    assert Withdrawal.objects.get().line.order == order
    assert list(Mail.objects.filter(kind="withdrawal_impossible").values_list("about", flat=True)) == [
        {"order": dated.pk}
    ]


def test_a_link_instead_of_a_name_is_refused_and_stays_on_the_page(order, pos):
    visitor = TestClientVisitor()
    visitor.open(f"/{pos.slug}/withdraw/")
    page = visitor.fill("^name$", {"name": "Win at www.evil.example", "order": order.reference})
    assert "without an address or a link" in page.text
    assert page.form("^name$").values["order"] == order.reference


def test_a_statement_sent_twice_is_one_withdrawal_with_one_receipt(order, pos):
    for _time in range(2):
        state(TestClientVisitor(), pos, order=f"Order no. {order.reference.lower()}", again=True)
    assert Withdrawal.objects.count() == Mail.objects.filter(kind="withdrawal_received").count() == 1


def test_tickets_and_passes_for_fixed_dates_are_exempt_and_the_page_states_it(pos, season_pass):
    offer = OfferFactory(pos=pos)
    chosen = SeasonPassFactory(pos=pos, opens=SeasonPass.Opens.CHOSEN_SESSIONS)
    order = make_order({season_pass: 1, chosen: 1, offer: 1}, paid=True)
    visitor = TestClientVisitor()
    assert (
        "no right to withdraw from the purchase of tickets for a fixed date"
        in visitor.open(f"/{pos.slug}/withdraw/").text
    )
    state(visitor, pos, order=order.reference)
    assert Withdrawal.objects.get().line.season_pass == season_pass
    other = make_order({chosen: 1, offer: 1}, paid=True)
    assert LINK in visitor.open(page_of(order)).text  # in the footer
    assert "Passes only, until" not in visitor.open(page_of(other)).text


def test_without_the_setting_there_is_no_page_and_no_link(order, pos):
    pos.organiser.withdrawal = False
    pos.organiser.save()
    visitor = TestClientVisitor()
    assert visitor.open(f"/{pos.slug}/withdraw/").status == 404
    assert LINK not in visitor.open(page_of(order)).text


@pytest.mark.parametrize(
    ("placed", "last"),
    [
        (datetime(2026, 11, 30, 23, 30, tzinfo=ZURICH), date(2026, 12, 14)),
        # It would end on a Saturday.
        (datetime(2026, 12, 5, 12, tzinfo=ZURICH), date(2026, 12, 21)),
        # On a Sunday.
        (datetime(2026, 12, 6, 12, tzinfo=ZURICH), date(2026, 12, 21)),
    ],
)
def test_last_day_is_counted_in_the_time_zone_of_the_organiser(order, placed, last):
    order.placed_at = placed
    assert rules.last_day(order) == last
    midnight = datetime(last.year, last.month, last.day, tzinfo=ZURICH) + timedelta(days=1)
    assert not rules.is_late(order, midnight - timedelta(seconds=1))
    assert rules.is_late(order, midnight)


def test_a_late_statement_is_recorded_as_late_and_staff_decide(order, pos):
    Order.objects.filter(pk=order.pk).update(placed_at=timezone.now() - timedelta(days=20))
    state(TestClientVisitor(), pos, name="Nobody Known", order=order.reference)
    assert Withdrawal.objects.get().late
    assert "came late" in mime_messages.build(Mail.objects.get(kind="withdrawal_received")).body
    office = Staff(make_staff(pos.organiser, "back office"))
    page = office.open(change(order))
    assert "That was late" in page.text
    assert "The name is not the buyer’s" in page.text
    office.press(order, "withdrawal-settled")
    assert Withdrawal.objects.get().settled_by == office.user
    assert "has withdrawn from the purchase" not in office.open("/admin/").text
    assert not Refund.objects.exists()


def test_cancelling_what_was_withdrawn_proposes_its_price_and_closes_the_task(pos, season_pass):
    order = make_order({season_pass: 1, OfferFactory(pos=pos): 1}, paid=True)
    stating.state(pos, reference=order.reference, name="Grace Hopper", now=timezone.now())
    office = Staff(make_staff(pos.organiser, "owner"))
    page = office.open(f"/admin/sales/order/{order.pk}/cancel/")
    form = page.form("^pay_back$")
    assert form.values["what"] == "tickets"
    office.submit(form)
    assert Refund.objects.get().amount == season_pass.price
    order.refresh_from_db()
    assert (order.state, Withdrawal.objects.get().is_open) == ("paid", False)
    assert not any(books.check().values())


def test_an_unpaid_order_that_ends_closes_the_task(pos, season_pass):
    order = make_order({season_pass: 1})
    stating.state(pos, reference=order.reference, name="Grace Hopper", now=timezone.now())
    office = Staff(make_staff(pos.organiser, "back office"))
    assert "there is nothing to pay back" in office.open(change(order)).text
    office.press(order, "cancel")
    assert not Withdrawal.objects.get().is_open


def test_networks_have_a_limit(order, pos, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "withdrawal", limits.Limit(1, timedelta(hours=1)))
    state(TestClientVisitor(), pos, order="7KQ4-AAAA")
    visitor = TestClientVisitor()
    visitor.open(f"/{pos.slug}/withdraw/")
    visitor.fill("^name$", {"name": "Ada", "order": order.reference})
    assert visitor.fill("^name$", button=("confirm", "1")).status == 429
    assert not Withdrawal.objects.exists()


def test_name_is_erased_with_its_buyer_after_the_withdrawal_is_dealt_with(order, pos):
    now = timezone.now()
    stating.state(pos, reference=order.reference, name="Grace Hopper", now=now)
    order.buyer.refresh_from_db()
    stating.settle(order, by=None, now=now)
    order.passes.update(state="used")
    erasing.erase(order.buyer, by=None, now=now)
    assert Withdrawal.objects.get().name == ""


def test_order_page_costs_the_same_for_one_pass_and_three(pos, season_pass):
    def queries(number):
        others = [SeasonPassFactory(pos=pos) for _pass in range(number - 1)]
        order = make_order({season_pass: 1, **dict.fromkeys(others, 1)}, paid=True)
        stating.state(pos, reference=order.reference, name="Grace Hopper", now=timezone.now())
        visitor = TestClientVisitor()
        visitor.open(page_of(order))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            visitor.open(page_of(order))
        return len(captured)

    assert queries(1) == queries(3)


def test_staff_read_that_a_withdrawn_pass_was_used_at_the_door(order, pos):
    stating.state(pos, reference=order.reference, name="Grace Hopper", now=timezone.now())
    office = Staff(make_staff(pos.organiser, "back office"))
    assert "used at the door already" not in office.open(change(order)).text
    order.passes.update(state="used")
    assert "used at the door already" in office.open(change(order)).text


def stated_twice_at_once(order, pos) -> list[Withdrawal]:
    """State a withdrawal while another statement is written and not committed. Return the rows of the second one."""

    def statement():
        return stating.state(pos, reference=order.reference, name="Grace Hopper", now=timezone.now())

    with blocked_by(statement) as start:
        second = start(statement)
    return second.result()


@pytest.mark.django_db(transaction=True)
def test_two_statements_at_the_same_moment_are_one_withdrawal(order, pos):
    assert stated_twice_at_once(order, pos) == []
    assert Withdrawal.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_the_second_statement_fails(order, pos, monkeypatch):
    monkeypatch.setattr(stating.locking, "lock_all", lambda ids: {})
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, *_args, **_kwargs: rows)
    with pytest.raises(IntegrityError):
        stated_twice_at_once(order, pos)
