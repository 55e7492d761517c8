"""Tickets cancelled and money paid back by two members of staff at once, or while the entrance lets somebody in. Each race has a
twin without the protection, which goes wrong.
"""

from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from tests.at_once import at_once, meet, second
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from ticketshop.sales import notices
from ticketshop.sales.models import Order, Payment, Refund, Ticket
from ticketshop.sales.orders import books, cancelled_lines, orders, single_tickets
from ticketshop.sales.payments import payments, provider_pages, refunds

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now


@pytest.fixture
def order() -> Order:
    return make_order({OfferFactory(price=Decimal("20.00")): 3}, paid=True)


def meet_before(monkeypatch, module, name: str) -> None:
    """Let the calls of ``at_once`` meet before this function."""
    original = getattr(module, name)

    def met(*args, **values):
        meet()
        return original(*args, **values)

    monkeypatch.setattr(module, name, met)


def meet_after(monkeypatch, module, name: str) -> None:
    """Let the calls of ``at_once`` meet after this function has read."""
    original = getattr(module, name)

    def met(*args, **values):
        found = original(*args, **values)
        meet()
        return found

    monkeypatch.setattr(module, name, met)


def without_locks(monkeypatch) -> None:
    monkeypatch.setattr(
        payments,
        "lock",
        lambda pk: Order.objects.select_related("buyer", "point_of_sale__organiser").get(pk=pk),
    )
    monkeypatch.setattr(cancelled_lines, "lock", lambda units: None)


def outcome(call, *expected):
    try:
        return call() or "done"
    except expected as error:
        return type(error).__name__


def broken() -> set[str]:
    return {code for code, found in books.check().items() if found}


# --- the same money twice -----------------------------------------------------------------------------------
def paid_back_by_two(order, monkeypatch) -> tuple:
    meet_before(monkeypatch, refunds, "plan")
    pay = partial(refunds.pay_back, order, Decimal("20.00"), before=Decimal(0), by=None, now=NOW())
    outcomes = at_once(*(partial(outcome, pay, refunds.Changed) for _clerk in range(2)))
    return sorted(outcomes), Refund.objects.count()


@pytest.mark.scenario("PAY-08")
def test_two_who_pay_back_the_same_money_at_once_pay_once(order, monkeypatch):
    assert paid_back_by_two(order, monkeypatch) == (["Changed", "done"], 1)
    assert broken() == set()


def test_without_the_lock_on_the_order_the_same_money_goes_back_twice(order, monkeypatch):
    without_locks(monkeypatch)
    assert paid_back_by_two(order, monkeypatch) == (["done", "done"], 2)


def paid_back_while_cancelled(order, monkeypatch) -> None:
    meet_after(monkeypatch, payments, "_refunded")
    at_once(
        partial(outcome, partial(orders.cancel, Order.objects.get(pk=order.pk), by=None, now=NOW())),
        partial(
            outcome,
            partial(refunds.pay_back, order, Decimal("20.00"), before=Decimal(0), by=None, now=NOW()),
            refunds.Changed,
            refunds.TooMuch,
        ),
    )


def test_money_paid_back_while_the_order_is_cancelled_is_never_more_than_came(order, monkeypatch):
    paid_back_while_cancelled(order, monkeypatch)
    assert sum(refund.amount for refund in Refund.objects.all()) == order.total
    assert broken() == set()


def test_without_the_lock_more_money_goes_back_than_came(order, monkeypatch):
    without_locks(monkeypatch)
    paid_back_while_cancelled(order, monkeypatch)
    assert "I2" in broken()


# --- the same ticket twice --------------------------------------------------------------------------------
def cancelled_by_two(order, monkeypatch) -> list:
    meet_before(monkeypatch, cancelled_lines, "write")
    key = cancelled_lines.units_of(order)[0].key
    cancel = partial(single_tickets.cancel, order, [key], by=None, now=NOW())
    outcomes = at_once(*(partial(outcome, cancel, single_tickets.CannotCancel) for _clerk in range(2)))
    return sorted(str(found) for found in outcomes if found == "CannotCancel")


@pytest.mark.scenario("TIC-02")
def test_two_who_cancel_the_same_ticket_at_once_cancel_it_once(order, monkeypatch):
    assert cancelled_by_two(order, monkeypatch) == ["CannotCancel"]
    assert broken() == set()


def test_without_locks_the_same_ticket_is_cancelled_twice(order, monkeypatch):
    without_locks(monkeypatch)
    assert cancelled_by_two(order, monkeypatch) == []
    assert "I10" in broken()


# --- and somebody comes in ------------------------------------------------------------------------------------
def let_in(ticket: Ticket) -> int:
    """Let a ticket in as the entrance does: one conditional statement."""
    return Ticket.objects.filter(pk=ticket.pk, state="valid").update(state="used", used_at=NOW())


def let_in_while_cancelled(order, monkeypatch, module, name: str) -> tuple:
    meet_before(monkeypatch, module, name)
    unit = cancelled_lines.units_of(order)[0]
    cancel = partial(single_tickets.cancel, order, [unit.key], by=None, now=NOW())
    cancelled, entered = at_once(
        partial(outcome, cancel, single_tickets.CannotCancel), second(partial(let_in, unit.admissions[0]))
    )
    return cancelled == "CannotCancel", entered


def test_a_ticket_used_before_it_is_locked_is_not_cancelled(order, monkeypatch):
    assert let_in_while_cancelled(order, monkeypatch, notices, "tickets_cancelled") == (True, 1)
    assert broken() == set()


def test_a_ticket_that_is_being_cancelled_is_refused_at_the_entrance(order, monkeypatch):
    assert let_in_while_cancelled(order, monkeypatch, cancelled_lines, "write") == (False, 0)
    assert broken() == set()


def test_without_the_lock_on_the_ticket_a_used_one_is_cancelled(order, monkeypatch):
    monkeypatch.setattr(cancelled_lines, "lock", lambda units: None)
    assert let_in_while_cancelled(order, monkeypatch, notices, "tickets_cancelled") == (False, 1)
    assert "I10" in broken()


# --- and the provider reports --------------------------------------------------------------------------------
def test_a_webhook_that_comes_again_while_money_is_paid_back_changes_nothing(provider, monkeypatch):
    offer = OfferFactory(price=Decimal("20.00"))
    PaymentMethodFactory(
        point_of_sale=offer.session.event.points_of_sale.get(),
        code="wallet",
        settings={"origin": provider.origin},
    )
    order = make_order({offer: 1}, method="wallet")
    assert provider_pages.url_to_pay(order, return_url="http://shop/", language="en", now=NOW())
    provider.pay(provider.only_page)
    provider_pages.settle(Payment.objects.get(), now=NOW())
    meet_before(monkeypatch, provider_pages, "_record")
    meet_before(monkeypatch, refunds, "plan")
    at_once(
        partial(provider_pages.settle, Payment.objects.select_related("order").get(), now=NOW()),
        partial(refunds.pay_back, order, Decimal("5.00"), before=Decimal(0), by=None, now=NOW()),
    )
    at_once(*(partial(refunds.PAY_BACK.run, NOW()) for _worker in range(2)))
    assert list(provider.only_page.refunds.values()) == ["5.00"]
    assert list(Refund.objects.values_list("kind", "state", "amount")) == [("paid_back", "done", 5)]
    assert broken() == set()
