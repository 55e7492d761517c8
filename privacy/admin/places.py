"""Places in which others wrote the person's name, each with its page in the back office and what staff chose for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse

from contacts.models import Contact

from ..declarations import registry
from ..plan import occurrences
from ..plan.occurrences import Occurrence

# What staff choose: erase the text there, or leave it because it is about another person.
ERASE, OTHER = "erase", "other"
MAX_DEPTH = 4  # rows between a row without a page and the row on whose page it is shown


@dataclass(frozen=True)
class Place:
    """An occurrence, the URL of the page on which staff can change it (may be empty), and what they chose (may be empty)."""

    occurrence: Occurrence
    url: str
    choice: str

    @property
    def is_settled(self) -> bool:
        """Whether staff have chosen something that is possible here."""
        return self.choice == OTHER or (self.choice == ERASE and self.occurrence.erasable)


def of(preview, data: QueryDict) -> list[Place]:
    """Return the places of a preview, with what was chosen for each. ``data``: the posted fields."""
    return [
        Place(occurrence, page_of(occurrence.row), data.get(occurrence.key, ""))
        for occurrence in occurrences.find(preview.contact, preview.plan)
    ]


def page_of(row: models.Model, depth: int = MAX_DEPTH) -> str:
    """Return the URL of the row's page, or of the row it belongs to; empty if there is none."""
    meta = row._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        pass
    if depth == 0:
        return ""
    return next((url for owner in _owners(row) if (url := page_of(owner, depth - 1))), "")


def _owners(row: models.Model) -> Iterator[models.Model]:
    """Yield the rows a row belongs to, nearest first; no contacts and no organisers."""
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
