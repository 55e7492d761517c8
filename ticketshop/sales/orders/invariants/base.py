"""The class of the invariants of the books."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """A rule that must always hold, with the statement that finds the rows that break it."""

    code: str
    says: str
    sql: str  # selects (kind, id) of every row that breaks the rule
