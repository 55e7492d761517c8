"""A shop with friends and family, its visitor Alice, another contact, and a member of its staff."""

import pytest

from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.friends import friendly_pos, make_visitor
from tests.staff import Staff


@pytest.fixture
def pos():
    return friendly_pos(name="The Stage")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


@pytest.fixture
def cleo(pos):
    return ContactFactory(
        organiser=pos.organiser, first_name="Cleo", last_name="Dupont", email="cleo@example.org"
    )


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "back office", email="office@example.org"))
