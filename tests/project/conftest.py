"""Fixtures with the world of two organisers, made once per file."""

import copy

import pytest
from django.db import transaction

from tests.project.world import World, make_world


@pytest.fixture(scope="module")
def made_world(django_db_setup, django_db_blocker):
    """Create the world in a transaction that ends with the file; each test's own transaction is inside it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture
def world(made_world, db) -> World:
    """Return the world with fresh rows."""
    return copy.deepcopy(made_world)
