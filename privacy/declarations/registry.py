"""The declarations of all installed models: ``class Personal`` of ours, ``third_party`` for those of Django and libraries."""

from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from django.apps import apps
from django.db import models

from ticketshop.lib.areas import Area
from ticketshop.lib.personal import Defer, DeleteRow, Expiry, LastUse, Restrict, Strategy, Unless

from . import third_party


@dataclass(frozen=True)
class Declaration:
    """The attributes of one ``class Personal``; ``ticketshop/docs/privacy-declarations.md`` explains each."""

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
    goes_with: dict = field(default_factory=dict)
    erasable_texts: tuple[str, ...] = ()
    shown_only_to: dict = field(default_factory=dict)
    retained_since: str | None = None
    lock_order: int = 0
    area: Area | None = None
    labels: dict = field(default_factory=dict)
    code_labels: dict = field(default_factory=dict)
    copy_context: tuple[str, ...] = ()
    copy_nested: tuple[str, ...] = ()
    copy_texts: str = ""
    copy_values: str = ""
    copy_needs: tuple[str, ...] = ()
    copy_describes: dict = field(default_factory=dict)
    collects: str = ""
    tells: str = ""
    # Not attributes: whether the model has a declaration, and the misspelt attributes of its ``class Personal``.
    declared: bool = True
    unknown: tuple[str, ...] = ()


ATTRIBUTES = {attribute.name for attribute in fields(Declaration)} - {"declared", "unknown"}


def declaration(model: type[models.Model]) -> Declaration:
    """Return the declaration of ``model``; its ``declared`` is False if there is none. Not inherited from a base model."""
    personal = third_party.DECLARATIONS.get(model._meta.label) or model.__dict__.get("Personal")
    if personal is None and model._meta.auto_created:
        return _of_table_between(model)
    return Declaration(declared=False) if personal is None else _of_class(personal)


@cache
def _of_class(personal: type) -> Declaration:
    attributes = {name: value for name, value in vars(personal).items() if not name.startswith("__")}
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in attributes.items()
        if name in ATTRIBUTES
    }
    return Declaration(**known, unknown=tuple(sorted(attributes.keys() - ATTRIBUTES)))


def _of_table_between(through: type[models.Model]) -> Declaration:
    """Return the declaration of a many-to-many table made by Django: that of the model with the field, seen from the table.

    Empty if the model declares no strategy for the field: then the check looks at the two keys.
    """
    owner: type[models.Model] = through._meta.auto_created  # type: ignore[assignment]
    declared = declaration(owner)
    known = _tables_between.get(through)
    if known is None or known[0] is not declared:
        known = _tables_between[through] = declared, _seen_from(through, owner, declared)
    return known[1]


# Table -> the declaration of the model with the field, and what follows from it for the table.
_tables_between: dict[type[models.Model], tuple[Declaration, Declaration]] = {}


def _seen_from(through: type[models.Model], owner: type[models.Model], declared: Declaration) -> Declaration:
    for many in owner._meta.local_many_to_many:
        strategy = declared.columns.get(many.name)
        if many.remote_field.through is not through or strategy is None:
            continue
        key = many.m2m_field_name()
        if getattr(strategy, "deferred_with", None) is not None:
            strategy = replace(strategy, deferred_with=_joined(key, strategy.deferred_with))
        subject = {_joined(key, path): _kind_behind(key, kind) for path, kind in declared.subject.items()}
        expiry = tuple(_expiry_behind(key, rule) for rule in declared.expiry if not rule.where)
        return Declaration({key: strategy}, subject, area=declared.area, expiry=expiry)
    return Declaration()


def _joined(key: str, path: str) -> str:
    return key if path == "pk" else f"{key}__{path}"


def _kind_behind(key: str, kind):
    if not isinstance(kind, Unless):
        return kind
    also = _joined(key, kind.also) if kind.also else ""
    return replace(kind, path=_joined(key, kind.path), also=also)


def _expiry_behind(key: str, rule: Expiry) -> Expiry:
    """Return the rule for rows of a table between two models: they expire with the row that has the field."""
    paths: tuple[str, ...] = (rule.since,) if isinstance(rule.since, str) else rule.since  # type: ignore[assignment]
    days = rule.days if isinstance(rule.days, int) else _joined(key, rule.days)
    return Expiry(rule.job, tuple(_joined(key, path) for path in paths), days, rule.unit)


# --- models -------------------------------------------------------------------------------------------------------
def installed_models() -> list[type[models.Model]]:
    """Return every model with a table: ours, those of libraries, and many-to-many tables."""
    return [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]


def is_person(model: type[models.Model]) -> bool:
    """Return whether a row of ``model`` is a person: a contact or a log-in."""
    return declaration(model._meta.concrete_model or model).person is not None


def organiser_path(model: type[models.Model]) -> str:
    """Return the path from a row to its organiser; empty if rows belong to no organiser."""
    if not model._meta.auto_created:
        return getattr(model, "organiser_path", "")
    owner: type[models.Model] = model._meta.auto_created  # type: ignore[assignment]
    keys = (
        many.m2m_field_name() for many in owner._meta.local_many_to_many if many.remote_field.through is model
    )
    path = organiser_path(owner)
    return _joined(next(keys), path) if path else ""


def every_row_expires(model: type[models.Model]) -> bool:
    """Return whether a rule of ``expiry`` ends each row of ``model``, even if its person stays."""
    return any(
        not rule.where and isinstance(rule.days, int) and not isinstance(rule.since, LastUse)
        for rule in declaration(model).expiry
    )


def deletion(model: type[models.Model]) -> DeleteRow | None:
    """Return the strategy that deletes a person's rows of ``model``, or None if the rows stay.

    A many-to-many field is not asked: its strategy is about its own table.
    """
    declared = declaration(model)
    strategies = (strategy_of(declared, column) for column in model._meta.concrete_fields)
    return next((strategy for strategy in strategies if isinstance(strategy, DeleteRow)), None)


def is_deleted(model: type[models.Model]) -> bool:
    """Return whether an erasure deletes a person's rows of ``model``."""
    return deletion(model) is not None


def is_deleted_at_its_end(model: type[models.Model]) -> bool:
    """Return whether a row of ``model`` is deleted when it expires: where an erasure deletes it, and where it is restricted."""
    restricted = any(isinstance(strategy, Restrict) for strategy in declaration(model).columns.values())
    return restricted or is_deleted(model)


def mentions() -> list[tuple[type[models.Model], ModuleType]]:
    """Return (model, its module ``mentions``) for models whose rows may name other people than their person."""
    paths = ((model, declaration(model).mentions) for model in installed_models())
    return [(model, import_module(path)) for model, path in paths if path]


# --- columns ------------------------------------------------------------------------------------------------------
def needs_strategy(column: models.Field) -> bool:
    """Return whether a column must be declared: not primary keys, booleans, or keys to models that are no person."""
    if column.primary_key or isinstance(column, models.BooleanField):
        return False
    return not (isinstance(column, models.ForeignKey) and not is_person(column.related_model))


def strategy_of(declared: Declaration, column: models.Field) -> Strategy | None:
    """Return the strategy of a column; a translation has that of the text it translates."""
    original = getattr(column, "translated_field", None)
    return declared.columns.get(column.name) or (
        declared.columns.get(original.name) if original is not None else None
    )


# --- paths --------------------------------------------------------------------------------------------------------
def end_of(model: type[models.Model], path: str) -> models.Field | None:
    """Return the last column along ``path``, or None if it does not exist. Of a path into JSON that JSON column."""
    end: models.Field | None = None
    current: type[models.Model] | None = model
    for name in path.split("__"):
        if isinstance(end, models.JSONField):
            return end
        if current is None:
            return None
        column = current._meta.pk if name == "pk" else _column(current, name)
        if column is None:
            return None
        end = column
        current = end.related_model if isinstance(end, (models.ForeignKey, models.ForeignObjectRel)) else None
    return end


def _column(model: type[models.Model], name: str):
    """Return the column of this name, or the relation by which rows of another model point here."""
    columns = (column for column in model._meta.concrete_fields if column.name == name)
    relations = (relation for relation in model._meta.related_objects if relation.get_accessor_name() == name)
    return next(columns, None) or next(relations, None)


def row_at(model: type[models.Model], path: str) -> type[models.Model] | None:
    """Return the model that a path of keys leads to, ``model`` itself for "pk"; None if the path ends at no row."""
    if path == "pk":
        return model
    end = end_of(model, path)
    return end.related_model if isinstance(end, models.ForeignKey) else None
