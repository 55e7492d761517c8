"""The shop of files with a ``made_shop``."""

import copy

import pytest

from .shop import Giving


@pytest.fixture
def shop(made_shop, db) -> Giving:
    """The shop, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_shop)
