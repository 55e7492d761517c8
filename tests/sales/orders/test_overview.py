"""The start page of the back office: figures of each organiser."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.accounts import SuperuserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from ticketshop.sales.orders import cancelled_lines, overview, single_tickets

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def figures(user) -> overview.Figures:
    (own,) = overview.read(user, NOW).organisers
    return own


def test_amount_of_today_is_without_what_was_cancelled_of_orders_of_today_alone():
    offer = OfferFactory()
    pos = offer.session.event.points_of_sale.get()
    user = make_staff(pos.organiser)
    earlier = make_order({offer: 2}, paid=True, now=NOW - timedelta(days=1))
    today = make_order({offer: 2}, paid=True, now=NOW)
    assert (figures(user).orders_today, figures(user).amount_today) == (1, Decimal("70.00"))
    for order in (earlier, today):
        ticket, _other = cancelled_lines.units_of(order)
        single_tickets.cancel(order, [ticket.key], by=None, now=NOW)
    assert (figures(user).orders_today, figures(user).amount_today) == (1, Decimal("35.00"))
    assert (figures(user).refunds, figures(user).refunds_amount) == (2, Decimal("70.00"))


def test_start_page_takes_as_many_statements_for_three_organisers_as_for_one(django_assert_num_queries):
    user = SuperuserFactory()
    make_order(paid=True)
    with django_assert_num_queries(9):
        assert len(overview.read(user, NOW).organisers) == 1
    make_order(paid=True)
    make_order()
    with django_assert_num_queries(9):
        assert len(overview.read(user, NOW).organisers) == 3
