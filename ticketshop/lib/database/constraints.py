"""Which constraint of the database a statement has violated."""

import psycopg
from django.db import IntegrityError


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that ``error`` is about, as PostgreSQL reports it.

    None if the error did not come from the database. The text of an error is no source for this: it is translated,
    and quotes values of the row, which may contain any word.
    """
    cause = error.__cause__
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
