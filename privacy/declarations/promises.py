"""The sentences that tell people how long their data stay, from the declarations, each with the job that keeps it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.lib.areas import Area
from ticketshop.lib.personal import (
    CONTACT,
    RETENTION,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    Expiry,
    Keep,
    KeepRow,
    Restrict,
    Unless,
)
from ticketshop.organisers.models import Organiser

from . import registry

# The job that carries out requests.
REQUESTS_JOB = "privacy.go_on"


@dataclass(frozen=True)
class Promise:
    """A translated sentence, and the periodic job that keeps it; no job for data that stay *at least* so long."""

    text: str
    job: str | None


def of_area(area: Area, organiser: Organiser) -> list[Promise]:
    """Return how long the rows of an area stay at ``organiser``: each sentence once, the shortest period first."""
    promises: dict[Promise, None] = {}
    for model in registry.installed_models():
        if registry.declaration(model).area == area and not model._meta.auto_created:
            promises |= dict.fromkeys(_of_model(model, organiser))
    return sorted(promises, key=lambda promise: (promise.job is None, promise.job == REQUESTS_JOB))


def _of_model(model: type[models.Model], organiser: Organiser) -> Iterator[Promise]:
    declaration = registry.declaration(model)
    for rule in declaration.expiry:
        if rule.promise:
            yield Promise(_sentence(rule, organiser), rule.job)
    if declaration.person is not None:
        yield until_requested()
    elif _stays_with_contact(model):
        yield with_profile()
    for strategy in declaration.columns.values():
        if isinstance(strategy, Keep | Restrict) and strategy.basis.promise:
            yield Promise(str(strategy.basis.promise), None)


def _sentence(rule: Expiry, organiser: Organiser) -> str:
    number = getattr(organiser, rule.setting) if rule.setting else rule.days
    return str(rule.promise % {"number": number} if isinstance(number, int) else rule.promise)


def _stays_with_contact(model: type[models.Model]) -> bool:
    """Return whether some rows of ``model`` stay as long as the contact they are about."""
    kinds = {
        kind.kind if isinstance(kind, Unless | KeepRow) else kind
        for kind in registry.declaration(model).subject.values()
    }
    return bool(kinds & {CONTACT, SUBJECT_UUID, SUBJECT_UUIDS}) and not registry.every_row_expires(model)


def until_requested() -> Promise:
    """Return the promise for data that stay until the person requests their erasure."""
    return Promise(_("Until you ask us to erase it."), REQUESTS_JOB)


def with_profile() -> Promise:
    """Return the promise for data that end with the contact, which expires by its own declaration."""
    return Promise(_("As long as your profile."), RETENTION)


def of_question(days: int | None) -> Promise:
    """Return how long answers to a question stay: ``days`` days after the event; None: as long as the contact."""
    if days is None:
        return with_profile()
    text = ngettext("%(number)s day after the event.", "%(number)s days after the event.", days)
    return Promise(text % {"number": days}, RETENTION)
