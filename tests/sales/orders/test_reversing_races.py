"""A payment taken back by two at once, while money of it goes back, or while the entrance lets somebody in. Each race has a twin
without the protection, which goes wrong.
"""

import uuid
from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError
from django.utils import timezone

from tests.at_once import at_once
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.sales import make_order
from tests.lock_waits import blocked_by
from tests.sales.door.races import without_the_condition
from tests.sales.orders.test_cancellation_races import (
    broken,
    meet_after,
    outcome,
    without_locks,
)
from tests.sales.orders.test_reversing import ago, confirmed, marked_paid, reverse
from ticketshop.sales.door import entries as door
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.models import IssuedPass, Order, Refund, Reversal, Ticket
from ticketshop.sales.orders import cancelled_lines, reversing
from ticketshop.sales.orders.reversing import CannotReverse
from ticketshop.sales.payments import payments, refunds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("PAY-15")]
NOW = timezone.now


@pytest.fixture
def order() -> Order:
    return marked_paid(OfferFactory(price=Decimal("20.00")), count=2)


def reversed_or_not(order: Order) -> str:
    """Take the payment of an order back. Return "done" or the name of the error."""
    found = outcome(partial(reverse, confirmed(order)), CannotReverse, IntegrityError)
    return found if isinstance(found, str) else "done"


# --- two at once ----------------------------------------------------------------------------------------------
def taken_back_by_two(order, monkeypatch) -> list[str]:
    meet_after(monkeypatch, reversing, "may_be_reversed")
    return sorted(at_once(*(partial(reversed_or_not, order) for _clerk in range(2))))


def test_two_who_take_a_payment_back_at_once_take_it_back_once(order, monkeypatch):
    assert taken_back_by_two(order, monkeypatch) == ["CannotReverse", "done"]
    assert (Reversal.objects.count(), broken()) == (1, set())


def test_without_the_lock_only_the_database_stops_the_second(order, monkeypatch):
    without_locks(monkeypatch)
    assert taken_back_by_two(order, monkeypatch) == ["IntegrityError", "done"]


# --- money that goes back -------------------------------------------------------------------------------------
def taken_back_while_paid_back(order, monkeypatch) -> list[str]:
    meet_after(monkeypatch, reversing, "_check_money")
    meet_after(monkeypatch, refunds, "kept")
    pay = partial(refunds.pay_back, order, Decimal("5.00"), before=Decimal(0), by=None, now=NOW())
    return at_once(partial(reversed_or_not, order), partial(outcome, pay, refunds.TooMuch, refunds.Changed))


def test_money_is_taken_back_or_paid_back_and_not_both(order, monkeypatch):
    outcomes = taken_back_while_paid_back(order, monkeypatch)
    assert outcomes in (["done", "TooMuch"], ["CannotReverse", "done"])
    assert broken() == set()


def test_without_the_lock_money_of_an_unpaid_order_is_paid_back(order, monkeypatch):
    without_locks(monkeypatch)
    assert taken_back_while_paid_back(order, monkeypatch) == ["done", "done"]
    assert "I2" in broken()


def taken_back_while_the_refund_is_noted(order) -> str:
    """Take a second payment back while a colleague notes, without the lock of the order, that it went back."""
    payments.receive(order, order.total, by=None, now=NOW())
    refund = Refund.objects.get()
    with blocked_by(
        lambda: (
            payments.refund_done(refund, by=None, now=NOW(), done_as="cash")
            or Refund.objects.filter(pk=refund.pk).update(state="done")
        )
    ) as start:
        taking_back = start(partial(reversed_or_not, order))
    return taking_back.result()


def test_a_refund_that_is_noted_as_paid_meanwhile_stays_so(order):
    assert taken_back_while_the_refund_is_noted(order) == "CannotReverse"
    assert Refund.objects.get().done_as == "cash"
    assert broken() == set()


def test_without_the_condition_a_paid_refund_would_be_noted_as_never_paid(order, monkeypatch):
    def done_with(refund, part, now, **columns):
        return Refund.objects.filter(pk=refund.pk).update(state="done", done_at=now, **columns)

    monkeypatch.setattr(Refund, "done_with", done_with)
    assert taken_back_while_the_refund_is_noted(order) == "IntegrityError"


# --- the entrance ---------------------------------------------------------------------------------------------
def scan(admission: Ticket | IssuedPass, session):
    return door.enter(session, admission.code, Device(uuid.uuid4()), by=None, now=NOW())


def taken_back_while_somebody_enters(order) -> tuple[str, list[str]]:
    ticket = order.tickets.select_related("session__event__organiser").first()
    with blocked_by(lambda: scan(ticket, ticket.session)) as start:
        taking_back = start(partial(reversed_or_not, order))
    return taking_back.result(), sorted(order.tickets.values_list("state", flat=True))


def test_an_order_whose_ticket_is_used_at_that_moment_stays_paid(order):
    assert taken_back_while_somebody_enters(order) == ("CannotReverse", ["used", "valid"])
    order.refresh_from_db()
    assert (order.state, broken()) == ("paid", set())


def test_without_the_lock_on_the_tickets_an_unpaid_order_has_a_used_ticket(order, monkeypatch):
    monkeypatch.setattr(cancelled_lines, "lock", lambda units: None)
    assert taken_back_while_somebody_enters(order) == ("done", ["reserved", "used"])
    assert "I14" in broken()


def entered_while_it_is_taken_back(order) -> bool:
    ticket = order.tickets.select_related("session__event__organiser").first()
    with blocked_by(lambda: reverse(confirmed(order))) as start:
        entering = start(partial(scan, ticket, ticket.session))
    return entering.result().welcome


def test_the_entrance_refuses_a_ticket_whose_payment_is_taken_back_at_that_moment(order):
    assert not entered_while_it_is_taken_back(order)
    assert broken() == set()


def test_without_the_condition_the_entrance_lets_in_with_an_unpaid_ticket(order, monkeypatch):
    without_the_condition(monkeypatch)
    assert entered_while_it_is_taken_back(order)
    assert "I14" in broken()


def taken_back_while_the_pass_enters() -> str:
    offer = OfferFactory()
    season = SeasonPassFactory(
        pos=offer.tariff.event.points_of_sale.get(), opens="all", booking_needed=False, entries=3
    )
    order = make_order({season: 1}, method="bank_transfer", now=ago(2))
    payments.confirm(order.payments.get(), by=None, now=ago(1))
    issued = order.passes.get()
    with blocked_by(lambda: scan(issued, offer.session)) as start:
        taking_back = start(partial(reversed_or_not, order))
    return taking_back.result()


def test_an_order_whose_pass_is_used_at_that_moment_stays_paid():
    assert taken_back_while_the_pass_enters() == "CannotReverse"
    assert (IssuedPass.objects.get().state, broken()) == ("valid", set())


def test_without_the_lock_on_the_pass_an_unpaid_pass_is_used(monkeypatch):
    # Its UPDATE waits for the entry, too, but what was used was looked for before.
    monkeypatch.setattr(cancelled_lines, "lock", lambda units: None)
    assert taken_back_while_the_pass_enters() == "done"
    assert IssuedPass.objects.get().state == "reserved"
