"""What people are told about how long their data stay: each sentence comes from a declaration, with the job that keeps it."""

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
    Unless,
)
from ticketshop.organisers.models import Organiser

from . import registry

# Takes up whatever was asked for, until it is done.
ASKED = "privacy.go_on"


@dataclass(frozen=True)
class Promise:
    """A sentence, and the periodic job that carries it out; none for what stays at least so long."""

    text: str
    job: str | None


def of_area(area: Area, organiser: Organiser) -> list[Promise]:
    """How long the rows of an area stay at ``organiser``, in sentences, each once."""
    found: dict[Promise, None] = {}
    for model in registry.census():
        if registry.declaration(model).area == area and not model._meta.auto_created:
            found |= dict.fromkeys(_of_model(model, organiser))
    # What goes first stands first; what stays for the books stands last.
    return sorted(found, key=lambda promise: (promise.job is None, promise.job == ASKED))


def _of_model(model: type[models.Model], organiser: Organiser) -> Iterator[Promise]:
    said = registry.declaration(model)
    for ends in said.expiry:
        if ends.promise:
            yield Promise(_in_words(ends, organiser), ends.job)
    if said.person is not None:
        yield when_asked()
    elif _ends_with_the_profile(model):
        yield with_profile()
    for word in said.columns.values():
        if isinstance(word, Keep) and word.basis.promise:
            yield Promise(str(word.basis.promise), None)


def _in_words(ends: Expiry, organiser: Organiser) -> str:
    number = getattr(organiser, ends.setting) if ends.setting else ends.days
    return str(ends.promise % {"number": number} if isinstance(number, int) else ends.promise)


def _ends_with_the_profile(model: type[models.Model]) -> bool:
    """Whether some rows of ``model`` stay as long as the contact they are about."""
    kinds = {
        kind.kind if isinstance(kind, Unless | KeepRow) else kind
        for kind in registry.declaration(model).subject.values()
    }
    return bool(kinds & {CONTACT, SUBJECT_UUID, SUBJECT_UUIDS}) and not registry.all_end_by_themselves(model)


def when_asked() -> Promise:
    return Promise(_("Until you ask us to erase it."), ASKED)


def with_profile() -> Promise:
    """The contact itself ends by ``Contact``'s own declaration."""
    return Promise(_("As long as your profile."), RETENTION)


def of_question(days: int | None) -> Promise:
    """How long the answers to a question stay: so many days after the event, or as long as the person is known."""
    if days is None:
        return with_profile()
    text = ngettext("%(number)s day after the event.", "%(number)s days after the event.", days)
    return Promise(text % {"number": days}, RETENTION)
