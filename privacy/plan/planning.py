"""The plan of one erasure: what is erased now, what is deferred, what is retained and why. Changes nothing."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from django.db import models
from django.db.models import Count, Max, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.timezone import localdate

from contacts.models import Contact
from ticketshop.lib.database.compiled import AnyOf, Compiled
from ticketshop.lib.personal import Basis, DeleteFile, Keep, Restrict, StampDay

from ..declarations import emptying, registry, statements, subjects
from ..declarations.registry import Declaration
from ..declarations.subjects import Subject
from .companions import Companion, companions_of
from .deferrals import Deferral, DeferredRows, open_deferrals

Model = type[models.Model]


@dataclass(frozen=True)
class ErasedRows:
    """``rows`` rows of a model are deleted, or emptied in ``columns``. ``of_others``: the rows only mention the person."""

    model: Model
    rows: int
    deleted: bool
    columns: tuple[str, ...] = ()
    of_others: bool = False


@dataclass(frozen=True)
class RetainedRows:
    """``rows`` rows of a model keep ``columns`` for ``basis``, until a day if one is known."""

    model: Model
    basis: Basis
    rows: int
    columns: tuple[str, ...]
    until: date | None


@dataclass(frozen=True)
class Plan:
    """The effects of erasing ``subject``. ``companions``: people only this person has added, who are erased, too."""

    subject: Subject
    erased: list[ErasedRows]
    retained: list[RetainedRows]
    deferrals: list[Deferral]
    deferred_rows: DeferredRows = field(default_factory=dict)
    companions: list[Companion] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """A hash of the plan: a different one means that the page a person or staff saw no longer states what would happen."""
        text = repr(
            (
                [(part.model._meta.label, part.rows, part.deleted) for part in self.erased],
                [(part.model._meta.label, part.rows, part.until) for part in self.retained],
                [
                    (deferral.model._meta.label, deferral.pk, deferral.basis.code)
                    for deferral in self.deferrals
                ],
                [(companion.contact.pk, companion.is_deferred) for companion in self.companions],
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def until(self) -> datetime | None:
        """The end of the last deferral; None if there is none, or none has an end."""
        return max((deferral.until for deferral in self.deferrals if deferral.until), default=None)


def plan(contact: Contact, *, now: datetime, bearer: bool = False, unrequested: bool = False) -> Plan:
    """Return what erasing ``contact`` would do now; about a dozen queries. Arguments as for ``open_deferrals``."""
    subject = subjects.subject_of(contact)
    deferrals, deferred_rows = open_deferrals(contact, now=now, bearer=bearer, unrequested=unrequested)
    companions = companions_of(contact, now=now)
    erased, retained = erased_and_retained_rows(subject, deferred_rows)
    return Plan(subject, erased, retained, deferrals, deferred_rows, companions)


# --- what is erased -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Emptying:
    """Rows of one model, and the columns that are emptied in them (name -> strategy); no columns if the rows are deleted."""

    rows: QuerySet
    columns: emptying.Strategies
    deleted: bool


def emptyings(model: Model, subject: Subject, deferred: DeferredRows) -> list[Emptying]:
    """Return the DELETE or the UPDATEs for the subject's rows of ``model``, without deferred rows and columns."""
    rows = subjects.rows(model, subject)
    deletion = registry.deletion(model)
    if deletion:
        return [Emptying(_not_deferred(model, rows, deletion.deferred_with, deferred), {}, True)]
    emptyings = []
    for path, columns in _by_deferring_path(model, registry.declaration(model), deferred).items():
        remaining = emptying.remaining(model, columns)
        emptyings.append(
            Emptying(_not_deferred(model, rows, path, deferred).filter(remaining), columns, False)
        )
    return emptyings


def _by_deferring_path(
    model: Model, declaration: Declaration, deferred: DeferredRows
) -> dict[str | None, emptying.Strategies]:
    """Return the emptied columns by their ``deferred_with``; None for those that no deferred row concerns."""
    by_path: dict[str | None, emptying.Strategies] = {}
    for column in model._meta.concrete_fields:
        strategy = registry.strategy_of(declaration, column)
        if strategy is None or not strategy.is_update or column.generated:
            continue
        path = strategy.deferred_with
        is_deferred = path is not None and deferred.get(registry.row_at(model, path))
        by_path.setdefault(path if is_deferred else None, {})[column.name] = strategy
    # A day alone is no erasure: it is written together with the columns that are emptied.
    return {
        path: columns
        for path, columns in by_path.items()
        if not all(isinstance(strategy, StampDay) for strategy in columns.values())
    }


def deferred_columns(deferred: DeferredRows) -> dict[Model, tuple[str, ...]]:
    """Return the columns that stay in some deferred row, by model."""
    by_model = {}
    for model in registry.installed_models():
        columns = tuple(
            name
            for name, strategy in registry.declaration(model).columns.items()
            if (path := strategy.deferred_with) and deferred.get(registry.row_at(model, path))
        )
        if columns:
            by_model[model] = columns
    return by_model


def _not_deferred(model: Model, rows: QuerySet, path: str | None, deferred: DeferredRows) -> QuerySet:
    if path is None:
        return rows
    keys = deferred.get(registry.row_at(model, path))
    if not keys:
        return rows
    is_deferred = Q(**{path: keys}) if isinstance(keys, AnyOf) else Q(**{f"{path}__in": sorted(keys)})
    # SQL's NOT IN would drop the rows with a null key, which no row defers.
    return rows.exclude(is_deferred & Q(**{f"{path}__isnull": False}))


def erased_rows(subject: Subject, deferred: DeferredRows) -> list[ErasedRows]:
    """Return what is erased of the subject by model, with files, and with what rows of others mention; one query."""
    counting, counts = _counted(subject, deferred, with_retained=False)
    return _with_rows(counting.erased, counts)


def erased_and_retained_rows(
    subject: Subject, deferred: DeferredRows
) -> tuple[list[ErasedRows], list[RetainedRows]]:
    """Return what is erased of the subject, and what stays for a legal basis, by model and basis; one query."""
    counting, counts = _counted(subject, deferred, with_retained=True)
    retained = [
        RetainedRows(model, basis, rows, columns, _retained_until(basis, last))
        for number, (model, basis, columns) in enumerate(counting.retained, len(counting.erased))
        for rows, last in [counts.get(number, (0, None))]
        if rows
    ]
    return _with_rows(counting.erased, counts), retained


Counts = dict[int, tuple[int, datetime | None]]  # number of the part -> (rows, latest instant)


@dataclass(frozen=True)
class _Counting:
    """The parts of a plan, still without numbers of rows, and the statement that counts the rows of all of them."""

    erased: list[ErasedRows]
    retained: list[tuple[Model, Basis, tuple[str, ...]]]
    statement: Compiled


def _counted(subject: Subject, deferred: DeferredRows, *, with_retained: bool) -> tuple[_Counting, Counts]:
    keys = {model: sorted(rows) for model, rows in deferred.items() if rows}
    counting = _counting(statements.placeholders(subject), frozenset(keys), with_retained)
    keys_by_label = {model._meta.label: rows for model, rows in keys.items()}
    counted = counting.statement.rows(**statements.values(subject), **keys_by_label)
    return counting, {number: (rows, last) for number, rows, last in counted}


@statements.once_per_shape
def _counting(subject: Subject, deferred_models: frozenset[Model], with_retained: bool) -> _Counting:
    deferred: DeferredRows = {model: AnyOf(model._meta.label) for model in deferred_models}
    erased, erased_parts = _erased(subject, deferred)
    retained, retained_parts = _retained(subject, len(erased)) if with_retained else ([], [])
    first, *others = erased_parts + retained_parts
    return _Counting(erased, retained, statements.of(first.union(*others, all=True)))


def _erased(subject: Subject, deferred: DeferredRows) -> tuple[list[ErasedRows], list[QuerySet]]:
    """Return what may be erased, still without numbers of rows, and the query that counts each."""
    about: list[ErasedRows] = []
    rows: list[QuerySet] = []
    for model in subjects.models_with_people():
        for step in emptyings(model, subject, deferred):
            about.append(ErasedRows(model, 0, step.deleted, tuple(step.columns)))
            rows.append(step.rows)
        for name, with_files in file_columns(model, subject):
            about.append(ErasedRows(model, 0, False, (name,)))
            rows.append(with_files)
    for model, module in registry.mentions():
        about.append(ErasedRows(model, 0, False, (module.COLUMN,), of_others=True))
        rows.append(module.rows(subject.contact_id))
    return about, [_count(part, number) for number, part in enumerate(rows)]


def _with_rows(about: list[ErasedRows], counts: Counts) -> list[ErasedRows]:
    numbers = [counts.get(number, (0, None))[0] for number in range(len(about))]
    return [replace(part, rows=rows) for part, rows in zip(about, numbers, strict=True) if rows]


def _count(rows: QuerySet, number: int, since: str | None = None) -> QuerySet:
    """Return a query for one row (number, count of ``rows``, latest instant at ``since``), which can be part of a UNION."""
    # With its type: of a UNION PostgreSQL takes two nulls alone for texts.
    last = _latest(rows.model, since) if since else Cast(None, models.DateTimeField())
    numbered = rows.order_by().values(part=Value(number))
    return numbered.annotate(rows=Count("pk"), last=last).values_list("part", "rows", "last")


def _latest(model: Model, since: str) -> models.Expression:
    """Return the latest instant at ``since``; for a column of days its noon, which is on that day in nearly every time zone."""
    if isinstance(registry.end_of(model, since), models.DateTimeField):
        return Max(since)
    noon = Max(Cast(since, models.DateTimeField())) + timedelta(hours=12)
    return models.ExpressionWrapper(noon, output_field=models.DateTimeField())


# --- what is retained ---------------------------------------------------------------------------------------------
def _retained(
    subject: Subject, first: int
) -> tuple[list[tuple[Model, Basis, tuple[str, ...]]], list[QuerySet]]:
    """Return (model, basis, columns) of what may be retained, and the query that counts each, numbered from ``first``."""
    about: list[tuple[Model, Basis, tuple[str, ...]]] = []
    parts: list[QuerySet] = []
    for model in subjects.models_with_people():
        declaration = registry.declaration(model)
        by_basis: dict[Basis, list[str]] = {}
        for name, strategy in declaration.columns.items():
            if isinstance(strategy, Keep | Restrict):
                by_basis.setdefault(strategy.basis, []).append(name)
        for basis, columns in by_basis.items():
            parts.append(
                _count(subjects.rows(model, subject), first + len(about), declaration.retained_since)
            )
            about.append((model, basis, tuple(columns)))
        for path, basis, rows in subjects.kept_rows(model, subject):
            expires = next(rule.since for rule in declaration.expiry if isinstance(rule.since, str))
            parts.append(_count(rows, first + len(about), expires))
            about.append((model, basis, (path,)))
    return about, parts


def _retained_until(basis: Basis, last: datetime | None) -> date | None:
    """Return the end of the basis's years after ``last``; without years the day of ``last``, on which the last row expires."""
    if basis.years is not None or last is None:
        return basis.end(last)
    return localdate(last)


def file_columns(model: Model, subject: Subject) -> list[tuple[str, QuerySet]]:
    """Return (column, rows) for each column of ``model`` with names of the subject's files."""
    return [
        (name, subjects.rows(model, subject).exclude(**{name: ""}))
        for name, strategy in registry.declaration(model).columns.items()
        if isinstance(strategy, DeleteFile)
    ]
