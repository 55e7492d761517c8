"""A column that says nothing about the person stops the build."""

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from ticketshop.lib.personal import WORDS

from . import registry


@checks.register(checks.Tags.models)
def every_column_is_declared(app_configs, **kwargs):
    """One error per undeclared model, undeclared column, unknown column, and path that leads nowhere."""
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
        elif word is not None and not isinstance(word, WORDS):
            errors.append(
                _error(
                    f"{model._meta.label}.{column.name}: {word!r} is no word of ticketshop.lib.personal.",
                    "privacy.E003",
                )
            )
    errors += [
        _error(f"{model._meta.label}.{name} is declared but is no column.", "privacy.E004")
        for name in sorted(set(said.columns) - names)
    ]
    return errors


def _paths(model, said) -> list:
    errors = []
    for path in said.subject:
        current = model
        try:
            for name in path.split("__"):
                found = current._meta.pk if name == "pk" else current._meta.get_field(name)
                current = found.related_model if isinstance(found, models.ForeignKey) else current
        except FieldDoesNotExist:
            errors.append(
                _error(
                    f"{model._meta.label}: the path “{path}” to the person does not exist.", "privacy.E005"
                )
            )
    return errors


def _error(message: str, number: str):
    return checks.Error(
        message, hint="Declare it in the model's class Personal (see ticketshop/lib/personal.py).", id=number
    )
