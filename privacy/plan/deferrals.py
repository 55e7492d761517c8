"""The deferrals of an erasure: rows that are unfinished, by the ``Defer`` of their models. Changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Count, QuerySet, Value
from django.utils.timezone import localdate

from contacts.models import Contact
from ticketshop.lib.database.compiled import AnyOf, Compiled, Parameter
from ticketshop.lib.personal import CONTRACT, Basis, Defer

from ..declarations import registry, statements

Model = type[models.Model]
# Model -> primary keys of the rows whose deferred columns stay, or the placeholder for them in a compiled statement.
DeferredRows = Mapping[Model, set[int] | AnyOf]


@dataclass(frozen=True)
class Deferral:
    """An unfinished row that defers the erasure for ``basis``, until an instant at the latest if one is known.

    ``label``: what is unfinished, for people. ``settled_at``: model and key of the row on whose page staff can end it.
    """

    model: Model
    pk: int
    basis: Basis
    until: datetime | None
    label: object = ""
    settled_at: tuple[Model, int] | None = None


def open_deferrals(
    contact: Contact, *, now: datetime, bearer: bool = False, unrequested: bool = False
) -> tuple[list[Deferral], DeferredRows]:
    """Return what defers the erasure of ``contact``, and the rows that stay for it.

    ``bearer``: the person renounces being reached about tickets, so deferrals for CONTRACT don't count.
    ``unrequested``: neither the person nor staff requested the erasure, so those with ``unrequested_only`` count too.
    One query, and one more for each ``Defer`` with rows of the person.
    """
    zone = ZoneInfo(contact.organiser.time_zone)
    found: list[Deferral] = []
    rows: dict[Model, set[int]] = {}
    for model, defer in _with_rows(contact.pk, bearer, unrequested):
        found += _read(model, defer, contact.pk, zone, now, rows)
    if found:
        rows.setdefault(Contact, set()).add(contact.pk)
    return found, rows


def _with_rows(contact_id: int, bearer: bool, unrequested: bool) -> list[tuple[Model, Defer]]:
    """Return the declarations that some row of the person fulfils; one query."""
    declared, statement = _counting(bearer, unrequested)
    counts = statement.rows(contact_id=contact_id)
    return [declared[number] for number in sorted(number for number, rows in counts if rows)]


@statements.once_per_shape
def _counting(bearer: bool, unrequested: bool) -> tuple[list[tuple[Model, Defer]], Compiled]:
    """Return the declarations that count, and the statement for (number of the declaration, rows of a person)."""
    declared = [
        (model, defer)
        for model in registry.installed_models()
        for defer in registry.declaration(model).defers
        if not (bearer and defer.basis == CONTRACT) and (unrequested or not defer.unrequested_only)
    ]
    parts = [
        _unfinished(model, defer, Parameter("contact_id")).order_by().values(part=Value(number))
        for number, (model, defer) in enumerate(declared)
    ]
    first, *others = [part.annotate(rows=Count("pk")).values_list("part", "rows") for part in parts]
    return declared, statements.of(first.union(*others, all=True))


def _unfinished(model: Model, defer: Defer, contact_id: int | Parameter) -> QuerySet:
    return model._base_manager.filter(defer.where, **{defer.person: contact_id})


def _read(
    model: Model, defer: Defer, contact_id: int, zone: ZoneInfo, now: datetime, rows: dict[Model, set[int]]
) -> list[Deferral]:
    """Return the deferrals of one declaration whose end is not over, and add their rows to ``rows``."""
    paths = [path for path in defer.rows if path != "pk"]
    found: list[Deferral] = []
    columns = ("pk", defer.settled_at, defer.until.path, *paths)
    for pk, settled_at, end, *keys in (
        _unfinished(model, defer, contact_id).order_by("pk").values_list(*columns)
    ):
        until = _after(end, defer.until.days, zone)
        if until is not None and until <= now:
            continue
        settling_model = registry.row_at(model, defer.settled_at)
        # A path to several rows repeats the unfinished row for each of them.
        if not found or found[-1].pk != pk:
            settled = (settling_model, settled_at) if settling_model else None
            found.append(Deferral(model, pk, defer.basis, until, defer.label, settled))
        for path, key in [("pk", pk), *zip(paths, keys, strict=True)]:
            model_at_path = registry.row_at(model, path)
            if key is not None and path in defer.rows and model_at_path is not None:
                rows.setdefault(model_at_path, set()).add(key)
    return found


def _after(end: datetime | date | None, days: int, zone: ZoneInfo) -> datetime | None:
    """Return the instant ``days`` days after an instant, or after the end of a day in ``zone``."""
    if end is None:
        return None
    if not isinstance(end, datetime):
        end = datetime.combine(end + timedelta(days=1), time.min, zone)
    return end + timedelta(days=days)


def day_after(until: datetime) -> date:
    """Return the day after the one on which a deferral ends, in the active time zone."""
    return localdate(until - timedelta(microseconds=1)) + timedelta(days=1)


def still_unfinished(label: str, pks: Iterable[int]) -> set[int]:
    """Return those of the rows of a model (``label``) that some ``Defer`` still covers, without regard to its end."""
    model = next((model for model in registry.installed_models() if model._meta.label == label), None)
    unfinished: set[int] = set()
    for defer in registry.declaration(model).defers if model else ():
        rows = model._base_manager.filter(defer.where, pk__in=list(pks), **{f"{defer.person}__isnull": False})
        unfinished.update(rows.values_list("pk", flat=True))
    return unfinished
