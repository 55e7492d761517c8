"""A plan in words a visitor reads: what goes, what waits for what, what stays and why, by area."""

from dataclasses import dataclass, field
from datetime import date, datetime

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
    StampDay,
)
from ticketshop.organisers.models import Organiser

from ..copies import copying
from ..declarations import promises, registry
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
            # What waits holds other rows too: the person's name, the order.
            for area in {_area(model) for model in (wait.model, *plan.held)}:
                if fate := found.get(area):
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
    until: list[str]
    columns: list[str]
    stays: list[Basis]
    stays_columns: list[str]


def everything(organiser: Organiser) -> list[Known]:
    """All areas with how long they stay at ``organiser`` and the names of their columns, from the declarations alone."""
    found = {
        area: Known(area, [promise.text for promise in promises.of_area(area, organiser)], [], [], [])
        for area in ALL
    }
    for model in sorted(registry.installed_models(), key=lambda model: model._meta.label):
        said = registry.declaration(model)
        known = found.get(said.area)
        if known is None or model._meta.auto_created:
            continue
        for name, word in said.columns.items():
            if isinstance(word, (NotPersonal, Author, CloseState, StampDay)) or not has_name(model, name):
                continue
            column = model._meta.get_field(name)
            if isinstance(word, Keep):
                _add(known.stays_columns, copying.label(model, name))
                _add(known.stays, word.basis)
            elif isinstance(column, ForeignKey) and registry.is_person(column.related_model):
                _add(known.columns, _("that it is yours"))
            elif not isinstance(column, ManyToManyField):
                _add(known.columns, copying.label(model, name))
    return list(found.values())


def mail_service() -> str:
    """The name of the outside service that delivers e-mails, and so gets addresses; empty where a mail server of ours does."""
    room, _dot, rest = settings.EMAIL_BACKEND.partition(".backends.")
    return rest.partition(".")[0].replace("_", " ").title() if room == "anymail" else ""


def collected(organiser: Organiser) -> list[tuple[CollectedQuestion, str]]:
    """What this organiser asks of people in their own words, and how long it stays."""
    found: list[CollectedQuestion] = []
    for model in registry.installed_models():
        if path := registry.declaration(model).collects:
            found += import_string(path)(organiser)
    return [(one, promises.of_question(one.days).text) for one in found]


def has_name(model, name: str) -> bool:
    """Whether people have a word for the column, and it is not left out of a copy for good."""
    reason = registry.declaration(model).withheld.get(name)
    return (reason is None or isinstance(reason, About)) and copying.is_named(model, name)


def _add(to: list, one) -> None:
    if one not in to:
        to.append(one)
