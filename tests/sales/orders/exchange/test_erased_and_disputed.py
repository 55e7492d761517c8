"""An exchanged order and the one before it have the same buyer, who may be erased, and the same money, which a bank may take after a dispute."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from privacy.erasure import erasing
from privacy.models import Erasure
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.sales.orders.exchange.test_exchanges import Play, broken, exchange
from tests.staff import Staff, change
from ticketshop.catalogue.models import Session
from ticketshop.sales.models import Order, Refund, Ticket
from ticketshop.sales.orders import cancelled_lines, orders
from ticketshop.sales.payments import disputes, payments, refunds
from ticketshop.sales.payments.methods.base import DisputeStatus

pytestmark = pytest.mark.django_db
NOW = timezone.now
BUYER = {"first_name": "Zqvera", "last_name": "Zqzweig", "email": "zqvera@example.org"}


@pytest.fixture
def play():
    return Play(PointOfSaleFactory(slug="theatre"))


@pytest.fixture
def order(play) -> Order:
    """An order of two tickets for Friday with the buyer's name on them."""
    holders = [{"first_name": "Zqvera", "last_name": "Zqzweig"}] * 2
    return make_order({play.friday: 2}, buyer=BUYER, holders=holders, method="bank_transfer", paid=True)


def erase(order: Order) -> Erasure:
    return erasing.erase(order.buyer, by=None, now=NOW())


def buyers(*rows: Order) -> list[object]:
    return [Order.objects.get(pk=order.pk).buyer for order in rows]


def mentions(*rows: Order) -> list[str]:
    """Return the tables that still contain the buyer's name or address: of these orders, their tickets and mails."""
    found = []
    with connection.cursor() as cursor:
        for table in ("sales_order", "sales_ticket", "sales_orderline", "contacts_contact", "mail_mail"):
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE t::text ILIKE '%zqvera%' OR t::text ILIKE '%zqzweig%'"
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def let_pass(play) -> None:
    """Let all dates be over."""
    by = timedelta(days=400)  # more than the days ahead of any date of a factory
    Session.objects.update(starts_at=F("starts_at") - by, ends_at=F("ends_at") - by)


# --- erasure ----------------------------------------------------------------------------------------------------
@pytest.mark.scenario("TIC-03", "S29")
def test_after_both_dates_an_erasure_reaches_the_old_and_the_new_order(play, order):
    new = exchange(order, play.saturday).order
    let_pass(play)
    assert mentions(order, new)
    assert erase(order).state == Erasure.State.CLOSED
    assert buyers(order, new) == [None, None]
    assert set(Ticket.objects.values_list("holder_last_name", flat=True)) == {""}
    assert mentions(order, new) == []
    assert broken() == set()


@pytest.mark.scenario("TIC-03", "S29")
@pytest.mark.parametrize("offer", ["saturday", "dear_saturday"])
def test_while_the_new_order_is_needed_the_books_add_up_and_the_rest_is_erased_afterwards(play, order, offer):
    new = exchange(order, getattr(play, offer), 0, 1).order
    erasure = erase(order)
    assert erasure.state == Erasure.State.DEFERRED
    assert buyers(new) != [None]
    assert broken() == set()
    if new.state == "pending":
        payments.confirm(new.payments.get(state="started"), by=None, now=NOW(), rest=True)
        assert broken() == set()
    let_pass(play)
    erasing.go_on(NOW() + timedelta(days=2))
    erasure.refresh_from_db()
    assert erasure.state == Erasure.State.CLOSED
    assert buyers(order, new) == [None, None]
    assert mentions(order, new) == []
    assert broken() == set()


@pytest.mark.scenario("TIC-03", "S29")
def test_money_of_the_exchange_that_goes_back_defers_the_order_it_goes_back_from(play, order):
    exchange(order, play.child_saturday)
    let_pass(play)
    erasure = erase(order)
    assert erasure.state == Erasure.State.DEFERRED
    assert broken() == set()
    payments.refund_done(Refund.objects.get(state="requested"), by=None, now=NOW(), done_as="cash")
    erasing.go_on(NOW() + timedelta(days=2))
    assert set(Order.objects.values_list("buyer", flat=True)) == {None}
    assert mentions(order) == []
    assert broken() == set()


# --- a lost dispute ---------------------------------------------------------------------------------------------
def lose(order: Order, amount: Decimal | None = None) -> None:
    status = DisputeStatus("du_1", "lost", amount or order.total, NOW() - timedelta(days=3))
    disputes.record(order.payments.get(state="confirmed"), (status,), now=NOW())


@pytest.mark.scenario("TIC-03", "PAY-09")
def test_money_that_a_bank_took_is_not_paid_back_once_more_through_the_exchange(play, order):
    new = exchange(order, play.saturday, 0, 1).order
    lose(order)
    assert broken() == set()
    new.refresh_from_db()
    assert (new.state, {ticket.state for ticket in new.tickets.all()}) == ("paid", {"valid"})
    assert refunds.kept(new) == 0
    orders.cancel(new, by=None, now=NOW())
    assert not Refund.objects.filter(kind="paid_back").exists()
    assert cancelled_lines.proposed(Order.objects.get(pk=new.pk)) == 0
    assert broken() == set()


@pytest.mark.scenario("TIC-03", "PAY-09")
def test_of_a_part_that_a_bank_took_only_what_is_missing_is_lost_to_the_new_order(play, order):
    new = exchange(order, play.saturday).order
    # The one ticket that is left covers 40 of the 50.
    lose(order, Decimal("50.00"))
    assert (refunds.kept(Order.objects.get(pk=order.pk)), refunds.kept(new)) == (0, 30)
    orders.cancel(new, by=None, now=NOW())
    assert Refund.objects.get(kind="paid_back").amount == 30
    assert broken() == set()


@pytest.mark.scenario("TIC-03", "PAY-09")
def test_the_difference_that_was_paid_for_the_new_tickets_is_still_paid_back(play, order):
    new = exchange(order, play.dear_saturday, 0, 1).order
    payments.confirm(new.payments.get(state="started"), by=None, now=NOW(), rest=True)
    lose(order)
    new.refresh_from_db()
    orders.cancel(new, by=None, now=NOW())
    assert sum(refund.amount for refund in Refund.objects.filter(kind="paid_back")) == 40
    assert broken() == set()


@pytest.mark.scenario("TIC-03", "PAY-09")
def test_the_page_of_the_new_order_tells_that_the_bank_took_its_money(play, order):
    new = exchange(order, play.saturday, 0, 1).order
    staff = Staff(make_staff(new.organiser, "back office"))
    assert "after a dispute" not in staff.open(change(new)).text
    lose(order)
    text = staff.open(change(new)).text
    assert f"Of the credit from order {order.reference}, a bank took CHF 80.00 after a dispute" in text
