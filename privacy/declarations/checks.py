"""A column that says nothing about the person stops the build."""

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
    StampDay,
    Strategy,
    Unless,
    Unlink,
    can_be_empty,
)

from . import registry


@checks.register(checks.Tags.models)
def every_column_is_declared(app_configs, **kwargs):
    """One error per undeclared model or column, unknown column or word, and path that leads nowhere."""
    errors = []
    for model in registry.census():
        said = registry.declaration(model)
        if not said.declared:
            errors.append(_error(f"{model._meta.label} has no class Personal.", "privacy.E001"))
            continue
        errors += [
            _error(
                f"{model._meta.label}: class Personal has “{name}”, which nothing reads. "
                f"It may have {', '.join(sorted(registry.ATTRIBUTES))}.",
                "privacy.E014",
            )
            for name in said.unknown
        ]
        errors += _columns(model, said) + _paths(model, said) + _waits(model, said) + _readable(model, said)
    return errors


def _columns(model, said) -> list:
    errors = []
    names = set()
    for column in model._meta.concrete_fields:
        names.add(column.name)
        word = registry.strategy_of(said, column)
        if word is None and registry.needs_strategy(column):
            errors.append(
                _error(
                    f"{model._meta.label}.{column.name} does not say what it knows about a person.",
                    "privacy.E002",
                )
            )
        elif word is not None:
            errors += _words(model, column, word)
    for many in model._meta.local_many_to_many:
        names.add(many.name)
        word = said.columns.get(many.name)
        if word is None and said.subject and many.remote_field.through._meta.auto_created:
            text = f"{model._meta.label}.{many.name} does not say what it knows about a person."
            errors.append(_error(text, "privacy.E002"))
    errors += [
        _error(f"{model._meta.label}.{name} is declared but is no column.", "privacy.E004")
        for name in sorted({*said.columns, *said.withheld, *said.shown_only_to} - names)
    ]
    return errors


def _readable(model, said) -> list:
    """What is to make a copy readable exists."""
    names = {one.name for one in model._meta.get_fields()}
    errors = [
        _error(f"{model._meta.label}.{name} is to be shown in a copy but does not exist.", "privacy.E012")
        for name in (*said.copy_context, *said.copy_nested, *said.labels)
        if name not in names
    ]
    errors += [
        _error(f"{model._meta.label}: the path “{one.path}” to the person does not exist.", "privacy.E005")
        for one in dict.fromkeys(said.withheld.values())
        if isinstance(one, About) and registry.end_of(model, one.path) is None
    ]
    errors += [
        _error(f"{model._meta.label}: the path “{path}” to a person does not exist.", "privacy.E005")
        for path in (
            *dict.fromkeys(said.shown_only_to.values()),
            *said.last_used,
            *filter(None, [said.acted_by]),
        )
        if registry.end_of(model, path) is None
    ]
    errors += [
        _error(f"{model._meta.label} is used at “{path}”, which is no day or instant.", "privacy.E007")
        for paths in said.last_used.values()
        for path in paths
        if not isinstance(registry.end_of(model, path), models.DateField)
    ]
    return errors


def _words(model, column, word) -> list:
    """The column's word, and those inside it, are of the grammar, fit the column, and wait for rows that exist."""
    name = f"{model._meta.label}.{column.name}"
    errors = [
        _error(f"{name}: {one!r} is no word of ticketshop.lib.personal.", "privacy.E003")
        for one in (word, *_inner(word))
        if not isinstance(one, Strategy)
    ]
    if isinstance(word, Json) and not isinstance(column, models.JSONField):
        errors.append(_error(f"{name} speaks of keys but is no JSON column.", "privacy.E006"))
    deferred_with = getattr(word, "deferred_with", None)
    if deferred_with is not None and registry.row_at(model, deferred_with) is None:
        errors.append(_error(f"{name} is deferred with “{deferred_with}”, which is no row.", "privacy.E007"))
    fits = {
        Erase: can_be_empty(column),
        Unlink: isinstance(column, models.ForeignKey) and column.null,
        StampDay: isinstance(column, models.DateField) and column.null,
    }
    errors += [
        _error(f"{name} can’t be emptied: {word!r} does not fit the column.", "privacy.E009")
        for kind, fit in fits.items()
        if isinstance(word, kind) and not fit and not registry.is_deleted(model)
    ]
    return errors


def _inner(word) -> list:
    return [*word.keys.values(), word.default] if isinstance(word, Json) else []


def _paths(model, said) -> list:
    errors = [
        _error(
            f"{model._meta.label} takes {other._meta.label}.{name} along, which does not exist.",
            "privacy.E013",
        )
        for column, others in said.delete_with.items()
        for other, name in ((model, column), *others)
        if registry.end_of(other, name) is None
    ]
    for path, kind in said.subject.items():
        for one in [path, kind.path] if isinstance(kind, Unless) else [path]:
            if registry.end_of(model, one) is None:
                text = f"{model._meta.label}: the path “{one}” to the person does not exist."
                errors.append(_error(text, "privacy.E005"))
        end = registry.end_of(model, path)
        if end is not None and not _reaches(model, end, kind):
            errors.append(
                _error(f"{model._meta.label}: the path “{path}” does not lead to a {kind}.", "privacy.E008")
            )
    # What a person's row says is nothing if nobody can reach it. Between tables, and in the log-in's, Django does.
    personal = [name for name, word in said.columns.items() if isinstance(word, (Erase, DeleteRow, Unlink))]
    if personal and not said.subject and not model._meta.auto_created:
        text = f"{model._meta.label}.{personal[0]} is erased with a person, but no path leads to one."
        errors.append(_error(text, "privacy.E010"))
    return errors


def _waits(model, said) -> list:
    errors = []
    for wait in said.defers:
        person = registry.end_of(model, wait.person)
        if not isinstance(person, models.ForeignKey) or not registry.is_person(person.related_model):
            errors.append(
                _error(f"{model._meta.label} waits for “{wait.person}”, who is nobody.", "privacy.E008")
            )
        if not isinstance(registry.end_of(model, wait.until.path), models.DateField):
            text = f"{model._meta.label}: the wait “{wait.until.path}” leads to no day or instant."
            errors.append(_error(text, "privacy.E007"))
        errors += [
            _error(f"{model._meta.label} waits with “{path}”, which is no row.", "privacy.E007")
            for path in wait.rows
            if registry.row_at(model, path) is None
        ]
    return errors


def _reaches(model, end, kind) -> bool:
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


def _error(message: str, number: str):
    return checks.Error(
        message, hint="Declare it in the model's class Personal (see ticketshop/lib/personal.py).", id=number
    )
