"""Write and read history records. No other module writes them."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Model, QuerySet

from ticketshop.lib.database import writing

from .models import Event


def record(
    row: Model, action: str, *, by, now: datetime, organiser_id: int | None = None, **details
) -> Event:
    """Record that ``action`` happened to ``row``, in the caller's transaction.

    ``by`` is a user, or None for a visitor without log-in or for the shop itself. ``details`` are states, amounts and names of
    changed columns, and for settings old and new values; never personal data.
    """
    event = new(row, action, by=by, now=now, organiser_id=organiser_id, **details)
    writing.insert([event])
    return event


def new(row: Model, action: str, *, by, now: datetime, organiser_id: int | None = None, **details) -> Event:
    """Return an unsaved record, for callers that insert it together with the row. Arguments as in ``record``."""
    return Event(
        at=now,
        organiser_id=organiser_id or getattr(row, "organiser_id", None),
        model=row._meta.label_lower,
        object_id=str(row.pk),
        action=action,
        by=author(by),
        details=details,
    )


def author(by):
    """Return who a row names as its author: the user ``by``, or None for a visitor without log-in and for the shop itself."""
    return by if by is not None and by.is_authenticated else None


def of(row: Model, *, also: Iterable[int] = ()) -> QuerySet[Event]:
    """Return the history records of ``row``, newest first. ``also`` contains ids of rows that were merged into it."""
    ids = [str(pk) for pk in (row.pk, *also)]
    return (
        Event.objects.filter(model=row._meta.label_lower, object_id__in=ids)
        .select_related("by")
        .order_by("-at", "-pk")
    )
