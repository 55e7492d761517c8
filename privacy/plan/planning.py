"""What an erasure would do now: what goes, what waits for what, what stays and why. Read only."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db import models
from django.db.models import Count, Max, Q, QuerySet, Value
from django.utils.timezone import localdate

from contacts.models import Contact
from ticketshop.lib.personal import Basis, DeleteFile, Keep, StampDay

from ..declarations import emptying, registry, subjects
from ..declarations.subjects import Subject
from . import companions
from .companions import Companion
from .deferrals import Held, Waiting, waiting


@dataclass(frozen=True)
class Goes:
    """``rows`` rows of a model are deleted, or emptied in ``columns``; ``of_others``: they only name the person."""

    model: type[models.Model]
    rows: int
    deleted: bool
    columns: tuple[str, ...] = ()
    of_others: bool = False


@dataclass(frozen=True)
class Stays:
    """``rows`` rows of a model keep ``columns`` for ``basis`` until a day, if one is known."""

    model: type[models.Model]
    basis: Basis
    rows: int
    columns: tuple[str, ...]
    until: date | None


@dataclass(frozen=True)
class Plan:
    subject: Subject
    goes: list[Goes]
    stays: list[Stays]
    waits: list[Waiting]
    held: Held = field(default_factory=dict)
    # Who was known through this person alone, and goes too.
    companions: list[Companion] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """Another one when something came or went meanwhile: what was shown is not what would happen."""
        text = repr(
            (
                [(one.model._meta.label, one.rows, one.deleted) for one in self.goes],
                [(one.model._meta.label, one.rows, one.until) for one in self.stays],
                [(one.model._meta.label, one.pk, one.basis.code) for one in self.waits],
                [(one.contact.pk, one.waits) for one in self.companions],
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def until(self) -> datetime | None:
        """When the last wait is over at the latest; None where there is none, or none has a date."""
        return max((one.until for one in self.waits if one.until), default=None)


def plan(contact: Contact, *, now: datetime, bearer: bool = False, unasked: bool = False) -> Plan:
    """What erasing ``contact`` would do now; about a dozen queries.

    ``bearer``: waits for CONTRACT are given up. ``unasked``: nobody asks for it, so more is waited for.
    """
    subject = subjects.subject_of(contact)
    waits, held = waiting(contact, now=now, bearer=bearer, unasked=unasked)
    with_them = companions.of(contact, now=now)
    return Plan(subject, going(subject, held), staying(subject), waits, held, with_them)


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
        return [Emptying(_not_held(model, rows, deleting.deferred_with, held), {}, True)]
    found = []
    for path, columns in _by_wait(model, said, held).items():
        still = emptying.remaining(model, columns)
        found.append(Emptying(_not_held(model, rows, path, held).filter(still), columns, False))
    return found


def _by_wait(model, said, held: Held) -> dict[str | None, dict]:
    """The columns that are emptied, by the path of what they wait for (None: nothing, or nothing that is there)."""
    found: dict[str | None, dict] = {}
    for column in model._meta.concrete_fields:
        word = registry.strategy_of(said, column)
        if word is None or not word.is_update or column.generated:
            continue
        path = word.deferred_with
        waits = path is not None and held.get(registry.row_at(model, path))
        found.setdefault(path if waits else None, {})[column.name] = word
    # A stamp alone says nothing: it marks what went with it.
    return {
        path: columns
        for path, columns in found.items()
        if not all(isinstance(word, StampDay) for word in columns.values())
    }


def deferred_columns(held: Held) -> dict[type[models.Model], tuple[str, ...]]:
    """The columns that stay in rows that wait, by model: those whose word has an ``until`` that leads to a held row."""
    found = {}
    for model in registry.installed_models():
        said = registry.declaration(model)
        columns = tuple(
            name
            for name, word in said.columns.items()
            if (path := word.deferred_with) and held.get(registry.row_at(model, path))
        )
        if columns:
            found[model] = columns
    return found


def _not_held(model, rows: QuerySet, path: str | None, held: Held) -> QuerySet:
    if path is None:
        return rows
    waiting_rows = held.get(registry.row_at(model, path))
    if not waiting_rows:
        return rows
    # With a null key no row is held; SQL's NOT IN would drop it.
    return rows.exclude(Q(**{f"{path}__in": sorted(waiting_rows)}) & Q(**{f"{path}__isnull": False}))


def going(subject: Subject, held: Held) -> list[Goes]:
    """What goes, model by model, with its files and with what rows of others say of the person; one query."""
    parts, about = [], []
    for model in subjects.models_with_people():
        for one in emptyings(model, subject, held):
            about.append(Goes(model, 0, one.deleted, tuple(one.columns)))
            parts.append(one.rows)
        for name, rows in files(model, subject):
            about.append(Goes(model, 0, False, (name,)))
            parts.append(rows)
    for model, module in registry.mentions():
        about.append(Goes(model, 0, False, (module.COLUMN,), of_others=True))
        parts.append(module.rows(subject.contact_id))
    counted = {n: count for n, count, _last in _together([_count(rows, n) for n, rows in enumerate(parts)])}
    return [replace(one, rows=counted[number]) for number, one in enumerate(about) if counted.get(number)]


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
            parts.append(_count(subjects.rows(model, subject), len(about) - 1, said.retained_since))
        for path, basis, rows in subjects.kept_rows(model, subject):
            until = next(ends.since for ends in said.expiry if isinstance(ends.since, str))
            about.append((model, basis, (path,)))
            parts.append(_count(rows, len(about) - 1, until))
    counted = {number: (rows, last) for number, rows, last in _together(parts)}
    return [
        Stays(model, basis, counted[number][0], columns, _stays_until(basis, counted[number][1]))
        for number, (model, basis, columns) in enumerate(about)
        if number in counted and counted[number][0]
    ]


def _stays_until(basis: Basis, last: datetime | None) -> date | None:
    """Whole business years after the one in which the last of the rows was made, or the day on which the last one ends."""
    if basis.years is not None or last is None:
        return basis.end(last)
    return localdate(last)


def files(model: type[models.Model], subject: Subject) -> list[tuple[str, QuerySet]]:
    """Column name and rows for each file of the person's that is named in ``model``."""
    said = registry.declaration(model)
    return [
        (name, subjects.rows(model, subject).exclude(**{name: ""}))
        for name, word in said.columns.items()
        if isinstance(word, DeleteFile)
    ]
