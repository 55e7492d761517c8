"""Fixtures with the world of two organisers, whose rows are written once per file."""

import pickle

import pytest
from django.test import Client

from tests.migrated_database import made_once
from tests.project.world import World, make_world


@pytest.fixture(scope="module")
def made_world(django_db_setup, django_db_blocker):
    """Create the world in a transaction that ends with the file; each test's own transaction is inside it.

    Users whom many tests need are logged in: ``test_routes.browser`` uses their cookies.
    """
    with django_db_blocker.unblock(), made_once(make_world) as world:
        aye = world.aye
        for user in (aye.visitor, world.bee.visitor, aye.boss, aye.limited, world.second, world.admin):
            client = Client()
            client.force_login(user)
            user.cookies = client.cookies
        yield world


@pytest.fixture(scope="module")
def pickled_world(made_world) -> bytes:
    """Return the world as bytes, from which a copy is made in a tenth of the time of ``deepcopy``."""
    return pickle.dumps(made_world)


@pytest.fixture
def world(pickled_world, db) -> World:
    """Return the world with fresh rows."""
    return pickle.loads(pickled_world)
