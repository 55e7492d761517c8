"""What every installed table knows about a person: the declarations beside the models, and those of others' tables."""

from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from types import ModuleType
from typing import Any

from django.apps import apps
from django.db import models

from ticketshop.lib.areas import Area
from ticketshop.lib.personal import Defer, DeleteRow, Expiry, LastUse, Unless

from . import third_party


@dataclass(frozen=True)
class Declaration:
    """One model's ``class Personal``: column name -> word, path -> kind of person, and what else it says."""

    columns: dict = field(default_factory=dict)
    subject: dict = field(default_factory=dict)
    person: str | None = None
    defers: tuple[Defer, ...] = ()
    delete_with: dict = field(default_factory=dict)
    mentions: str = ""
    expiry: tuple[Expiry, ...] = ()
    last_used: dict = field(default_factory=dict)
    acted_by: str = ""
    withheld: dict = field(default_factory=dict)
    shown_only_to: dict = field(default_factory=dict)
    retained_since: str | None = None
    lock_order: int = 0
    area: Area | None = None
    copy_context: tuple[str, ...] = ()
    copy_nested: tuple[str, ...] = ()
    labels: dict = field(default_factory=dict)
    code_labels: dict = field(default_factory=dict)
    copy_texts: str = ""
    copy_values: str = ""
    copy_needs: tuple[str, ...] = ()
    copy_describes: dict = field(default_factory=dict)
    collects: str = ""
    declared: bool = True
    unknown: tuple[str, ...] = ()  # attributes that nothing reads: misspelt


# What a ``class Personal`` may have.
ATTRIBUTES = {attribute.name for attribute in fields(Declaration)} - {"declared", "unknown"}


def declaration(model: type[models.Model]) -> Declaration:
    """What ``model`` says of its columns; ``declared`` is False when it says nothing at all."""
    said = third_party.DECLARATIONS.get(model._meta.label) or model.__dict__.get("Personal")
    if said is None and model._meta.auto_created:
        return _of_table_between(model)
    if said is None:
        return Declaration(declared=False)
    attributes = {name: value for name, value in vars(said).items() if not name.startswith("__")}
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in attributes.items()
        if name in ATTRIBUTES
    }
    return Declaration(**known, unknown=tuple(sorted(attributes.keys() - ATTRIBUTES)))


def _of_table_between(through: type[models.Model]) -> Declaration:
    """A many-to-many table Django made: its rows are those of the model that declares the field.

    Two keys: where the owner says nothing of the field, the check looks at them one by one.
    """
    owner: type[models.Model] = through._meta.auto_created  # type: ignore[assignment]
    said = declaration(owner)
    for many in owner._meta.local_many_to_many:
        word = said.columns.get(many.name)
        if many.remote_field.through is not through or word is None:
            continue
        key = many.m2m_field_name()
        if getattr(word, "deferred_with", None) is not None:
            word = replace(word, deferred_with=_joined(key, word.deferred_with))
        subject = {_joined(key, path): _behind(key, kind) for path, kind in said.subject.items()}
        ends = tuple(_ends_behind(key, one) for one in said.expiry if not one.where)
        return Declaration({key: word}, subject, area=said.area, expiry=ends)
    return Declaration()


def _joined(key: str, path: str) -> str:
    return key if path == "pk" else f"{key}__{path}"


def _behind(key: str, kind):
    return replace(kind, path=_joined(key, kind.path)) if isinstance(kind, Unless) else kind


def _ends_behind(key: str, ends: Expiry) -> Expiry:
    """The rows of a table between two models end with the row that has the field."""
    paths: tuple[str, ...] = (ends.since,) if isinstance(ends.since, str) else ends.since  # type: ignore[assignment]
    days = ends.days if isinstance(ends.days, int) else _joined(key, ends.days)
    return Expiry(ends.job, tuple(_joined(key, path) for path in paths), days, ends.unit)


def organiser_path(model: type[models.Model]) -> str:
    """The path from a row to its organiser; empty where there is none."""
    if not model._meta.auto_created:
        return getattr(model, "organiser_path", "")
    owner: type[models.Model] = model._meta.auto_created  # type: ignore[assignment]
    keys = (
        many.m2m_field_name() for many in owner._meta.local_many_to_many if many.remote_field.through is model
    )
    path = organiser_path(owner)
    return _joined(next(keys), path) if path else ""


def all_end_by_themselves(model: type[models.Model]) -> bool:
    """Whether every row of ``model`` has an end of its own, and none is left to end with its person."""
    return any(
        not ends.where and isinstance(ends.days, int) and not isinstance(ends.since, LastUse)
        for ends in declaration(model).expiry
    )


def census() -> list[type[models.Model]]:
    """Every model with a table: ours, third parties', and many-to-many tables."""
    return [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]


def is_person(model: type[models.Model]) -> bool:
    """Whether a row of ``model`` is a person."""
    return declaration(model._meta.concrete_model or model).person is not None


def needs_strategy(column: models.Field) -> bool:
    """Whether a column must be declared: not primary keys, booleans, or keys to models that are no person."""
    if column.primary_key or isinstance(column, models.BooleanField):
        return False
    return not (isinstance(column, models.ForeignKey) and not is_person(column.related_model))


def strategy_of(said: Declaration, column: models.Field):
    """The word for a column; a translation speaks as the text it translates."""
    translated = getattr(column, "translated_field", None)
    return said.columns.get(column.name) or (
        said.columns.get(translated.name) if translated is not None else None
    )


def end_of(model: type[models.Model], path: str) -> models.Field | None:
    """The last column along ``path``, or None where it breaks off; behind a JSON column that column itself."""
    found: models.Field | None = None
    current: type[models.Model] | None = model
    for name in path.split("__"):
        if isinstance(found, models.JSONField):
            return found
        if current is None:
            return None
        column = current._meta.pk if name == "pk" else _column(current, name)
        if column is None:
            return None
        found = column
        current = (
            found.related_model if isinstance(found, (models.ForeignKey, models.ForeignObjectRel)) else None
        )
    return found


def _column(model: type[models.Model], name: str):
    """The column of this name, or the rows of another model that point here under it."""
    columns = (column for column in model._meta.concrete_fields if column.name == name)
    behind = (one for one in model._meta.related_objects if one.get_accessor_name() == name)
    return next(columns, None) or next(behind, None)


def mentions() -> list[tuple[type[models.Model], ModuleType]]:
    """The models whose rows of others may say something of a person, and the modules that know how."""
    found = ((model, declaration(model).mentions) for model in census())
    return [(model, import_module(path)) for model, path in found if path]


def row_at(model: type[models.Model], path: str) -> type[models.Model] | None:
    """The model of the rows a path of keys leads to; ``model`` itself for "pk"."""
    if path == "pk":
        return model
    end = end_of(model, path)
    return end.related_model if isinstance(end, models.ForeignKey) else None


def deletion(model: type[models.Model]) -> DeleteRow | None:
    """The word by which a person's rows of ``model`` go as a whole; that of a many-to-many field speaks of its own table."""
    said = declaration(model)
    words = (strategy_of(said, column) for column in model._meta.concrete_fields)
    return next((word for word in words if isinstance(word, DeleteRow)), None)


def is_deleted(model: type[models.Model]) -> bool:
    """Whether a person's rows of ``model`` go as a whole."""
    return deletion(model) is not None
