import copy

import pytest
from django.db import connection

from tests.migrated_database import once_per_file
from tests.sales.jazz import Jazz
from ticketshop.sales.orders import books

made_jazz = once_per_file(Jazz)


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
