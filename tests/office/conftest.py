"""Fixtures with two shops, whose rows are written once per process."""

import copy

import pytest

from tests.migrated_database import once_per_file
from tests.office.shops import two_shops
from ticketshop.organisers.models import PointOfSale

made_shops = once_per_file(two_shops)


@pytest.fixture
def shops(made_shops, db) -> tuple[PointOfSale, PointOfSale]:
    """Return the shops with fresh rows."""
    return copy.deepcopy(made_shops)


@pytest.fixture
def aye(shops) -> PointOfSale:
    return shops[0]


@pytest.fixture
def bee(shops) -> PointOfSale:
    return shops[1]
