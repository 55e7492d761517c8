"""People with planted values, and an office with customers, created once per process.

Each file has them in a transaction, and each test changes them in another.
"""

import copy

import pytest

from tests.migrated_database import made_once, once_per_file
from tests.privacy.office import Office, make_office
from tests.privacy.state import State, make_state


@pytest.fixture(scope="module")
def made_state(django_db_setup, django_db_blocker):
    """The state, inside a transaction that ends with the file."""
    with django_db_blocker.unblock(), made_once(make_state) as made:
        yield made
    for planted in (made.v, made.w, made.twin):
        planted.take_files_away()


@pytest.fixture
def state(made_state, db) -> State:
    """The state, with rows of one's own to change and refresh."""
    for planted in (made_state.v, made_state.w, made_state.twin):
        planted.put_files_back()
    return copy.deepcopy(made_state)


made_office = once_per_file(make_office)


@pytest.fixture
def office(made_office, db) -> Office:
    """An organiser with two customers, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_office)
