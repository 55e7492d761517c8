from decimal import Decimal

import pytest

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__time_zone="Europe/Zurich")


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=9, price=Decimal("35.00"))
