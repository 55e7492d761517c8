import pytest
from django.db import connection

from ticketshop.sales.orders import books


@pytest.fixture
def the_books_add_up():
    """Check the books of the whole shop after the test. Prepared statements are planned once in a run: that is half of their time."""
    yield
    broken = {}
    with connection.prepared_cursor() as cursor:
        for invariant in books.INVARIANTS:
            cursor.execute(invariant.sql)
            if rows := cursor.fetchall():
                broken[invariant.code] = rows
    assert not broken
