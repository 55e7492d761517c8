import pytest

from ticketshop.sales.orders import books


@pytest.fixture
def the_books_add_up():
    """Check the books of the whole shop after the test."""
    yield
    broken = {code: rows for code, rows in books.check().items() if rows}
    assert not broken
