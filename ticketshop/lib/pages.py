"""Pages of a list, without counting the whole table."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

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


def page_of(queryset: QuerySet | Sequence, number: str | None, size: int = SIZE) -> Page:
    """Page ``number`` as it came in the address; the first for anything that is none. One query."""
    wanted = int(number) if number and number.isascii() and number.isdecimal() and len(number) < 6 else 1
    wanted = min(max(wanted, 1), LAST)
    rows = list(queryset[(wanted - 1) * size : wanted * size + 1])
    return Page(rows[:size], wanted, len(rows) > size)
