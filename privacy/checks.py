"""A column that says nothing about the person stops the build."""

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from ticketshop.lib.personal import SUBJECT_UUID, WORDS, Json

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
        errors += _columns(model, said) + _paths(model, said)
    return errors


def _columns(model, said) -> list:
    errors = []
    names = set()
    for column in model._meta.concrete_fields:
        names.add(column.name)
        word = registry.said_of(said, column)
        if word is None and registry.needs_word(column):
            errors.append(
                _error(
                    f"{model._meta.label}.{column.name} does not say what it knows about a person.",
                    "privacy.E002",
                )
            )
        elif word is not None:
            errors += _words(model, column, word)
    errors += [
        _error(f"{model._meta.label}.{name} is declared but is no column.", "privacy.E004")
        for name in sorted(set(said.columns) - names)
    ]
    return errors


def _words(model, column, word) -> list:
    """The column's word, and those inside it, are of the grammar; the wait leads to an instant or a day."""
    name = f"{model._meta.label}.{column.name}"
    errors = [
        _error(f"{name}: {one!r} is no word of ticketshop.lib.personal.", "privacy.E003")
        for one in (word, *_inner(word))
        if not isinstance(one, WORDS)
    ]
    if isinstance(word, Json) and not isinstance(column, models.JSONField):
        errors.append(_error(f"{name} speaks of keys but is no JSON column.", "privacy.E006"))
    until = getattr(word, "until", None)
    if until is not None and not isinstance(_end_of(model, until.path), models.DateField):
        errors.append(_error(f"{name}: the wait “{until.path}” leads to no day or instant.", "privacy.E007"))
    return errors


def _inner(word) -> list:
    return [*word.keys.values(), word.default] if isinstance(word, Json) else []


def _paths(model, said) -> list:
    errors = []
    for path, kind in said.subject.items():
        end = _end_of(model, path)
        if end is None:
            errors.append(
                _error(
                    f"{model._meta.label}: the path “{path}” to the person does not exist.", "privacy.E005"
                )
            )
        elif not _reaches(model, end, kind):
            errors.append(
                _error(f"{model._meta.label}: the path “{path}” does not lead to a {kind}.", "privacy.E008")
            )
    return errors


def _end_of(model, path: str):
    """The last field along ``path``, or None where it breaks off."""
    found, current = None, model
    for name in path.split("__"):
        if current is None:
            return None
        try:
            found = current._meta.pk if name == "pk" else current._meta.get_field(name)
        except FieldDoesNotExist:
            return None
        current = found.related_model if isinstance(found, models.ForeignKey) else None
    return found


def _reaches(model, end, kind: str) -> bool:
    if kind == SUBJECT_UUID:
        return isinstance(end, models.UUIDField)
    person = end.related_model if isinstance(end, models.ForeignKey) else model
    return registry.declaration(person).person == kind


def _error(message: str, number: str):
    return checks.Error(
        message, hint="Declare it in the model's class Personal (see ticketshop/lib/personal.py).", id=number
    )
