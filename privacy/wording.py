"""A plan in words a visitor reads: what goes, what waits for what, what stays and why, by area."""

from dataclasses import dataclass, field
from datetime import date, datetime

from ticketshop.lib.areas import ALL, Area
from ticketshop.lib.personal import CONTRACT, Basis, Keep, NotPersonal

from . import copying, registry
from .planning import Plan


@dataclass
class Fate:
    """What becomes of one area: how many records go, and what stays or waits, each with its basis and last day."""

    area: Area
    goes: int = 0
    stays: dict[Basis, date | None] = field(default_factory=dict)
    waits: dict[Basis, datetime | None] = field(default_factory=dict)


def fates(plans: list[Plan]) -> list[Fate]:
    """The same plans as the back office shows, added up by area; areas without anything are left out."""
    found = {area: Fate(area) for area in ALL}
    for plan in plans:
        for goes in plan.goes:
            if (fate := found.get(_area(goes.model))) and not goes.model._meta.auto_created:
                fate.goes += goes.rows
        for stays in plan.stays:
            if fate := found.get(_area(stays.model)):
                fate.stays[stays.basis] = _later(fate.stays.get(stays.basis), stays.until)
        for wait in plan.waits:
            if fate := found.get(_area(wait.model)):
                fate.waits[wait.basis] = _later(fate.waits.get(wait.basis), wait.until)
    return [fate for fate in found.values() if fate.goes or fate.stays or fate.waits]


def _area(model) -> Area | None:
    return registry.declaration(model).area


def _later(one, other):
    return max(one, other) if one and other else one or other


def waits_for_tickets(plans: list[Plan]) -> bool:
    """Whether the person may choose: to be reached about unused tickets, or to be forgotten at once."""
    return any(wait.basis == CONTRACT for plan in plans for wait in plan.waits)


@dataclass
class Known:
    """One area of the page *Your data here*: what is kept of anybody, what goes when asked, what stays and why."""

    area: Area
    columns: list[str]
    stays: list[Basis]
    stays_columns: list[str]


def everything() -> list[Known]:
    """All areas with the names of their columns, from the declarations alone."""
    found = {area: Known(area, [], [], []) for area in ALL}
    for model in sorted(registry.census(), key=lambda model: model._meta.label):
        said = registry.declaration(model)
        known = found.get(said.area)
        if known is None or model._meta.auto_created:
            continue
        for name, word in said.columns.items():
            if isinstance(word, NotPersonal) or not has_name(model, name):
                continue
            called = copying.label(model, name)
            kept = isinstance(word, Keep)
            _add(known.stays_columns if kept else known.columns, called)
            if kept:
                _add(known.stays, word.basis)
    return list(found.values())


def has_name(model, name: str) -> bool:
    """Whether people have a word for the column, and it is not left out of a copy for good."""
    said, column = registry.declaration(model), model._meta.get_field(name)
    if isinstance(said.withheld.get(name), str) or name in said.withheld:
        return False
    return name in said.labels or getattr(column, "_verbose_name", None) is not None


def _add(to: list, one) -> None:
    if one not in to:
        to.append(one)
