"""From how much: what the shop says of an event's prices."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.catalogue import (
    AllotmentFactory,
    EventFactory,
    OfferFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import PointOfSaleFactory
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import programme

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(slug="theatre")


def event_with(pos, **prices):
    """An event with these tariffs: name -> price, or a dictionary; ``only_with`` by name, ``sold_out``."""
    event = EventFactory(pos=pos)
    session = SessionFactory(event=event, starts_at=timezone.now() + timedelta(days=9))
    made = {}
    for name, values in prices.items():
        values = dict(values) if isinstance(values, dict) else {"price": values}
        capacity = 0 if values.pop("sold_out", False) else 50
        with_other = values.pop("only_with", None)
        values["price"] = Decimal(str(values["price"]))
        made[name] = TariffFactory(event=event, name=name, max_per_order=10, **values), with_other, capacity
    for tariff, other, capacity in made.values():
        if other:
            tariff.only_with = made[other][0]
            tariff.save()
        OfferFactory(
            session=session,
            tariff=tariff,
            allotment=AllotmentFactory(organiser=pos.organiser, capacity=capacity),
        )
    return event


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        ({"free": 0}, "Free entry"),
        ({"free": 0, "seat": 17, "box": 99.95}, "free to CHF 99.95"),
        ({"adult": 40}, "from CHF 40.00"),
        ({"adult": 40, "child": {"price": 0, "only_with": "adult"}}, "from CHF 40.00"),
        ({"one": {"price": 17, "only_with": "two"}, "two": {"price": 23, "only_with": "one"}}, "from CHF 40.00"),
        ({"adult": 40, "child": {"price": 10, "only_with": "adult"}, "family": {"price": 90, "tickets_per_unit": 4}}, "from CHF 40.00"),
        ({"free": 0, "family": {"price": 90, "tickets_per_unit": 4}}, "free to CHF 90.00"),
        ({"free": {"price": 0, "sold_out": True}, "adult": 40}, "from CHF 40.00"),
        ({"adult": {"price": 40, "sold_out": True}, "child": {"price": 0, "only_with": "adult"}, "senior": 30}, "from CHF 30.00"),
        ({"group": {"price": 90, "tickets_per_unit": 4}}, "from CHF 90.00"),
    ],
)  # fmt: skip
def test_the_shop_says_what_an_order_costs_at_least(pos, prices, text):
    event_with(pos, **prices)
    page = TestClientVisitor().open("/theatre/")
    assert text in page.text
    others = {"Free entry", "free to", "from CHF"} - {
        text,
        *(word for word in ("free to", "from CHF") if word in text),
    }
    assert not [word for word in others if word in page.text]


def test_where_nothing_can_be_ordered_no_price_is_said(pos):
    event_with(pos, adult={"price": 40, "sold_out": True}, child={"price": 0, "only_with": "adult"})
    (row,) = programme.programme(pos, timezone.now()).events
    assert (row.from_price, row.to_price) == (None, None)
    page = TestClientVisitor().open("/theatre/")
    assert ("Free entry" in page.text, "from CHF" in page.text) == (False, False)
