"""Switch declarations off, one after the other, to see whether the scan notices.

A row that goes takes its columns with it, and so does the row it hangs on: what is switched off is all that
would take the column, so that the scan has to notice this very one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from unittest import mock

from django.db import models

from privacy.declarations import registry
from tests.privacy import planting
from ticketshop.lib.personal import BOOKS, Author, DeleteRow, Json, Keep

OFF = Keep(BOOKS)
_declared = registry.declaration


@dataclass(frozen=True)
class Mutation:
    """A declaration that takes something away, by the column it is about."""

    model: type[models.Model]
    column: str
    key: str
    word: object

    @property
    def name(self) -> str:
        return planting.declared(self.model, self.column, self.key)

    @property
    def needs_a_shared_log_in(self) -> bool:
        """Of a log-in that goes the database drops the keys by itself; one that stays is forgotten in its house."""
        return isinstance(self.word, Author) and hasattr(self.model, "organiser_path")

    @property
    def off(self) -> set[tuple[type[models.Model], str, str]]:
        """(model, column, key) of every declaration that has to be off for this one to have no effect."""
        found = {(self.model, self.column, self.key)}
        for model in _what_takes(self.model, self.column):
            found |= {
                (model, column.name, key)
                for column, key, word in planting.erasing_words(model)
                if isinstance(word, DeleteRow)
            }
        return found


def all_mutations() -> list[Mutation]:
    """One for every declaration that takes something away and can be planted."""
    return [
        found
        for model in registry.installed_models()
        for column, key, word in planting.erasing_words(model)
        if (found := Mutation(model, column.name, key, word)).name not in planting.NEVER_THERE
    ]


def _what_takes(model: type[models.Model], column: str) -> set[type[models.Model]]:
    """The models whose rows, going, take the column along: its own, and those its row or the column itself hangs on."""
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


@contextmanager
def switched_off(mutation: Mutation) -> Iterator[None]:
    """While this lasts the engine reads declarations in which this one keeps what it took."""
    off = mutation.off

    def declaration(model):
        said = _declared(model)
        columns = dict(said.columns)
        for _model, column, key in (one for one in off if one[0] is model):
            if key:
                word = columns[column]
                columns[column] = Json({**word.keys, key: OFF}, word.default)
            else:
                columns[column] = OFF
        return replace(said, columns=columns)

    with mock.patch.object(registry, "declaration", declaration):
        yield
