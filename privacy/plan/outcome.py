"""The outcome of a request, read from its record, as texts for the person: in the receipt, the last mail, and on a page."""

from dataclasses import dataclass
from datetime import date, datetime

from django.apps import apps
from django.db import models
from django.utils.text import capfirst

from ticketshop.lib.areas import ALL, Area
from ticketshop.lib.personal import BASES

from ..declarations import registry
from ..models import Erasure


@dataclass(frozen=True)
class Kept:
    """Retained data of some areas, with the reason and the last day; without a day until it is settled."""

    areas: list[Area]
    reason: str
    until: date | None


@dataclass(frozen=True)
class Deferred:
    """An unfinished thing (``what``), why it defers the erasure, and until when at the latest."""

    what: str
    reason: str
    until: datetime | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of one request. ``erased``: the areas in which something was erased."""

    erased: list[Area]
    kept: list[Kept]
    deferred: list[Deferred]


def of(erasure: Erasure) -> Outcome:
    """Return the outcome of a request from its record; one query."""
    erased = {_area(step.model) for step in erasure.steps.all()}
    return Outcome(
        [area for area in ALL if area in erased],
        _kept(erasure),
        [] if erasure.state == Erasure.State.CLOSED else _deferred(erasure),
    )


def _kept(erasure: Erasure) -> list[Kept]:
    by_basis: dict[str, tuple[set[Area | None], set[str | None]]] = {}
    for part in erasure.kept:
        areas, ends = by_basis.setdefault(part["basis"], (set(), set()))
        areas.add(_area(part["model"]))
        ends.add(part["until"])
    return [
        Kept([area for area in ALL if area in areas], reason(basis), _last(ends))
        for basis, (areas, ends) in by_basis.items()
    ]


def _last(ends: set[str | None]) -> date | None:
    days = [date.fromisoformat(end) for end in ends if end]
    return max(days, default=None)


def _deferred(erasure: Erasure) -> list[Deferred]:
    ends: dict[tuple[str, str], datetime | None] = {}
    for part in erasure.deferred:
        key = (what(part["model"], part["basis"]), reason(part["basis"]))
        end = datetime.fromisoformat(part["until"]) if part["until"] else None
        known = ends.get(key)
        ends[key] = max(known, end) if known and end else known or end
    return [Deferred(text, why, end) for (text, why), end in ends.items()]


def model_of(label: str) -> type[models.Model] | None:
    """Return the model that a record names by its label; None for a model that no longer exists."""
    app, name = label.split(".")
    return apps.all_models[app].get(name.lower())


def _area(label: str) -> Area | None:
    model = model_of(label)
    return registry.declaration(model).area if model else None


def what(label: str, basis: str) -> str:
    """Return what is unfinished in rows of a model, such as “A ticket not yet used”; else the model's label."""
    model = model_of(label)
    defers = registry.declaration(model).defers if model else ()
    return next((capfirst(str(defer.label)) for defer in defers if defer.basis.code == basis), label)


def reason(code: str) -> str:
    """Return why something is retained or deferred, by the code of its basis."""
    return str(BASES[code].reason) if code in BASES else code
