"""A ticket accepted twice, while its offer is taken back, while it is cancelled, and while a person enters with it. Each race has a
twin without the protection, which goes wrong.
"""

from functools import partial

import pytest
from django.utils import timezone

from tests.at_once import at_once, second
from tests.sales.orders.test_cancellation_races import meet_before, outcome
from ticketshop.sales.models import Order, ReplacedCode, Ticket, TicketGift
from ticketshop.sales.orders import books, orders
from ticketshop.sales.orders.giving import acceptance, offers
from ticketshop.sales.payments import payments
from ticketshop.sales.tickets import codes

from .shop import Giving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("TIC-05")]
NAME = {"holder_first_name": "Bob", "holder_last_name": "Miller"}


@pytest.fixture
def shop() -> Giving:
    shop = Giving(now=timezone.now())
    shop.gift = shop.offered()
    return shop


def accept(shop):
    return acceptance.accept(shop.gift, NAME, None, language="en", by=shop.bob.user, now=shop.now)


def without_locks(monkeypatch) -> None:
    """Read the order and the ticket without locking them."""
    rows = Order.objects.select_related("buyer", "point_of_sale__organiser")
    monkeypatch.setattr(codes, "lock_order", lambda pk: rows.get(pk=pk))
    monkeypatch.setattr(payments, "lock", lambda pk: rows.get(pk=pk))
    monkeypatch.setattr(acceptance.locking, "lock", lambda pk: None)

    def unlocked(pk, order):
        ticket = Ticket.objects.select_related("line__offer__tariff", "session__event", "gift").get(pk=pk)
        ticket.order = order
        return ticket

    monkeypatch.setattr(offers, "locked_ticket", unlocked)


def accepted_twice(shop, monkeypatch) -> list[str]:
    meet_before(monkeypatch, acceptance, "_replace_answers")
    call = partial(outcome, partial(accept, shop), acceptance.OfferOver)
    return sorted("done" if isinstance(found, Ticket) else found for found in at_once(call, call))


def test_a_ticket_accepted_twice_changes_hands_once(shop, monkeypatch):
    assert accepted_twice(shop, monkeypatch) == ["OfferOver", "done"]
    assert ReplacedCode.objects.count() == 1


def test_without_locks_a_ticket_accepted_twice_changes_its_code_twice(shop, monkeypatch):
    without_locks(monkeypatch)
    monkeypatch.setattr(codes, "keep_replaced", lambda *args, **values: None)
    given = []
    original = codes.replace

    def replaced(tickets, *args, **values):
        original(tickets, *args, **values)
        given.append(tickets[0].code)

    monkeypatch.setattr(codes, "replace", replaced)
    assert accepted_twice(shop, monkeypatch) == ["done", "done"]
    assert len(set(given)) == 2, "one of the two has a code that lets nobody in"


def taken_back_meanwhile(shop, monkeypatch) -> tuple:
    meet_before(monkeypatch, acceptance, "_replace_answers")
    accepted, withdrawn = at_once(
        partial(outcome, partial(accept, shop), acceptance.OfferOver),
        second(lambda: offers.withdraw(shop.gift, by=shop.alice.user, now=shop.now)),
    )
    return isinstance(accepted, Ticket), withdrawn


def test_an_offer_is_not_taken_back_while_it_is_accepted(shop, monkeypatch):
    assert taken_back_meanwhile(shop, monkeypatch) == (True, False)
    assert TicketGift.objects.get().state == "accepted"


def test_without_locks_an_offer_is_taken_back_and_accepted(shop, monkeypatch):
    without_locks(monkeypatch)
    monkeypatch.setattr(offers.locking, "lock_all", lambda ids: dict.fromkeys(ids, shop.bob))
    assert taken_back_meanwhile(shop, monkeypatch) == (True, True)


def cancelled_meanwhile(shop, monkeypatch) -> tuple:
    meet_before(monkeypatch, acceptance, "_replace_answers")
    accepted, cancelled = at_once(
        partial(outcome, partial(accept, shop), acceptance.OfferOver),
        second(lambda: orders.cancel(shop.order, by=None, now=timezone.now())),
    )
    return isinstance(accepted, Ticket), bool(cancelled)


def test_an_order_cancelled_while_its_ticket_is_accepted_has_no_valid_ticket(shop, monkeypatch):
    assert cancelled_meanwhile(shop, monkeypatch) == (True, True)
    ticket = Ticket.objects.get()
    assert (ticket.state, ticket.beneficiary) == ("cancelled", shop.bob)
    assert {code for code, found in books.check().items() if found} == set()


def let_in(ticket: Ticket) -> int:
    """Let a ticket in as the entrance does: one conditional statement, which compares the code."""
    rows = Ticket.objects.filter(pk=ticket.pk, code=ticket.code, state="valid")
    return rows.update(state="used", used_at=timezone.now())


def let_in_meanwhile(shop, monkeypatch) -> tuple:
    """Accept a ticket with which a person enters after the acceptance has read it."""
    meet_before(monkeypatch, acceptance, "_replace_answers")
    accepted, entered = at_once(
        partial(outcome, partial(accept, shop), acceptance.OfferOver), second(partial(let_in, shop.ticket))
    )
    return isinstance(accepted, Ticket), entered


def test_the_old_code_is_refused_while_the_ticket_is_accepted(shop, monkeypatch):
    assert let_in_meanwhile(shop, monkeypatch) == (True, 0)
    assert Ticket.objects.get().state == "valid"


def test_without_the_lock_on_the_ticket_it_is_given_with_the_entry_in_it(shop, monkeypatch):
    without_locks(monkeypatch)
    assert let_in_meanwhile(shop, monkeypatch) == (True, 1)
