"""Figures of a period: equal to the export for the accounting and to the books, by day, date, tariff, channel and method."""

import copy
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from tests.migrated_database import once_per_file
from tests.sales.exports.test_accounting import BOOKS, table, total
from tests.sales.orders.exchange.test_exchanges import exchange
from ticketshop.catalogue.models import Offer, SeasonPass
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.cart import contents
from ticketshop.sales.exports import figures
from ticketshop.sales.models import CheckIn, IssuedPass, Order, Payment, Refund, Ticket
from ticketshop.sales.orders import books, orders
from ticketshop.sales.orders.buyers import AtCounter
from ticketshop.sales.payments import disputes, payments
from ticketshop.sales.payments.methods.base import DisputeStatus

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-03")]


@pytest.fixture
def offer():
    return OfferFactory(capacity=100)


@pytest.fixture
def pos(offer):
    return offer.session.event.points_of_sale.get()


class Evening(NamedTuple):
    offer: Offer
    other: Offer
    season: SeasonPass
    pos: PointOfSale


def make_evening() -> Evening:
    """Sell, cancel, refund, exchange, lose a dispute, invite: return the offers of two dates and the pass."""
    now = timezone.now()
    offer = OfferFactory(capacity=100)
    pos = offer.session.event.points_of_sale.get()
    other = OfferFactory(pos=pos, session__event=offer.session.event, capacity=100)
    season = SeasonPassFactory(pos=pos)
    make_order({offer: 3}, pos=pos, paid=True)
    make_order({offer: 5}, pos=pos)  # not paid: not in it
    make_order({offer: 1, season: 1}, pos=pos, paid=True, method="bank_transfer")
    part = make_order({offer: 2}, pos=pos, paid=True)
    whole = make_order({other: 2}, pos=pos, paid=True)
    orders.cancel(whole, by=None, now=now)
    payments.refund_done(Refund.objects.get(payment__order=whole), by=None, now=now)
    lost = make_order({other: 1}, pos=pos, paid=True)
    status = DisputeStatus("du_1", "lost", amount=lost.total, opened_at=now - timedelta(days=3))
    disputes.record(lost.payments.get(), (status,), now=now)
    invite(offer, pos, now)
    Ticket.objects.filter(order=part).update(state="used", used_at=now)
    return Evening(offer, other, season, pos)


made_evening = once_per_file(make_evening)


@pytest.fixture
def evening(made_evening, db) -> Evening:
    return copy.deepcopy(made_evening)


def invite(offer, pos, now):
    PaymentMethodFactory(point_of_sale=pos, code="invitation")
    cart = make_cart({offer: 2}, pos=pos, now=now)
    return orders.place(
        cart,
        method="invitation",
        content_hash=contents.read(cart).content_hash,
        user=AtCounter(UserFactory(), Order.Invitation.PRESS),
        language="en",
        now=now,
    )


def today(organiser):
    return timezone.localdate(timezone.now(), organiser.zone)


def of_today(organiser, event=None):
    return figures.read(organiser, today(organiser), today(organiser), event)


def test_figures_equal_the_export_for_the_accounting_and_the_books(evening):
    pos = evening.pos
    rows, found = table(pos.organiser), of_today(pos.organiser)
    assert (found.total.gross, -found.total.cancelled_gross) == (
        total(rows, "sale"),
        total(rows, "cancellation"),
    )
    money = found.money
    assert (money.came, -money.went_back, -money.lost, money.rounding) == tuple(
        total(rows, entry) for entry in ("payment", "refund", "dispute_lost", "rounding")
    )
    for code, of_method in found.methods.items():
        assert of_method.came == total([row for row in rows if row["method"] == code], "payment")
    with connection.cursor() as cursor:
        cursor.execute(BOOKS, {"organiser": pos.organiser_id})
        [(sold, _vat, came, went, gone, _papers)] = cursor.fetchall()
    assert (found.total.gross, found.total.cancelled_gross) == (sold, gone)
    assert (money.came, money.went_back + money.lost) == (came, went)
    assert not any(books.check().values())


def test_every_table_adds_up_to_the_total(evening):
    found = of_today(evening.pos.organiser)
    for name in ("tickets", "invited", "cancelled", "gross", "cancelled_gross"):
        whole = getattr(found.total, name)
        assert whole
        for parts in (found.days, found.channels):
            assert sum(getattr(sales, name) for sales in parts.values()) == whole
        by_product = [*found.dates.values(), *found.passes.values()]
        by_tariff = [*found.tariffs.values(), *found.passes.values()]
        assert sum(getattr(sales, name) for sales in by_product) == whole
        assert sum(getattr(sales, name) for sales in by_tariff) == whole
    for parts in (found.methods, found.channels_money, found.days_money):
        assert sum(money.left for money in parts.values()) == found.money.left


def test_dates_tell_what_was_sold_cancelled_and_let_in(evening):
    offer, other, season, pos = evening
    found = of_today(pos.organiser)
    first, second = found.dates[offer.session_id], found.dates[other.session_id]
    assert (first.tickets, first.invited, first.cancelled, first.entered) == (8, 2, 0, 2)
    assert (second.tickets, second.cancelled, second.left, second.net) == (3, 2, 1, Decimal("35.00"))
    assert found.passes[season.pk].gross == season.price
    assert found.channels["back_office"].tickets == 2
    assert found.total.orders == 6


def test_people_let_in_with_the_code_of_a_pass_count_as_at_the_door(evening):
    offer, other, season, pos = evening
    issued = IssuedPass.objects.get(season_pass=season)
    for session, kind in ((offer, "in"), (offer, "in"), (offer, "out"), (other, "in"), (other, "undone")):
        CheckIn.objects.create(
            session=session.session, issued_pass=issued, kind=kind, at=timezone.now(), key=uuid.uuid4()
        )
    found = of_today(pos.organiser)
    assert (found.dates[offer.session_id].entered, found.dates[other.session_id].entered) == (3, 0)
    assert found.total.entered == 3
    assert of_today(pos.organiser, offer.session.event).total.entered == 3
    assert of_today(pos.organiser, OfferFactory(pos=pos).session.event).total.entered == 0


def test_one_event_has_its_sales_alone_and_no_money(evening):
    offer, _other, _season, pos = evening
    foreign = OfferFactory(pos=pos)
    make_order({foreign: 1, offer: 1}, pos=pos, paid=True)
    found = of_today(pos.organiser, foreign.session.event)
    assert (found.total.tickets, found.total.orders, list(found.dates)) == (1, 1, [foreign.session_id])
    assert not found.has_money
    assert not found.methods


def test_days_are_those_of_the_organiser_and_others_are_left_out(offer, pos):
    zone = ZoneInfo("Pacific/Auckland")
    pos.organiser.time_zone = zone.key
    pos.organiser.save()
    make_order(paid=True)  # of another organiser
    order = make_order({offer: 1}, pos=pos, paid=True)
    instant = datetime(2026, 11, 20, 0, 30, tzinfo=zone)  # the day before, by the clock of the server
    Order.objects.filter(pk=order.pk).update(paid_at=instant)
    Payment.objects.filter(order=order).update(confirmed_at=instant)
    day = instant.date()
    found = figures.read(pos.organiser, day, day)
    assert list(found.days) == list(found.days_money) == [day]
    before = day - timedelta(days=1)
    assert figures.read(pos.organiser, before, before).total.orders == 0


def test_an_exchange_is_not_counted_as_an_order_and_moves_no_money(offer, pos):
    other = OfferFactory(pos=pos, session__event=offer.session.event, tariff=offer.tariff)
    order = make_order({offer: 1}, pos=pos, paid=True)
    before = of_today(pos.organiser)
    exchange(order, other)
    found = of_today(pos.organiser)
    assert (found.total.orders, found.total.tickets, found.total.cancelled) == (1, 2, 1)
    assert found.money == before.money
    assert found.total.net == before.total.net


def test_number_of_queries_does_not_grow_with_the_orders(offer, pos):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            of_today(pos.organiser)
        return len(captured)

    make_order({offer: 1, SeasonPassFactory(pos=pos): 1}, pos=pos, paid=True)
    one = queries()
    for _order in range(2):
        other = OfferFactory(pos=pos)
        make_order({other: 1, SeasonPassFactory(pos=pos): 1}, pos=pos, paid=True)
    assert queries() == one
