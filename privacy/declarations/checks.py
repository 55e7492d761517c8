"""System checks: every model with a table declares its personal data, in terms that exist and fit its columns."""

from collections.abc import Iterator

from django.contrib.postgres.fields import ArrayField
from django.core import checks
from django.db import models

from ticketshop.lib.personal import (
    ADDRESS,
    ADDRESS_HASH,
    LOG_IN_SESSION,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    USER,
    About,
    DeleteRow,
    Erase,
    Json,
    KeepRow,
    LogInRows,
    NotPersonal,
    StampDay,
    Strategy,
    Unless,
    Unlink,
    can_be_empty,
)

from . import registry
from .registry import Declaration

HINT = "Declare it in the model's class Personal (see ticketshop/docs/privacy-declarations.md)."
Model = type[models.Model]


@checks.register(checks.Tags.models)
def check_declarations(app_configs, **kwargs) -> list[checks.Error]:
    """Return an error for each undeclared model or column, unknown attribute or strategy, and path that leads nowhere."""
    errors = []
    for model in registry.installed_models():
        declaration = registry.declaration(model)
        if not declaration.declared:
            errors.append(_error(f"{model._meta.label} has no class Personal.", "privacy.E001"))
            continue
        for check in (_attributes, _columns, _subject, _deferrals, _copy):
            errors += check(model, declaration)
    return errors


def _attributes(model: Model, declaration: Declaration) -> list[checks.Error]:
    return [
        _error(
            f"{model._meta.label}: class Personal has “{name}”, which is not an attribute of a declaration. "
            f"It may have {', '.join(sorted(registry.ATTRIBUTES))}.",
            "privacy.E014",
        )
        for name in declaration.unknown
    ]


# --- columns and strategies ---------------------------------------------------------------------------------------
def _columns(model: Model, declaration: Declaration) -> list[checks.Error]:
    errors = []
    for column in model._meta.concrete_fields:
        strategy = registry.strategy_of(declaration, column)
        if strategy is not None:
            errors += _strategy(model, column, strategy)
        elif registry.needs_strategy(column):
            errors.append(_missing(model, column.name))
    for many in model._meta.local_many_to_many:
        # Django's own table between the models is checked as part of the model that has the field.
        if (
            many.name not in declaration.columns
            and declaration.subject
            and many.remote_field.through._meta.auto_created
        ):
            errors.append(_missing(model, many.name))
    names = {column.name for column in (*model._meta.concrete_fields, *model._meta.local_many_to_many)}
    declared = {*declaration.columns, *declaration.withheld, *declaration.shown_only_to}
    errors += [
        _error(f"{model._meta.label}.{name} is declared but is not a column.", "privacy.E004")
        for name in sorted(declared - names)
    ]
    return errors


def _missing(model: Model, name: str) -> checks.Error:
    return _error(f"{model._meta.label}.{name} has no strategy in class Personal.", "privacy.E002")


def _strategy(model: Model, column: models.Field, strategy) -> list[checks.Error]:
    """Check that a strategy and those inside it exist, fit the column, and are deferred with a row that exists."""
    name = f"{model._meta.label}.{column.name}"
    inner = [*strategy.keys.values(), strategy.default] if isinstance(strategy, Json) else []
    errors = [
        _error(f"{name}: {value!r} is not a strategy of ticketshop.lib.personal.", "privacy.E003")
        for value in (strategy, *inner)
        if not isinstance(value, Strategy)
    ]
    if isinstance(strategy, Json) and not isinstance(column, models.JSONField):
        errors.append(_error(f"{name} has the strategy Json but is not a JSON column.", "privacy.E006"))
    path = getattr(strategy, "deferred_with", None)
    if path is not None and registry.row_at(model, path) is None:
        errors.append(_error(f"{name} is deferred with “{path}”, which is not a row.", "privacy.E007"))
    if not registry.is_deleted(model) and not _fits(column, strategy):
        errors.append(
            _error(f"{name}: {strategy!r} does not fit a column that can’t be emptied.", "privacy.E009")
        )
    return errors


def _fits(column: models.Field, strategy) -> bool:
    match strategy:
        case Erase():
            return can_be_empty(column)
        case Unlink():
            return isinstance(column, models.ForeignKey) and column.null
        case StampDay():
            return isinstance(column, models.DateField) and column.null
    return True


# --- whose rows they are ------------------------------------------------------------------------------------------
def _subject(model: Model, declaration: Declaration) -> list[checks.Error]:
    errors = [
        _error(
            f"{model._meta.label} deletes rows by {other._meta.label}.{name}, which does not exist.",
            "privacy.E013",
        )
        for column, others in declaration.delete_with.items()
        for other, name in ((model, column), *others)
        if registry.end_of(other, name) is None
    ]
    for path, kind in declaration.subject.items():
        paths = [path, *kind.paths] if isinstance(kind, Unless) else [path]
        errors += _paths_to_a_person(model, paths)
        end = registry.end_of(model, path)
        if end is not None and not _leads_to(model, end, kind):
            errors.append(
                _error(f"{model._meta.label}: the path “{path}” does not lead to a {kind}.", "privacy.E008")
            )
    # Without a path to a person nothing would ever be erased. Tables between two models have Django's keys.
    erased = [
        name
        for name, strategy in declaration.columns.items()
        if isinstance(strategy, (Erase, DeleteRow, Unlink))
    ]
    if erased and not declaration.subject and not model._meta.auto_created:
        text = (
            f"{model._meta.label}.{erased[0]} is erased with a person, but no path in “subject” leads to one."
        )
        errors.append(_error(text, "privacy.E010"))
    return errors


def _leads_to(model: Model, end: models.Field, kind) -> bool:
    """Return whether the column at the end of a path can name a person of this kind."""
    if isinstance(kind, Unless | KeepRow):
        kind = kind.kind
    if isinstance(kind, LogInRows):
        kind = USER
    if kind == SUBJECT_UUID:
        return isinstance(end, models.UUIDField)
    if kind == SUBJECT_UUIDS:
        return isinstance(end, ArrayField) and isinstance(end.base_field, models.UUIDField)
    if isinstance(end, models.JSONField) and kind in {USER, ADDRESS}:
        return True
    if kind == ADDRESS:
        return isinstance(end, models.CharField)
    if kind == ADDRESS_HASH:
        return isinstance(end, models.BinaryField)
    person = end.related_model if isinstance(end, models.ForeignKey) else model
    return registry.declaration(person).person == (USER if kind == LOG_IN_SESSION else kind)


def _paths_to_a_person(model: Model, paths) -> Iterator[checks.Error]:
    for path in paths:
        if registry.end_of(model, path) is None:
            text = f"{model._meta.label}: the path “{path}” to the person does not exist."
            yield _error(text, "privacy.E005")


def _paths_to_a_day(model: Model, paths) -> Iterator[checks.Error]:
    for path in paths:
        if not isinstance(registry.end_of(model, path), models.DateField):
            text = f"{model._meta.label}: the path “{path}” does not lead to a day or an instant."
            yield _error(text, "privacy.E007")


# --- deferrals ----------------------------------------------------------------------------------------------------
def _deferrals(model: Model, declaration: Declaration) -> list[checks.Error]:
    errors = []
    for defer in declaration.defers:
        person = registry.end_of(model, defer.person)
        if not isinstance(person, models.ForeignKey) or not registry.is_person(person.related_model):
            text = f"{model._meta.label} defers the erasure of “{defer.person}”, which is not a person."
            errors.append(_error(text, "privacy.E008"))
        errors += _paths_to_a_day(model, [defer.until.path])
        errors += [
            _error(f"{model._meta.label} defers “{path}”, which is not a row.", "privacy.E007")
            for path in defer.rows
            if registry.row_at(model, path) is None
        ]
    return errors


# --- copy and last use --------------------------------------------------------------------------------------------
def _copy(model: Model, declaration: Declaration) -> list[checks.Error]:
    names = {relation.name for relation in model._meta.get_fields()}
    errors = [
        _error(f"{model._meta.label}.{name} is to be shown in a copy but does not exist.", "privacy.E012")
        for name in (*declaration.copy_context, *declaration.copy_nested, *declaration.labels)
        if name not in names
    ]
    together = {name for pair in declaration.goes_with.items() for name in (pair[0], *pair[1])}
    errors += [
        _error(f"{model._meta.label}.{name} goes with another column and is not erased.", "privacy.E012")
        for name in sorted(together)
        if not isinstance(declaration.columns.get(name), Erase)
    ]
    errors += [
        _error(
            f"{model._meta.label}.{name} is an erasable text but not declared as not personal.",
            "privacy.E012",
        )
        for name in declaration.erasable_texts
        if not isinstance(declaration.columns.get(name), NotPersonal)
    ]
    abouts = dict.fromkeys(
        reason.path for reason in declaration.withheld.values() if isinstance(reason, About)
    )
    errors += _paths_to_a_person(model, abouts)
    errors += _paths_to_a_person(model, dict.fromkeys(declaration.shown_only_to.values()))
    errors += _paths_to_a_person(model, declaration.last_used)
    errors += _paths_to_a_person(model, filter(None, [declaration.acted_by]))
    for paths in declaration.last_used.values():
        errors += _paths_to_a_day(model, paths)
    return errors


def _error(message: str, number: str) -> checks.Error:
    return checks.Error(message, hint=HINT, id=number)
