"""The places in which somebody else named the person: each is looked at before the person is erased."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from contacts.models import Contact

from ..declarations import registry
from ..plan import occurrences
from ..plan.occurrences import Occurrence

ERASE, OTHER = "erase", "other"
DEEPEST = 4  # how far the page of a row may be away


@dataclass(frozen=True)
class Place:
    """An occurrence, the page on which staff see or change it (or none), and what they chose."""

    occurrence: Occurrence
    url: str
    choice: str

    @property
    def is_settled(self) -> bool:
        return self.choice == OTHER or (self.choice == ERASE and self.occurrence.erasable)


def of(preview, request: HttpRequest) -> list[Place]:
    """Return all places of a preview with what was posted for each."""
    return [
        Place(one, page_of(one.row), request.POST.get(one.key, ""))
        for one in occurrences.found(preview.contact, preview.plan)
    ]


def page_of(row: models.Model, deepest: int = DEEPEST) -> str:
    """The address of the row's page, or that of the row it belongs to; empty where there is none."""
    meta = row._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        pass
    if deepest == 0:
        return ""
    return next((url for owner in _owners(row) if (url := page_of(owner, deepest - 1))), "")


def _owners(row: models.Model) -> Iterator[models.Model]:
    """The rows a row belongs to, nearest first; never a person or an organiser."""
    path = getattr(type(row), "organiser_path", "").partition("__")[0]
    column = registry.end_of(type(row), path) if path not in ("", "pk") else None
    if isinstance(column, models.ForeignKey) and column.related_model._meta.app_label != "organisers":
        owner = getattr(row, path)
        if owner is not None:
            yield owner
    for relation in row._meta.related_objects:
        model = relation.related_model
        if model is not Contact and getattr(model, "organiser_path", "").count("__") == 1:
            yield from model._base_manager.filter(**{relation.field.name: row.pk})[:1]
