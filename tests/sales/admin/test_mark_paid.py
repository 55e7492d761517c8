"""*Mark paid* and *Other money came*: how the money came that is paid at the box office."""

from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.staff import Staff, change
from ticketshop.sales.counter import takings
from ticketshop.sales.models import Payment
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("BOX-04")]
PRICE = Decimal("12.33")


@pytest.fixture
def order():
    return make_order({OfferFactory(price=PRICE): 1}, method="on_site")


@pytest.fixture
def clerk(order):
    return Staff(make_staff(order.organiser, "box office", email="clerk@example.org"))


def taken(order) -> list[tuple]:
    """Return (method, amount, rounding) of each line of today's takings."""
    day = timezone.localdate(timezone.now(), order.organiser.zone)
    return [(line.method, line.taken, line.rounding) for line in takings.lines(order.organiser, day, day)]


@pytest.mark.parametrize(("method", "rounding"), [("cash", Decimal("0.02")), ("card_terminal", 0)])
def test_mark_paid_notes_how_money_came_at_the_box_office(order, clerk, method, rounding):
    page = clerk.open(f"{change(order).removesuffix('change/')}mark-paid/")
    assert "Cash: CHF 12.35, rounded to coins" in page.text
    page = clerk.press(order, "mark-paid", method=method)
    assert "The order is paid" in page.text
    payment = order.payments.get()
    assert (payment.state, payment.method, payment.rounding) == ("confirmed", method, rounding)
    order.refresh_from_db()
    assert (order.state, order.payment_method) == ("paid", "on_site")
    assert taken(order) == [(method, PRICE, rounding)]
    since = takings.begins_at(order.organiser, clerk.user, timezone.now())
    cash, _back = takings.cash(order.organiser, clerk.user, since, timezone.now())
    assert cash == (Decimal("12.35") if method == "cash" else 0)
    assert not any(books.check().values())


def test_mark_paid_without_a_choice_or_with_another_one_changes_nothing(order, clerk):
    clerk.press(order, "mark-paid")
    assert clerk.errors == ["This field is required."]
    address = f"{change(order).removesuffix('change/')}mark-paid/"
    token = clerk.page.form("csrf").values["csrfmiddlewaretoken"]
    for method in ("on_site", "bank_transfer", "nothing", ""):
        page = clerk.send("POST", address, {"csrfmiddlewaretoken": token, "method": method})
        assert page.status == 200
    order.refresh_from_db()
    assert (order.state, order.payments.get().state) == ("pending", "started")


def test_the_rest_that_is_paid_at_the_box_office_is_noted_by_the_way_it_came(order, clerk):
    payments.receive(order, Decimal(10), by=None, now=timezone.now(), method="bank_transfer")
    page = clerk.open(f"{change(order).removesuffix('change/')}mark-paid/")
    assert "Cash: CHF 2.35, rounded to coins" in page.text
    clerk.press(order, "mark-paid", method="cash")
    rest = Payment.objects.get(order=order, method="cash")
    assert (rest.state, rest.amount, rest.rounding) == ("confirmed", Decimal("2.33"), Decimal("0.02"))
    assert not any(books.check().values())


def test_cash_for_a_cancelled_order_is_counted_once(order, clerk):
    orders.cancel(order, by=None, now=timezone.now())
    clerk.press(order, "mark-paid", method="cash")
    assert "Nothing has changed" in clerk.press(order, "mark-paid").text
    assert taken(order) == [("cash", PRICE, Decimal("0.02"))]
    assert not any(books.check().values())


def test_a_bank_transfer_is_marked_paid_without_a_choice(clerk, order):
    other = make_order({order.lines.get().offer: 1}, method="bank_transfer")
    clerk.press(other, "mark-paid")
    assert other.payments.get().method == "bank_transfer"


def test_other_money_for_the_box_office_is_cash_or_card(order, clerk):
    page = clerk.open(f"{change(order).removesuffix('change/')}other-money/")
    assert "Pay at the box office" not in page.text
    clerk.press(order, "other-money", amount="5")
    assert clerk.errors == ["This field is required."]
    clerk.press(order, "other-money", amount="5", method="card_terminal")
    assert taken(order) == [("card_terminal", Decimal("5.00"), 0)]
