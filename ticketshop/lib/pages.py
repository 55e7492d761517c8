"""Pages of a list, without counting the whole table."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from .text import number_in

SIZE = 25
LAST = 10_000


@dataclass(frozen=True)
class Page:
    """Some rows, and whether there are more before and after."""

    rows: list
    number: int
    has_next: bool

    @property
    def has_previous(self) -> bool:
        return self.number > 1


def page_number(text: str | None, last: int, *, digits: int = 3) -> int:
    """The page an address asks for, from 1 to ``last``; the first one for anything that is no number."""
    wanted = number_in(text, digits=digits)
    return 1 if wanted is None else max(1, min(wanted, last))


def page_of(queryset: QuerySet | Sequence, number: str | None, size: int = SIZE) -> Page:
    """Page ``number`` as it came in the address; the first for anything that is none. One query."""
    wanted = page_number(number, LAST, digits=5)
    rows = list(queryset[(wanted - 1) * size : wanted * size + 1])
    return Page(rows[:size], wanted, len(rows) > size)
