"""Fixtures with two shops, whose rows are written once per process."""

import copy

import pytest

from tests.migrated_database import made_once
from tests.office.shops import two_shops
from ticketshop.organisers.models import PointOfSale


@pytest.fixture(scope="module")
def made_shops(django_db_setup, django_db_blocker):
    """Create the two shops in a transaction that ends with the file; each test's own transaction is inside it."""
    with django_db_blocker.unblock(), made_once(two_shops) as shops:
        yield shops


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
