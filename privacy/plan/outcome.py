"""What became of a request, in words for the person, from its record: receipt, last mail, page."""

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
    """What stays of some areas, why, and until when; without a day it ends when it is settled."""

    areas: list[Area]
    reason: str
    until: date | None


@dataclass(frozen=True)
class Deferred:
    """Something unfinished, why it is needed, and until when at the latest."""

    what: str
    reason: str
    until: datetime | None


@dataclass(frozen=True)
class Outcome:
    """``erased``: the areas from which something went."""

    erased: list[Area]
    kept: list[Kept]
    deferred: list[Deferred]


def of(erasure: Erasure) -> Outcome:
    """Read the record of a request; one query."""
    went = {_area(step.model) for step in erasure.steps.all()}
    return Outcome(
        [area for area in ALL if area in went],
        _kept(erasure),
        [] if erasure.state == Erasure.State.CLOSED else _deferred(erasure),
    )


def _kept(erasure: Erasure) -> list[Kept]:
    found: dict[str, tuple[set, set[str | None]]] = {}
    for one in erasure.kept:
        areas, ends = found.setdefault(one["basis"], (set(), set()))
        areas.add(_area(one["model"]))
        ends.add(one["until"])
    return [
        Kept([area for area in ALL if area in areas], reason(basis), _last(ends))
        for basis, (areas, ends) in found.items()
    ]


def _last(ends: set[str | None]) -> date | None:
    days = [date.fromisoformat(end) for end in ends if end]
    return max(days, default=None)


def _deferred(erasure: Erasure) -> list[Deferred]:
    found: dict[tuple[str, str], datetime | None] = {}
    for one in erasure.deferred:
        key = (what(one["model"], one["basis"]), reason(one["basis"]))
        end = datetime.fromisoformat(one["until"]) if one["until"] else None
        known = found.get(key)
        found[key] = max(known, end) if known and end else known or end
    return [Deferred(text, why, end) for (text, why), end in found.items()]


def model_of(label: str) -> type[models.Model] | None:
    """The model of a record; None for one that is no more."""
    room, name = label.split(".")
    return apps.all_models[room].get(name.lower())


def _area(label: str) -> Area | None:
    model = model_of(label)
    return registry.declaration(model).area if model else None


def what(label: str, basis: str) -> str:
    """What is unfinished, in words of people."""
    model = model_of(label)
    waits = registry.declaration(model).defers if model else ()
    return next((capfirst(str(one.label)) for one in waits if one.basis.code == basis), label)


def reason(code: str) -> str:
    """Why something stays or is deferred."""
    return str(BASES[code].reason) if code in BASES else code
