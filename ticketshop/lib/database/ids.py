"""Conditions by which PostgreSQL reads the keys of a few rows first, each kind by its own index, and then nothing but these rows."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, Manager, Q, QuerySet

# At most this many rows are looked up by their keys.
FEW = 2000


class PkAmong(Func):
    """``rows.filter(PkAmong(keys))``: the rows whose keys are in a queryset of keys, which does not refer to the outer query.

    The rows are those of ``pk__in``. But that is one join more: where a statement joins more than eight tables, as lists of
    tickets with all they show do, PostgreSQL plans eight at a time, and may read whole tables before it gets to the keys.
    """

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()

    def __init__(self, keys: QuerySet[Any, Any]):
        super().__init__(F("pk"), ArraySubquery(keys))


def fulfils_any(rows: Manager[Any] | QuerySet[Any], *conditions: Q) -> PkAmong:
    """Return the condition that a row is one of ``rows`` and fulfils at least one of these conditions.

    For conditions of several tables: for an OR of them PostgreSQL joins these tables with all rows.
    """
    keys = rows.order_by().values("pk")
    first, *others = (keys.filter(condition) for condition in conditions)
    return PkAmong(first.union(*others, all=True))


def keys_of_any(rows: Manager[Any] | QuerySet[Any], *conditions: Q) -> list[int]:
    """Return the keys of the rows that fulfil at least one of these conditions, each read by its own index. One query.

    For rows of which a user mostly has none and whose page joins many tables: PostgreSQL needs longer to plan those joins than to look for
    the keys.
    """
    keys = rows.order_by().values_list("pk", flat=True)
    first, *others = (keys.filter(condition) for condition in conditions)
    return list(first.union(*others))


def few_keys(rows: Manager[Any] | QuerySet[Any], conditions: list[Q], most: int) -> set[int] | None:
    """Return the keys of those of ``rows`` that fulfil one of the conditions, each read by its own index; None if they may be more
    than ``most``. One query.

    With ``pk__in`` of them a search reads few rows. For a word that many rows have it needs no such help: some are found soon.
    """
    keys = rows.order_by().values_list("pk", flat=True)
    first, *others = (keys.filter(condition)[: most + 1] for condition in conditions)
    found = set(first.union(*others, all=True))
    return found if len(found) <= most else None
