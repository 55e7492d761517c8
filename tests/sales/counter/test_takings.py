"""Takings per day, staff member and method, and counted cash: only from the books."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.sales.counter.test_selling import sale
from tests.sales.exports.test_accounting import table
from tests.staff import Staff
from ticketshop.lib.values.money import in_cash
from ticketshop.sales.counter import selling, takings
from ticketshop.sales.models import CashCount, Payment, Refund
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
NOW = timezone.now
TAKINGS = "/admin/sales/order/takings/"


@pytest.fixture
def offer():
    return OfferFactory(price=Decimal("12.33"), capacity=50)


@pytest.fixture
def organiser(offer):
    return offer.tariff.event.organiser


def today(organiser):
    return timezone.localdate(NOW(), organiser.zone)


def sold(offer, by, quantity=1, **values):
    return selling.sell(sale(offer, quantity, **values), by=by, now=NOW())


def shown(lines):
    return [
        (line.email, line.method, line.number, line.taken, line.paid_out, line.rounding) for line in lines
    ]


def test_swiss_francs_in_cash_are_rounded_to_the_smallest_coin():
    amounts = {"12.32": "12.30", "12.33": "12.35", "12.375": "12.40", "12.00": "12.00", "0.02": "0.00"}
    assert {amount: in_cash(Decimal(amount), "CHF") for amount in amounts} == {
        amount: Decimal(rounded) for amount, rounded in amounts.items()
    }
    assert in_cash(Decimal("12.33"), "EUR") == Decimal("12.33")


@pytest.mark.scenario("BOX-04")
def test_takings_and_refunds_are_those_of_the_person_who_took_and_paid_them(offer, organiser):
    ada, bob = UserFactory(email="ada@example.org"), UserFactory(email="bob@example.org")
    order = sold(offer, ada)
    sold(offer, ada, 2, method="card_terminal")
    sold(offer, bob)
    make_order({offer: 1}, method="on_site")
    orders.cancel(order, by=bob, now=NOW())
    assert payments.refund_done(Refund.objects.get(), by=bob, now=NOW(), done_as="cash")
    day = today(organiser)
    price, coin = Decimal("12.33"), Decimal("0.02")
    expected = [
        ("ada@example.org", "cash", 1, price, 0, coin),
        ("ada@example.org", "card_terminal", 1, 2 * price, 0, 0),
        ("bob@example.org", "cash", 1, price, price, 0),
    ]
    assert shown(takings.lines(organiser, day, day)) == expected
    assert shown(takings.lines(organiser, day, day, bob)) == expected[2:]
    assert takings.lines(organiser, day - timedelta(days=2), day - timedelta(days=1)) == []
    assert [(total.method, total.left) for total in takings.totals(takings.lines(organiser, day, day))] == [
        ("cash", Decimal("12.35")),
        ("card_terminal", 2 * price),
    ]
    assert not any(books.check().values())


@pytest.mark.scenario("BOX-04")
def test_counted_cash_is_compared_with_what_was_taken_since_the_count_before(offer, organiser):
    ada = UserFactory()
    sold(offer, ada)
    since = takings.begins_at(organiser, ada, NOW())
    first = takings.count(
        organiser, opening=Decimal(100), counted=Decimal("111.35"), since=since, by=ada, now=NOW()
    )
    assert (first.taken, first.difference) == (Decimal("12.35"), Decimal("-1.00"))
    sold(offer, ada, 2)
    with pytest.raises(takings.Stale):
        takings.count(organiser, opening=Decimal(0), counted=Decimal(0), since=since, by=ada, now=NOW())
    later = takings.begins_at(organiser, ada, NOW())
    assert later == first.counted_at
    second = takings.count(
        organiser, opening=Decimal(0), counted=Decimal("24.65"), since=later, by=ada, now=NOW()
    )
    assert (second.taken, second.difference) == (Decimal("24.65"), 0)
    day = today(organiser)
    booked = [(row["entry"], row["gross"]) for row in table(organiser, day, day)]
    assert sorted(row for row in booked if row[0] in ("rounding", "cash_difference")) == [
        ("cash_difference", Decimal("-1.00")),
        ("rounding", Decimal("-0.01")),
        ("rounding", Decimal("0.02")),
    ]


def count_twice_at_once(offer, organiser, monkeypatch, *, apart=False):
    """Count the cash of one person twice; both calls meet after each has read since when."""
    ada = UserFactory()
    sold(offer, ada)
    now = NOW()
    since = takings.begins_at(organiser, ada, now)
    original = takings.cash

    def reading(*args):
        found = original(*args)
        meet()
        return found

    monkeypatch.setattr(takings, "cash", reading)
    if apart:
        # Two rows that the constraint does not see as the same count.
        create = CashCount.objects.create
        monkeypatch.setattr(
            CashCount.objects,
            "create",
            lambda **values: create(**{**values, "since": since - timedelta(seconds=values["counted"] == 1)}),
        )

    def call(counted):
        try:
            takings.count(
                organiser, opening=Decimal(0), counted=Decimal(counted), since=since, by=ada, now=now
            )
        except takings.Stale:
            return "stale"
        return "counted"

    return sorted(at_once(lambda: call(1), lambda: call(2)))


@pytest.mark.django_db(transaction=True)
def test_two_counts_at_once_are_one(offer, organiser, monkeypatch):
    assert count_twice_at_once(offer, organiser, monkeypatch) == ["counted", "stale"]


@pytest.mark.django_db(transaction=True)
def test_without_the_constraint_the_same_cash_would_be_counted_twice(offer, organiser, monkeypatch):
    assert count_twice_at_once(offer, organiser, monkeypatch, apart=True) == ["counted", "counted"]


# --- the page -----------------------------------------------------------------------------------------------
@pytest.mark.scenario("BOX-04")
def test_the_box_office_sees_and_counts_its_own_and_the_accounting_sees_everything(offer, organiser):
    clerk = Staff(make_staff(organiser, "box office", email="clerk@example.org"))
    colleague = make_staff(organiser, "box office", email="colleague@example.org")
    sold(offer, clerk.user)
    sold(offer, colleague)
    page = clerk.open(TAKINGS)
    assert "clerk@example.org" in page.text
    assert "colleague@example.org" not in page.text
    page = clerk.fill("^counted$", {"opening": "50", "counted": "62.35"})
    assert "Noted: the cash is right." in page.text
    page = clerk.fill("^counted$", {"opening": "", "counted": "many"})
    assert "many" in page.source
    accountant = Staff(make_staff(organiser, "accounting"))
    page = accountant.open(TAKINGS)
    assert "colleague@example.org" in page.text
    assert "Count your cash" not in page.text
    day = today(organiser).isoformat()
    file = accountant.client.get(f"{TAKINGS}?since={day}&until={day}&xlsx=1")
    assert (file.status_code, file.content[:2]) == (200, b"PK")
    page = accountant.open(f"{TAKINGS}?since={day}&until=0001-01-01")
    assert page.status == 200
    foreign = Staff(make_staff(OfferFactory().tariff.event.organiser, "accounting"))
    assert foreign.client.get(f"{TAKINGS}?organiser={organiser.pk}").status_code == 404
    assert Payment.objects.filter(method="cash").count() == 2
