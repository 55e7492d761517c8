"""What every installed table knows about a person: the declarations beside the models, and those of others' tables."""

from dataclasses import dataclass, field

from django.apps import apps
from django.db import models

from . import third_party


@dataclass(frozen=True)
class Declaration:
    """One model's ``class Personal``: column name -> word, path -> kind of person."""

    columns: dict = field(default_factory=dict)
    subject: dict = field(default_factory=dict)
    person: str | None = None
    declared: bool = True


def declaration(model: type[models.Model]) -> Declaration:
    """What ``model`` says of its columns; ``declared`` is False when it says nothing at all."""
    said = third_party.DECLARATIONS.get(model._meta.label) or model.__dict__.get("Personal")
    if said is None and model._meta.auto_created:
        # A many-to-many table Django made: two keys, which the check looks at one by one.
        said = type("Personal", (), {"columns": {}})
    if said is None:
        return Declaration(declared=False)
    return Declaration(
        getattr(said, "columns", {}), getattr(said, "subject", {}), getattr(said, "person", None)
    )


def census() -> list[type[models.Model]]:
    """Every model with a table: ours, third parties', and many-to-many tables."""
    return [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]


def is_person(model: type[models.Model]) -> bool:
    """Whether a row of ``model`` is a person."""
    return declaration(model._meta.concrete_model or model).person is not None


def needs_word(field: models.Field) -> bool:
    """Whether a column must be declared: not primary keys, booleans, or keys to models that are no person."""
    if field.primary_key or isinstance(field, models.BooleanField):
        return False
    return not (isinstance(field, models.ForeignKey) and not is_person(field.related_model))


def said_of(said: Declaration, field: models.Field):
    """The word for a column; a translation speaks as the text it translates."""
    translated = getattr(field, "translated_field", None)
    return said.columns.get(field.name) or (
        said.columns.get(translated.name) if translated is not None else None
    )
