"""A shop that sells at the counter."""

import pytest

from tests.factories.catalogue import OfferFactory
from tests.factories.sales import PaymentMethodFactory

COUNTER = "/admin/sales/order/counter/"


@pytest.fixture
def offer():
    return OfferFactory(capacity=20)


@pytest.fixture
def pos(offer):
    pos = offer.session.event.points_of_sale.get()
    for code in ("cash", "card_terminal", "invitation", "on_site"):
        PaymentMethodFactory(point_of_sale=pos, code=code)
    return pos
