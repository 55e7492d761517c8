"""Pages of a list, without a COUNT of all rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from ticketshop.lib.values.text import number_in

SIZE = 25
LAST = 10_000


@dataclass(frozen=True)
class Page:
    """The rows of one page, its number, and whether there is a next page."""

    rows: list
    number: int
    has_next: bool

    @property
    def has_previous(self) -> bool:
        """Whether there is a page before this one."""
        return self.number > 1


def page_number(text: str | None, last: int, *, digits: int = 3) -> int:
    """Return the number of a page in a query parameter, from 1 to ``last``; 1 if it is not a number."""
    number = number_in(text, digits=digits)
    return 1 if number is None else max(1, min(number, last))


def page_of(queryset: QuerySet | Sequence, number: str | None, size: int = SIZE) -> Page:
    """Return a page; ``number`` as in the query parameter, the first page if it is not a number. One query."""
    current = page_number(number, LAST, digits=5)
    rows = list(queryset[(current - 1) * size : current * size + 1])
    return Page(rows[:size], current, len(rows) > size)
