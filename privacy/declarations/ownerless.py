"""Rows with personal data from which no path leads to a person, so that no erasure would find them.

A model whose rows all expire (``expiry``) may have such rows, such as a cart without an address.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, QuerySet

from ticketshop.lib.personal import CONTACT, KeepRow, LogInRows, Unless

from . import emptying, registry, subjects


def counts() -> dict[str, int]:
    """Return label of a model -> number of such rows; models without any are left out. One query per model."""
    counted = {model._meta.label: rows(model).count() for model in subjects.models_with_people()}
    return {label: number for label, number in counted.items() if number}


def rows(model: type[models.Model]) -> QuerySet:
    """Return the rows with something to erase whose every path to a person is empty or leads to an erased contact."""
    declaration = registry.declaration(model)
    ownerless = model._base_manager.all()
    if declaration.person is not None or registry.every_row_expires(model):
        return ownerless.none()
    for rule in declaration.expiry:
        if rule.where:
            ownerless = ownerless.exclude(rule.where)
    for path, kind in declaration.subject.items():
        if isinstance(kind, KeepRow):
            continue
        ownerless = ownerless.filter(_leads_to_nobody(model, path, kind))
    if registry.is_deleted(model):
        return ownerless
    return ownerless.filter(emptying.remaining(model, emptying.emptied_columns(model)))


def _leads_to_nobody(model, path: str, kind) -> Q:
    kind = kind.kind if isinstance(kind, Unless) else kind
    end = registry.end_of(model, path)
    lookup = path.removesuffix("__pk")
    empty = Q(**{f"{lookup}__isnull": True})
    if kind == CONTACT:
        return empty | Q(**{f"{lookup}__erased_at__isnull": False})
    if isinstance(end, ArrayField):
        return Q(**{lookup: []})
    if isinstance(end, (models.CharField, models.JSONField)) and not isinstance(kind, LogInRows):
        return empty | Q(**{lookup: ""})
    return empty
