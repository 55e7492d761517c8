"""Plans and declarations as pages for visitors show them: by area, in the active language."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from django.conf import settings
from django.db.models import ForeignKey, ManyToManyField
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from ticketshop.lib.areas import ALL, Area
from ticketshop.lib.personal import (
    CONTRACT,
    About,
    Author,
    Basis,
    CloseState,
    CollectedQuestion,
    Keep,
    NotPersonal,
    Restrict,
    StampDay,
)
from ticketshop.organisers.models import Organiser

from ..copies import copying
from ..declarations import promises, registry
from .planning import Plan

D = TypeVar("D", bound=date)


@dataclass
class AreaPlan:
    """The effect of an erasure in one area.

    ``erased``: number of records. ``retained`` and ``deferred``: the legal bases, each with its last day or instant, None
    if that is not known.
    """

    area: Area
    erased: int = 0
    retained: dict[Basis, date | None] = field(default_factory=dict)
    deferred: dict[Basis, datetime | None] = field(default_factory=dict)


def area_plans(plans: list[Plan]) -> list[AreaPlan]:
    """Return the sum of ``plans`` by area, without areas in which nothing happens."""
    by_area = {area: AreaPlan(area) for area in ALL}
    for plan in plans:
        for part in plan.erased:
            if (area_plan := by_area.get(_area(part.model))) and not part.model._meta.auto_created:
                area_plan.erased += part.rows
        for retained in plan.retained:
            if area_plan := by_area.get(_area(retained.model)):
                known = area_plan.retained.get(retained.basis)
                area_plan.retained[retained.basis] = _later(known, retained.until)
        for deferral in plan.deferrals:
            # An unfinished ticket also defers the person's name and the order.
            for area in {_area(model) for model in (deferral.model, *plan.deferred_rows)}:
                if area_plan := by_area.get(area):
                    known_end = area_plan.deferred.get(deferral.basis)
                    area_plan.deferred[deferral.basis] = _later(known_end, deferral.until)
    return [
        area_plan
        for area_plan in by_area.values()
        if area_plan.erased or area_plan.retained or area_plan.deferred
    ]


def _area(model) -> Area | None:
    return registry.declaration(model).area


def _later(one: D | None, other: D | None) -> D | None:
    return max(one, other) if one and other else one or other


def has_unused_tickets(plans: list[Plan]) -> bool:
    """Return whether the person may choose: to be reached about unused tickets, or to be erased at once."""
    return any(deferral.basis == CONTRACT for plan in plans for deferral in plan.deferrals)


@dataclass
class AreaSummary:
    """One area of the page *Your data here*, the same for everybody.

    ``until``: sentences about the period. ``columns`` are erased on request, ``stays_columns`` stay for the bases ``stays``.
    """

    area: Area
    until: list[str]
    columns: list[str]
    stays: list[Basis]
    stays_columns: list[str]


def area_summaries(organiser: Organiser) -> list[AreaSummary]:
    """Return all areas with the names of their columns, and how long the data stay at ``organiser``."""
    by_area = {
        area: AreaSummary(area, [promise.text for promise in promises.of_area(area, organiser)], [], [], [])
        for area in ALL
    }
    for model in sorted(registry.installed_models(), key=lambda model: model._meta.label):
        declaration = registry.declaration(model)
        summary = by_area.get(declaration.area)
        if summary is None or model._meta.auto_created:
            continue
        for name, strategy in declaration.columns.items():
            if isinstance(strategy, Restrict):
                # It may have no name: what is locked away is left out of a copy.
                _add(summary.stays, strategy.basis)
            if isinstance(strategy, (NotPersonal, Author, CloseState, StampDay)) or not has_name(model, name):
                continue
            column = model._meta.get_field(name)
            if isinstance(strategy, Keep | Restrict):
                _add(summary.stays_columns, copying.label(model, name))
                _add(summary.stays, strategy.basis)
            elif isinstance(column, ForeignKey) and registry.is_person(column.related_model):
                _add(summary.columns, _("that it is yours"))
            elif not isinstance(column, ManyToManyField):
                _add(summary.columns, copying.label(model, name))
    return list(by_area.values())


def _add(values: list, value) -> None:
    if value not in values:
        values.append(value)


def has_name(model, name: str) -> bool:
    """Return whether a column has a name for people and is not always left out of a copy."""
    reason = registry.declaration(model).withheld.get(name)
    return (reason is None or isinstance(reason, About)) and copying.is_named(model, name)


def mail_service() -> str:
    """Return the name of the outside service that delivers e-mails; empty with a mail server of the shop's own."""
    package, _dot, rest = settings.EMAIL_BACKEND.partition(".backends.")
    return rest.partition(".")[0].replace("_", " ").title() if package == "anymail" else ""


def told_companies(organiser: Organiser) -> list[tuple[str, str]]:
    """Return the companies to which the organiser gives data about orders: (name, what it gets)."""
    companies: list[tuple[str, str]] = []
    for model in registry.installed_models():
        if path := registry.declaration(model).tells:
            companies += import_string(path)(organiser)
    return companies


def collected_questions(organiser: Organiser) -> list[tuple[CollectedQuestion, str]]:
    """Return the questions that the organiser asks, each with the sentence about how long answers stay."""
    questions: list[CollectedQuestion] = []
    for model in registry.installed_models():
        if path := registry.declaration(model).collects:
            questions += import_string(path)(organiser)
    return [(question, promises.of_question(question.days).text) for question in questions]
