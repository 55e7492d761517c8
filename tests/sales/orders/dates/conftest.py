"""Fixtures for files with a ``made_sale``: a shop ``pos`` with the date of an ``offer``, and somebody of its ``office``."""

import copy
from types import SimpleNamespace

import pytest

from tests.staff import Staff


@pytest.fixture
def sale(made_sale, db) -> SimpleNamespace:
    """The sale, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_sale)


@pytest.fixture
def pos(sale):
    return sale.pos


@pytest.fixture
def offer(sale):
    return sale.offer


@pytest.fixture
def staff(sale):
    return Staff(sale.office)
