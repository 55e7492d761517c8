"""Pages of a list."""

import pytest

from ticketshop.lib.web.pages import page_number, page_of


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ("1", 1),
        ("4", 4),
        ("5", 4),
        ("999", 4),
        ("0", 1),
        ("1000", 1),
        ("", 1),
        (None, 1),
        ("-2", 1),
        ("x", 1),
    ],
)
def test_page_number_is_limited_to_existing_pages(asked, number):
    assert page_number(asked, 4) == number


def test_page_states_whether_there_are_others_before_and_after():
    first, last = page_of(range(5), None, 3), page_of(range(5), "2", 3)
    assert (first.rows, first.has_previous, first.has_next) == ([0, 1, 2], False, True)
    assert (last.rows, last.has_previous, last.has_next) == ([3, 4], True, False)
    assert page_of(range(5), "99999", 3).rows == []
