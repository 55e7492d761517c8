"""Rows that say something about a person while no path leads to one: nobody could ask for them or have them erased.

A model whose rows end by themselves (``ends``) may have such rows: a cart into which nobody has typed an address yet.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, QuerySet

from ticketshop.lib.personal import CONTACT, KeepRow, LogInRows, Unless

from . import emptying, registry, subjects


def found() -> dict[str, int]:
    """Label of a model -> how many such rows it has; models without any are left out. One query a model."""
    counted = {model._meta.label: rows(model).count() for model in subjects.models_with_people()}
    return {label: number for label, number in counted.items() if number}


def rows(model: type[models.Model]) -> QuerySet:
    """The rows of ``model`` that still say something, and whose every path to a person is empty or leads to an erased one."""
    said = registry.declaration(model)
    nobody = model._base_manager.all()
    if said.person is not None or registry.all_end_by_themselves(model):
        return nobody.none()
    for ends in said.expiry:
        if ends.where:
            nobody = nobody.exclude(ends.where)
    for path, kind in said.subject.items():
        if isinstance(kind, KeepRow):
            continue
        nobody = nobody.filter(_leads_to_nobody(model, path, kind))
    if registry.is_deleted(model):
        return nobody
    return nobody.filter(emptying.remaining(model, emptying.emptied_columns(model)))


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
