"""Webhooks of Stripe in every order, many times, at the same moment: one result (real connections to the database)."""

import itertools
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection

from tests.at_once import at_once
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.payments.paying import start_paying
from tests.sales.payments.test_provider_races import without_the_condition
from tests.sales.payments.test_stripe_checkout import send, state
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Refund
from ticketshop.sales.orders import books

EVENTS = (
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
)


def shop_with_an_order() -> Order:
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    order = make_order({OfferFactory(pos=pos, capacity=4, price=Decimal("35.50")): 2}, method="stripe")
    start_paying(order)
    return order


def result(order: Order) -> tuple:
    payments = list(order.payments.order_by("pk").values_list("state", "amount"))
    actions = [event.action for event in reversed(history.of(order))]
    return (
        state(order),
        payments,
        sorted(ticket.state for ticket in order.tickets.all()),
        Refund.objects.filter(payment__order=order).count(),
        actions,
        sorted(Mail.objects.filter(about__order=order.pk).values_list("kind", flat=True)),
        {code: rows for code, rows in books.check().items() if rows},
    )


PAID = (
    "paid",
    [("confirmed", Decimal("71.00"))],
    ["valid", "valid"],
    0,
    ["placed", "paid"],
    ["order_paid", "order_placed"],
    {},
)


@contextmanager
def rolled_back():
    """Undo the changes of a block. A savepoint of Django's would look like a transaction, in which nobody may ask Stripe."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT permutation")
        yield
        cursor.execute("ROLLBACK TO SAVEPOINT permutation")


# Each event at each place, and each pair in both orders.
ROTATIONS = [EVENTS[number:] + EVENTS[:number] for number in range(len(EVENTS))]


@pytest.mark.django_db
@pytest.mark.scenario("PAY-03")
@pytest.mark.parametrize(
    "orders_of_events",
    [
        pytest.param(ROTATIONS, id="rotations"),
        pytest.param(list(itertools.permutations(EVENTS)), id="all 24", marks=pytest.mark.soak),
    ],
)
def test_four_events_in_different_orders_and_repeated_have_one_result(stripe, orders_of_events):
    order = shop_with_an_order()
    stripe.account.pay(stripe.only)
    events = {event["type"]: event for event in stripe.account.events}
    for number, order_of_events in enumerate(orders_of_events):
        with rolled_back():
            for kind in order_of_events:
                for _time in range(1 + number % 3):
                    assert send(stripe, events[kind]).status_code == 200
            assert result(order) == PAID, order_of_events


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("PAY-03")
def test_without_the_condition_on_the_state_a_repeated_event_records_the_money_again(stripe, monkeypatch):
    """Without it two events of one payment pay money back that came once."""
    order = shop_with_an_order()
    stripe.account.pay(stripe.only)
    without_the_condition(monkeypatch)
    for _time in range(2):
        assert send(stripe, stripe.account.events[-1]).status_code == 200
    assert result(order) != PAID
    assert Refund.objects.get().amount == Decimal("71.00")


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("PAY-03")
def test_events_three_times_at_the_same_moment_have_one_result(stripe):
    order = shop_with_an_order()
    stripe.account.pay(stripe.only)
    statuses = at_once(
        *(lambda event=event: send(stripe, event).status_code for event in stripe.account.events * 3)
    )
    assert set(statuses) == {200}
    assert result(order) == PAID
