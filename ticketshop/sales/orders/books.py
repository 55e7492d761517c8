"""Invariants of the books, each a statement over whole tables.

Run after every fault and by hand (``manage.py check_books``). Each statement returns kind and id of the rows
that break the invariant, never a text that a person wrote. They are written in SQL, so that they share no
code with the actions they check.
"""

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from ticketshop.lib.database.waiting import statement_timeout

from .invariants.base import Invariant
from .invariants.money import CANCELLED, EXCHANGED, MONEY, PAPERS, REVERSED, SUMS
from .invariants.places import CHOICES, CONTENTS, HOLDS, ONCE, PASSES, PLACES
from .invariants.records import HISTORY, MAILS

INVARIANTS = (
    PLACES, MONEY, CONTENTS, ONCE, SUMS, MAILS, HOLDS, HISTORY, CHOICES, CANCELLED, PAPERS, EXCHANGED, PASSES,
    REVERSED,
)  # fmt: skip


def offending(invariant: Invariant, cursor: CursorWrapper | None = None) -> list[str]:
    """Return the rows that break the invariant, such as “order 17”; empty if it holds.

    ``cursor``: runs the statement, within its time limit; without it the statement may take as long as it takes.
    """
    if cursor is None:
        # No visitor waits for this, and whole tables take longer than a request may.
        with transaction.atomic(), statement_timeout(0), connection.cursor() as unlimited:
            return offending(invariant, unlimited)
    cursor.execute(invariant.sql)
    return [f"{what} {number}" for what, number in sorted(set(cursor.fetchall()))]


def check(cursor: CursorWrapper | None = None) -> dict[str, list[str]]:
    """Return invariant code -> rows that break it. ``cursor``: see ``offending``."""
    return {invariant.code: offending(invariant, cursor) for invariant in INVARIANTS}
