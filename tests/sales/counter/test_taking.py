"""Money of an order that waits, taken at the counter."""

import pytest
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.accounts import UserFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from ticketshop.sales.counter import taking
from ticketshop.sales.models import Order, Payment, Refund
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
NOW = timezone.now


@pytest.fixture
def order():
    order = make_order(method="on_site")
    PaymentMethodFactory(point_of_sale=order.point_of_sale, code="cash")
    return order


@pytest.mark.scenario("BOX-01")
def test_cash_pays_an_order_that_waits_for_the_box_office(order):
    clerk = UserFactory()
    paid = taking.take(order, "cash", by=clerk, now=NOW())
    assert (paid.state, paid.payment_method) == ("paid", "on_site")
    payment = Payment.objects.get(state="confirmed")
    assert (payment.method, payment.amount, payment.confirmed_by) == ("cash", 35, clerk)
    assert not any(books.check().values())


def test_the_rest_of_an_order_that_is_paid_in_part_is_taken(order):
    payments.receive(order, order.total - 5, by=None, now=NOW())
    taking.take(order, "cash", by=UserFactory(), now=NOW())
    assert Payment.objects.get(state="confirmed", method="cash").amount == 5
    assert not Refund.objects.exists()


def test_an_order_that_is_paid_or_over_or_a_method_that_is_not_offered_takes_no_money(order):
    for method in ("card_terminal", "on_site", "nothing"):
        with pytest.raises(taking.NotTaken, match="method"):
            taking.take(order, method, by=None, now=NOW())
    taking.take(order, "cash", by=None, now=NOW())
    with pytest.raises(taking.NotTaken, match="paid"):
        taking.take(order, "cash", by=None, now=NOW())
    orders.cancel(order, by=None, now=NOW())
    with pytest.raises(taking.NotTaken, match="over"):
        taking.take(order, "cash", by=None, now=NOW())
    assert Payment.objects.filter(state="confirmed").count() == 1


def take_twice_at_once(order, monkeypatch):
    """Take the money twice; both calls meet after each has read the state of the order."""
    original = taking.ways

    def looking(order):
        meet()
        return original(order)

    monkeypatch.setattr(taking, "ways", looking)

    def call():
        try:
            taking.take(order, "cash", by=None, now=NOW())
        except taking.NotTaken as error:
            return error.code
        return "taken"

    return sorted(at_once(call, call))


@pytest.mark.django_db(transaction=True)
def test_two_staff_members_take_the_money_of_one_order_once(order, monkeypatch):
    assert take_twice_at_once(order, monkeypatch) == ["paid", "taken"]
    assert Payment.objects.filter(state="confirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_money_would_be_taken_twice(order, monkeypatch):
    with_buyer = Order.objects.select_related("buyer", "point_of_sale__organiser")
    monkeypatch.setattr(taking, "_lock", lambda order: with_buyer.get(pk=order.pk))
    assert take_twice_at_once(order, monkeypatch) == ["taken", "taken"]
    assert Payment.objects.filter(state="confirmed").count() == 2
