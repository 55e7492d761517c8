"""Tickets exchanged by two at once, while they come in, are cancelled, or the last place goes. Each race has a twin without the
protection, which goes wrong.
"""

from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError
from django.utils import timezone

from tests.at_once import at_once, meet, second
from tests.factories.catalogue import OfferFactory, SessionFactory, TariffFactory
from tests.factories.sales import make_cart, make_order, place
from tests.sales.orders.test_cancellation_races import let_in, meet_after, meet_before, outcome
from ticketshop.catalogue import places
from ticketshop.sales.models import Exchange, Order, ReplacedCode, Ticket
from ticketshop.sales.orders import books, cancelled_lines, single_tickets
from ticketshop.sales.orders.exchange import exchanges, targets
from ticketshop.sales.orders.orders import CannotPlace
from ticketshop.sales.payments import payments
from ticketshop.sales.tickets import codes

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now


@pytest.fixture
def friday():
    return OfferFactory(price=Decimal("20.00"))


@pytest.fixture
def saturday(friday):
    """The same tariff a day later, with one place."""
    session = SessionFactory(event=friday.session.event)
    return OfferFactory(session=session, tariff=friday.tariff, capacity=1)


@pytest.fixture
def order(friday) -> Order:
    return make_order({friday: 2}, paid=True)


def exchange(order, offer, position=0):
    wish = exchanges.Wish([cancelled_lines.units_of(order)[position].key], offer.session, offer.tariff)
    return exchanges.exchange(order, wish, by=None, now=NOW())


def without_lock_on_order(monkeypatch) -> None:
    rows = Order.objects.select_related("buyer", "point_of_sale__organiser")
    monkeypatch.setattr(payments, "lock", lambda pk: rows.get(pk=pk))
    monkeypatch.setattr(exchanges.locking, "lock_all", lambda ids: {pk: order_buyer(pk) for pk in ids})
    monkeypatch.setattr(codes, "lock", lambda tickets: None)


def order_buyer(pk):
    return Order.objects.filter(buyer=pk).select_related("buyer").first().buyer


def broken() -> set[str]:
    return {code for code, found in books.check().items() if found}


# --- exchanged twice --------------------------------------------------------------------------------------------
def exchanged_by_two(order, offer, monkeypatch) -> list:
    meet_before(monkeypatch, cancelled_lines, "write")
    call = partial(outcome, partial(exchange, order, offer), exchanges.CannotExchange, IntegrityError)
    return sorted(str(found) for found in at_once(call, call) if isinstance(found, str))


@pytest.mark.scenario("TIC-03")
def test_two_who_exchange_the_same_ticket_exchange_it_once(order, friday, monkeypatch):
    target = OfferFactory(session=SessionFactory(event=friday.session.event), tariff=friday.tariff)
    assert exchanged_by_two(order, target, monkeypatch) == ["CannotExchange"]
    assert Exchange.objects.count() == 1
    assert broken() == set()


def test_without_locks_the_second_exchange_meets_the_replaced_code(order, friday, monkeypatch):
    without_lock_on_order(monkeypatch)
    target = OfferFactory(session=SessionFactory(event=friday.session.event), tariff=friday.tariff)
    assert exchanged_by_two(order, target, monkeypatch) == ["IntegrityError"]


# --- somebody comes in ------------------------------------------------------------------------------------------
def let_in_meanwhile(order, offer, monkeypatch) -> tuple:
    """Exchange a ticket that is let in after it was read, and before it is locked."""
    meet_before(monkeypatch, codes, "lock")
    ticket = cancelled_lines.units_of(order)[0].admissions[0]
    exchanged, entered = at_once(
        partial(outcome, partial(exchange, order, offer), exchanges.CannotExchange),
        second(partial(let_in, ticket)),
    )
    return exchanged == "CannotExchange", entered


def test_a_ticket_let_in_meanwhile_is_not_exchanged(order, saturday, monkeypatch):
    assert let_in_meanwhile(order, saturday, monkeypatch) == (True, 1)
    assert broken() == set()


def test_without_the_lock_on_the_ticket_a_used_one_is_exchanged(order, saturday, monkeypatch):
    monkeypatch.setattr(codes, "lock", lambda tickets: None)
    assert let_in_meanwhile(order, saturday, monkeypatch) == (False, 1)
    assert "I10" in broken()


# --- the order is cancelled --------------------------------------------------------------------------------------
def cancelled_meanwhile(order, offer, monkeypatch) -> list:
    meet_before(monkeypatch, cancelled_lines, "write")
    key = cancelled_lines.units_of(order)[0].key
    cancel = partial(single_tickets.cancel, order, [key], by=None, now=NOW())
    outcomes = at_once(
        partial(outcome, partial(exchange, order, offer), exchanges.CannotExchange),
        partial(outcome, cancel, single_tickets.CannotCancel),
    )
    return [found for found in outcomes if found in ("CannotExchange", "CannotCancel")]


def test_a_ticket_exchanged_while_it_is_cancelled_is_one_of_both(order, saturday, monkeypatch):
    assert len(cancelled_meanwhile(order, saturday, monkeypatch)) == 1
    assert Ticket.objects.filter(state="cancelled").count() == 1
    assert broken() == set()


def test_without_locks_a_ticket_is_cancelled_and_exchanged(order, saturday, monkeypatch):
    without_lock_on_order(monkeypatch)
    monkeypatch.setattr(cancelled_lines, "lock", lambda units: None)
    assert cancelled_meanwhile(order, saturday, monkeypatch) == []
    assert "I10" in broken()


# --- the last place ------------------------------------------------------------------------------------------------
def last_place_wanted_by_two(order, offer, monkeypatch) -> tuple[list, int]:
    """Exchange a ticket for the last place of a date while another buyer orders it, without a hold.

    Return the refusals, and how many saw the place free at the same time.
    """
    # Another buyer: two orders of one person wait for each other anyway.
    cart = make_cart(
        {offer: 1}, buyer={"first_name": "Alan", "last_name": "Turing", "email": "alan@example.org"}
    )
    places.end_holds(cart.key)
    check, met = places._check_free, []

    def check_then_meet(need, key):
        check(need, key)
        if need:
            met.append(meet())

    monkeypatch.setattr(places, "_check_free", check_then_meet)
    outcomes = at_once(
        partial(outcome, partial(exchange, order, offer), exchanges.CannotExchange, IntegrityError),
        partial(outcome, partial(place, cart), CannotPlace, IntegrityError),
    )
    return [found for found in outcomes if isinstance(found, str)], len(met)


def test_the_last_place_is_exchanged_for_or_ordered_and_not_both(order, saturday, monkeypatch):
    refused, saw_it_free = last_place_wanted_by_two(order, saturday, monkeypatch)
    assert (len(refused), saw_it_free) == (1, 1)
    saturday.allotment.refresh_from_db()
    assert saturday.allotment.sold == 1
    assert broken() == set()


def test_without_the_lock_on_the_counter_both_see_the_last_place(order, saturday, monkeypatch):
    rows = places.Allotment.objects

    class Unlocked:
        @staticmethod
        def rows(ids):
            return rows.filter(pk__in=ids).values_list("pk", "capacity", "sold")

    monkeypatch.setattr(places, "_LOCKED", Unlocked)
    _refused, saw_it_free = last_place_wanted_by_two(order, saturday, monkeypatch)
    assert saw_it_free == 2


def test_two_exchanges_in_opposite_directions_do_not_wait_for_each_other_for_ever(order, friday, monkeypatch):
    session = SessionFactory(event=friday.session.event)
    there = OfferFactory(session=session, tariff=friday.tariff, capacity=2)
    other = make_order({there: 1}, paid=True)
    meet_before(monkeypatch, places, "exchange")
    at_once(partial(exchange, order, there), partial(exchange, other, friday))
    assert Exchange.objects.count() == 2
    assert ReplacedCode.objects.count() == 2
    assert broken() == set()


def test_the_maximum_per_person_holds_when_two_exchange_at_once(order, friday, monkeypatch):
    tariff = TariffFactory(
        event=friday.session.event, name="One each", price=friday.tariff.price, max_per_person=1
    )
    one_each = OfferFactory(session=friday.session, tariff=tariff, allotment=friday.allotment)
    meet_after(monkeypatch, targets, "problems")
    calls = [
        partial(outcome, partial(exchange, order, one_each, number), exchanges.CannotExchange)
        for number in (0, 1)
    ]
    assert [found for found in at_once(*calls) if isinstance(found, str)] == ["CannotExchange"]
    assert broken() == set()
