"""What is unfinished with a person, and still needs to know them: the ``Wait`` of every model. Read only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Count, QuerySet, Value
from django.utils.timezone import localdate

from contacts.models import Contact
from ticketshop.lib.personal import CONTRACT, Basis, Defer

from ..declarations import registry

# Rows that wait: model -> primary keys.
Held = dict[type[models.Model], set[int]]


@dataclass(frozen=True)
class Waiting:
    """One row that still needs to know the person, for ``basis``, until an instant at the latest, if one is known."""

    model: type[models.Model]
    pk: int
    basis: Basis
    until: datetime | None
    # What is unfinished, in words of people, and the row on whose page staff can end it.
    what: object = ""
    settled_at: tuple[type[models.Model], int] | None = None


def waiting(
    contact: Contact, *, now: datetime, bearer: bool = False, unasked: bool = False
) -> tuple[list[Waiting], Held]:
    """What is unfinished with the person, and the rows that wait for it; one query, and one for each wait there is."""
    zone = ZoneInfo(contact.organiser.time_zone)
    found: list[Waiting] = []
    held: Held = {}
    declared = [
        (model, wait)
        for model in registry.installed_models()
        for wait in registry.declaration(model).defers
        if not (bearer and wait.basis == CONTRACT) and (unasked or not wait.unrequested_only)
    ]
    for model, wait in _with_rows(declared, contact.pk):
        found += _open(model, wait, contact.pk, zone, now, held)
    if found:
        held.setdefault(Contact, set()).add(contact.pk)
    return found, held


def _with_rows(declared: list[tuple[type[models.Model], Defer]], contact_id: int) -> list:
    """Those of the waits that are about some row of the person's; one query."""
    parts = [
        _rows(model, wait, contact_id).order_by().values(part=Value(number)).annotate(rows=Count("pk"))
        for number, (model, wait) in enumerate(declared)
    ]
    counts = [part.values_list("part", "rows") for part in parts]
    there = {number for number, rows in counts[0].union(*counts[1:], all=True) if rows} if counts else set()
    return [declared[number] for number in sorted(there)]


def _rows(model: type[models.Model], wait: Defer, contact_id: int) -> QuerySet:
    return model._base_manager.filter(wait.where, **{wait.person: contact_id})


def _open(model, wait: Defer, contact_id: int, zone: ZoneInfo, now: datetime, held: Held) -> list[Waiting]:
    paths = [path for path in wait.rows if path != "pk"]
    rows, found = _rows(model, wait, contact_id), []
    columns = ("pk", wait.settled_at, wait.until.path, *paths)
    for pk, settled_at, end, *ids in rows.order_by("pk").values_list(*columns):
        until = _after(end, wait.until.days, zone)
        if until is not None and until <= now:
            continue
        place = registry.row_at(model, wait.settled_at)
        # A path to several rows gives the waiting one once for each of them.
        if not found or found[-1].pk != pk:
            settled = (place, settled_at) if place else None
            found.append(Waiting(model, pk, wait.basis, until, wait.label, settled))
        for path, held_id in [("pk", pk), *zip(paths, ids, strict=True)]:
            at = registry.row_at(model, path)
            if held_id is not None and path in wait.rows and at is not None:
                held.setdefault(at, set()).add(held_id)
    return found


def _after(end: datetime | date | None, days: int, zone: ZoneInfo) -> datetime | None:
    if end is None:
        return None
    if not isinstance(end, datetime):
        end = datetime.combine(end + timedelta(days=1), time.min, zone)
    return end + timedelta(days=days)


def day_after(until: datetime) -> date:
    """The day after the one on which a wait is over, in the active time zone."""
    return localdate(until - timedelta(microseconds=1)) + timedelta(days=1)


def still_waiting(label: str, pks: Iterable[int]) -> set[int]:
    """Those of the rows of a model, by its label, of which some wait still holds; dates are not looked at."""
    model = next((model for model in registry.installed_models() if model._meta.label == label), None)
    waits = registry.declaration(model).defers if model else ()
    found: set[int] = set()
    for wait in waits:
        held = model._base_manager.filter(wait.where, pk__in=list(pks), **{f"{wait.person}__isnull": False})
        found.update(held.values_list("pk", flat=True))
    return found
