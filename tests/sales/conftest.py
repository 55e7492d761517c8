import copy

import pytest
from django.db import connection

from tests.migrated_database import made_once
from tests.sales.jazz import Jazz
from ticketshop.sales.orders import books


@pytest.fixture(scope="module")
def made_jazz(django_db_setup, django_db_blocker):
    """Jazz 2027, in a transaction that ends with the file. Not for files with tests that commit."""
    with django_db_blocker.unblock(), made_once(Jazz) as made:
        yield made


@pytest.fixture
def jazz_2027(made_jazz, db) -> Jazz:
    """Jazz 2027, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_jazz)


@pytest.fixture
def the_books_add_up():
    """Check the books of the whole shop after the test. Prepared statements are planned once in a run: that is half of their time."""
    yield
    with connection.prepared_cursor() as cursor:
        broken = {code: rows for code, rows in books.check(cursor).items() if rows}
    assert not broken
