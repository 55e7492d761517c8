"""What an erasure would do now: what goes, what waits for what, what stays and why. Read only."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Count, Max, Q, QuerySet, Value

from contacts.models import Contact
from ticketshop.lib.personal import CONTRACT, Awaited, Basis, DeleteFile, Keep, Stamp, Wait

from . import registry, subjects
from .subjects import Subject

# Rows that wait: model -> primary keys.
Held = dict[type[models.Model], set[int]]


@dataclass(frozen=True)
class Goes:
    """``rows`` rows of a model are deleted, or emptied in ``columns``."""

    model: type[models.Model]
    rows: int
    deleted: bool
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stays:
    """``rows`` rows of a model keep ``columns`` for ``basis`` until a day, if one is known."""

    model: type[models.Model]
    basis: Basis
    rows: int
    columns: tuple[str, ...]
    until: date | None


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


@dataclass(frozen=True)
class Plan:
    subject: Subject
    goes: list[Goes]
    stays: list[Stays]
    waits: list[Waiting]
    held: Held = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Another one when something came or went meanwhile: what was shown is not what would happen."""
        text = repr(
            (
                [(one.model._meta.label, one.rows, one.deleted) for one in self.goes],
                [(one.model._meta.label, one.rows, one.until) for one in self.stays],
                [(one.model._meta.label, one.pk, one.basis.code) for one in self.waits],
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def until(self) -> datetime | None:
        """When the last wait is over at the latest; None where there is none, or none has a date."""
        return max((one.until for one in self.waits if one.until), default=None)


def plan(contact: Contact, *, now: datetime, bearer: bool = False) -> Plan:
    """What erasing ``contact`` would do now. ``bearer``: waits for CONTRACT are given up. About a dozen queries."""
    subject = subjects.who(contact)
    waits, held = waiting(contact, now=now, bearer=bearer)
    return Plan(subject, going(subject, held), staying(subject), waits, held)


# --- what waits ----------------------------------------------------------------------------------------------
def waiting(contact: Contact, *, now: datetime, bearer: bool = False) -> tuple[list[Waiting], Held]:
    """What is unfinished with the person, and the rows that wait for it; a query per declared wait."""
    zone = ZoneInfo(contact.organiser.time_zone)
    found: list[Waiting] = []
    held: Held = {}
    for model in registry.census():
        for wait in registry.declaration(model).waits:
            if not (bearer and wait.basis == CONTRACT):
                found += _open(model, wait, contact.pk, zone, now, held)
    if found:
        held.setdefault(Contact, set()).add(contact.pk)
    return found, held


def _open(model, wait: Wait, contact_id: int, zone: ZoneInfo, now: datetime, held: Held) -> list[Waiting]:
    paths = [path for path in wait.holds if path != "pk"]
    rows = model._base_manager.filter(wait.where, **{wait.person: contact_id})
    found = []
    columns = ("pk", wait.settled_at, wait.until.path, *paths)
    for pk, settled_at, end, *ids in rows.order_by("pk").values_list(*columns):
        until = _after(end, wait.until.days, zone)
        if until is not None and until <= now:
            continue
        place = registry.row_at(model, wait.settled_at)
        # A path to several rows gives the waiting one once for each of them.
        if not found or found[-1].pk != pk:
            settled = (place, settled_at) if place else None
            found.append(Waiting(model, pk, wait.basis, until, wait.what, settled))
        for path, held_id in [("pk", pk), *zip(paths, ids, strict=True)]:
            at = registry.row_at(model, path)
            if held_id is not None and path in wait.holds and at is not None:
                held.setdefault(at, set()).add(held_id)
    return found


def _after(end: datetime | date | None, days: int, zone: ZoneInfo) -> datetime | None:
    if end is None:
        return None
    if not isinstance(end, datetime):
        end = datetime.combine(end + timedelta(days=1), time.min, zone)
    return end + timedelta(days=days)


# --- what goes -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Emptying:
    """Rows of one model, and the columns (name -> word) that are emptied in them; none where the rows go."""

    rows: QuerySet
    columns: dict
    deleted: bool


def emptyings(model: type[models.Model], subject: Subject, held: Held) -> list[Emptying]:
    """What becomes of the person's rows of ``model``, in UPDATEs and DELETEs; columns that wait go with what they wait for."""
    said = registry.declaration(model)
    rows = subjects.rows(model, subject)
    deleting = registry.deletion(model)
    if deleting:
        path = deleting.until.path if deleting.until else None
        return [Emptying(_not_held(model, rows, path, held), {}, True)]
    found = []
    for path, columns in _by_wait(model, said, held).items():
        still = subjects.speaking(model, columns)
        found.append(Emptying(_not_held(model, rows, path, held).filter(still), columns, False))
    return found


def _by_wait(model, said, held: Held) -> dict[str | None, dict]:
    """The columns that are emptied, by the path of what they wait for (None: nothing, or nothing that is there)."""
    found: dict[str | None, dict] = {}
    for column in model._meta.concrete_fields:
        word = registry.said_of(said, column)
        if word is None or not is_emptied(word) or column.generated:
            continue
        until: Awaited | None = getattr(word, "until", None)
        waits = until is not None and held.get(registry.row_at(model, until.path))
        found.setdefault(until.path if until and waits else None, {})[column.name] = word
    # A stamp alone says nothing: it marks what went with it.
    return {
        path: columns
        for path, columns in found.items()
        if not all(isinstance(word, Stamp) for word in columns.values())
    }


def deferred_columns(held: Held) -> dict[type[models.Model], tuple[str, ...]]:
    """The columns that stay in rows that wait, by model: those whose word has an ``until`` that leads to a held row."""
    found = {}
    for model in registry.census():
        said = registry.declaration(model)
        columns = tuple(
            name
            for name, word in said.columns.items()
            if (until := getattr(word, "until", None)) and held.get(registry.row_at(model, until.path))
        )
        if columns:
            found[model] = columns
    return found


def is_emptied(word) -> bool:
    """Whether an UPDATE changes the column for this word."""
    return type(word).__name__ in {"Erase", "Replace", "Stamp", "Settle", "Unlink", "Json"}


def _not_held(model, rows: QuerySet, path: str | None, held: Held) -> QuerySet:
    if path is None:
        return rows
    waiting_rows = held.get(registry.row_at(model, path))
    if not waiting_rows:
        return rows
    # With a null key no row is held; SQL's NOT IN would drop it.
    return rows.exclude(Q(**{f"{path}__in": sorted(waiting_rows)}) & Q(**{f"{path}__isnull": False}))


def going(subject: Subject, held: Held) -> list[Goes]:
    parts, about = [], []
    for model in subjects.models_with_people():
        for one in emptyings(model, subject, held):
            about.append((model, one))
            parts.append(_count(one.rows, len(about) - 1))
    counted = {number: rows for number, rows, _last in _together(parts)}
    return [
        Goes(model, counted[number], one.deleted, tuple(one.columns))
        for number, (model, one) in enumerate(about)
        if counted.get(number)
    ]


def _count(rows: QuerySet, number: int, since: str | None = None) -> QuerySet:
    """(number, how many rows, the last instant at ``since``) as one row that others can be joined to."""
    last = Max(since) if since else Value(None, output_field=models.DateTimeField())
    plain = rows.order_by().values(part=Value(number))
    return plain.annotate(rows=Count("pk"), last=last).values_list("part", "rows", "last")


def _together(parts: list[QuerySet]) -> list[tuple]:
    """Several counts by one query."""
    return list(parts[0].union(*parts[1:], all=True)) if parts else []


# --- what stays ----------------------------------------------------------------------------------------------
def staying(subject: Subject) -> list[Stays]:
    parts, about = [], []
    for model in subjects.models_with_people():
        said = registry.declaration(model)
        by_basis: dict[Basis, list[str]] = {}
        for name, word in said.columns.items():
            if isinstance(word, Keep):
                by_basis.setdefault(word.basis, []).append(name)
        for basis, columns in by_basis.items():
            about.append((model, basis, tuple(columns)))
            parts.append(_count(subjects.rows(model, subject), len(about) - 1, said.since))
    counted = {number: (rows, last) for number, rows, last in _together(parts)}
    return [
        # Ten whole business years after the one in which the last of the rows was made.
        Stays(model, basis, counted[number][0], columns, basis.end(counted[number][1]))
        for number, (model, basis, columns) in enumerate(about)
        if number in counted and counted[number][0]
    ]


def files(model: type[models.Model], subject: Subject) -> list[tuple[str, QuerySet]]:
    """Column name and rows for each file of the person's that is named in ``model``."""
    said = registry.declaration(model)
    return [
        (name, subjects.rows(model, subject).exclude(**{name: ""}))
        for name, word in said.columns.items()
        if isinstance(word, DeleteFile)
    ]
