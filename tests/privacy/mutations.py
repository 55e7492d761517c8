"""Switch declarations off, one after the other, to see whether the scan notices.

A column is also erased if its row is deleted, or the row it belongs to. So all declarations that would erase the column are
switched off together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from unittest import mock

from django.db import models

from privacy.declarations import registry, statements
from tests.privacy import planting
from ticketshop.lib.personal import BOOKS, Author, DeleteRow, Json, Keep

OFF = Keep(BOOKS)
_declared = registry.declaration


@dataclass(frozen=True)
class Mutation:
    """An erasing strategy of one column, to be switched off."""

    model: type[models.Model]
    column: str
    key: str
    strategy: object

    @property
    def name(self) -> str:
        return planting.declared(self.model, self.column, self.key)

    @property
    def needs_a_shared_log_in(self) -> bool:
        """Whether the log-in must stay: of a deleted log-in the database itself sets the keys to null."""
        return isinstance(self.strategy, Author) and hasattr(self.model, "organiser_path")

    @property
    def off(self) -> set[tuple[type[models.Model], str, str]]:
        """(model, column, key) of all declarations that erase the column."""
        found = {(self.model, self.column, self.key)}
        for model in _what_takes(self.model, self.column):
            found |= {
                (model, column.name, key)
                for column, key, strategy in planting.erasing_strategies(model)
                if isinstance(strategy, DeleteRow)
            }
        return found


def all_mutations() -> list[Mutation]:
    """Return a mutation for each erasing strategy whose column can be planted."""
    return [
        found
        for model in registry.installed_models()
        for column, key, strategy in planting.erasing_strategies(model)
        if (found := Mutation(model, column.name, key, strategy)).name not in planting.NEVER_THERE
    ]


def _what_takes(model: type[models.Model], column: str) -> set[type[models.Model]]:
    """Return the models whose deleted rows erase the column: its own, and those that its keys lead to."""
    found, waiting = set(), [model]
    keys = [model._meta.get_field(column)]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        if registry.is_deleted(one):
            found.add(one)
        keys += [key for key in one._meta.concrete_fields if _goes_along(key)]
        waiting += [key.related_model for key in keys if _goes_along(key, too=models.SET_NULL)]
        keys = []
    return found


def _goes_along(key: models.Field, *, too=models.CASCADE) -> bool:
    if not isinstance(key, models.ForeignKey) or key.remote_field.on_delete not in (models.CASCADE, too):
        return False
    return registry.is_deleted(key.related_model)


def declare(monkeypatch, changed: type[models.Model], **attributes) -> None:
    """Change attributes of the declaration of one model until the end of the test."""
    other = replace(_declared(changed), **attributes)
    monkeypatch.setattr(
        registry, "declaration", lambda model: other if model is changed else _declared(model)
    )
    monkeypatch.setattr(statements, "made", {})


@contextmanager
def switched_off(mutation: Mutation) -> Iterator[None]:
    """Within the block the declarations keep the column."""
    off = mutation.off

    def declaration(model):
        said = _declared(model)
        columns = dict(said.columns)
        for _model, column, key in (one for one in off if one[0] is model):
            if key:
                strategy = columns[column]
                columns[column] = Json({**strategy.keys, key: OFF}, strategy.default)
            else:
                columns[column] = OFF
        return replace(said, columns=columns)

    with mock.patch.object(registry, "declaration", declaration), mock.patch.object(statements, "made", {}):
        yield
