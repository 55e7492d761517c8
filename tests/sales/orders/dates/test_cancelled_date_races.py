"""The job that pays a cancelled date back, run by two workers at once."""

from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from tests.at_once import at_once
from tests.factories.catalogue import OfferFactory, SessionFactory
from tests.factories.sales import make_order
from tests.sales.orders.dates.changing import cancel_date
from tests.sales.orders.test_cancellation_races import broken, meet_after, meet_before, without_locks
from ticketshop.jobs.models import Failure
from ticketshop.sales.models import Order, Refund
from ticketshop.sales.orders import cancelled_lines
from ticketshop.sales.orders.dates import cancelled_dates

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("TIC-06")]
NOW = timezone.now


@pytest.fixture
def order() -> Order:
    """A paid order for a cancelled date and another one, which stays."""
    offer = OfferFactory(price=Decimal("20.00"))
    other = OfferFactory(session=SessionFactory(event=offer.session.event), tariff=offer.tariff)
    made = make_order({offer: 2, other: 1}, paid=True)
    cancel_date(offer.session, refund=True)
    return made


def paid_back_by_two_workers(order, monkeypatch, met) -> Decimal:
    """Both workers have read that the order is due before one of them goes on."""
    met()
    work = partial(cancelled_dates.CANCEL.run, NOW())
    at_once(work, work)
    return sum((refund.amount for refund in Refund.objects.filter(payment__order=order)), Decimal(0))


def test_two_workers_at_once_pay_an_order_back_once(order, monkeypatch):
    met = partial(meet_after, monkeypatch, cancelled_dates, "_is_told")
    assert paid_back_by_two_workers(order, monkeypatch, met) == 40
    assert not Failure.objects.exists()
    assert broken() == set()


def test_without_locks_the_second_worker_is_stopped_by_a_constraint_only(order, monkeypatch):
    without_locks(monkeypatch)
    met = partial(meet_before, monkeypatch, cancelled_lines, "write")
    paid_back_by_two_workers(order, monkeypatch, met)
    assert Failure.objects.get().error == "IntegrityError CheckViolation"
