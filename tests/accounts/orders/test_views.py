"""The list of the visitor's orders."""

from decimal import Decimal

import pytest
from django.utils import timezone

from tests.accounts.pages import browser_of
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, make_visitor
from ticketshop.sales.orders import cancelled_lines, single_tickets

pytestmark = pytest.mark.django_db


def test_list_states_what_was_cancelled_of_a_paid_order():
    pos = friendly_pos()
    alice = make_visitor(pos)
    order = make_order({OfferFactory(pos=pos, price=Decimal(20)): 3}, buyer=alice, paid=True)
    browser, page = browser_of(alice), f"/{pos.slug}/account/orders/"
    assert "cancelled" not in browser.open(page).text
    for cancelled, stated in ((0, "of which CHF 20.00 cancelled"), (1, "of which CHF 40.00 cancelled")):
        unit = cancelled_lines.units_of(order)[cancelled]
        single_tickets.cancel(order, [unit.key], by=None, now=timezone.now())
        text = browser.open(page).text.replace("\N{NO-BREAK SPACE}", " ")
        assert "CHF 60.00" in text
        assert stated in text
