"""What ends the rows of each model without anybody asking, from the declarations: the table of a decision note."""

from django.db import models
from django.utils import translation

from contacts.models import Contact
from ticketshop.lib.personal import (
    ADDRESS,
    CONTACT,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    Expiry,
    KeepRow,
    LastUse,
    LogInRows,
    Unless,
)
from ticketshop.organisers.models import Organiser

from . import registry, subjects

_HEAD = "| rows | end without a click | job |\n|---|---|---|\n"
# A log-in goes with its last contact, and with what it names.
_WITH_CONTACT, _WITH_LOG_IN = "With the contact.", "With the log-in, which goes with its last contact."
_OF_CONTACTS = {CONTACT, SUBJECT_UUID, SUBJECT_UUIDS}


def what_ends(model: type[models.Model]) -> list[tuple[str, str]]:
    """(when, by which job) for the rows of ``model``; empty if some of them would stay for ever."""
    said = registry.declaration(model)
    found = [(_when(ends), ends.job) for ends in said.expiry]
    if registry.all_end_by_themselves(model):
        return found
    if model is Contact:
        return found if any(isinstance(ends.since, LastUse) for ends in said.expiry) else []
    kinds = {_kind(kind) for kind in said.subject.values()}
    if kinds <= {ADDRESS} or (ADDRESS in kinds and not any(ends.where for ends in said.expiry)):
        # Whoever's address stands there may be known to nobody.
        return []
    if not what_ends(Contact):
        return []
    return [
        *found,
        (
            _WITH_CONTACT if kinds & _OF_CONTACTS else _WITH_LOG_IN,
            "",
        ),
    ]


def _kind(kind) -> str:
    if isinstance(kind, LogInRows):
        return "user"
    return kind.kind if isinstance(kind, Unless | KeepRow) else kind


def _when(ends: Expiry) -> str:
    """The sentence people read, with the columns the time counts from."""
    number = Organiser._meta.get_field(ends.setting).default if ends.setting else ends.days
    text = (
        str(ends.promise % {"number": number})
        if ends.promise and isinstance(number, int)
        else str(ends.promise)
    )
    if isinstance(ends.since, LastUse):
        return f"{text} (`{ends.setting}`)"
    paths = (ends.since,) if isinstance(ends.since, str) else ends.since
    days = [] if ends.days == 0 else [str(ends.days)]
    since = " + ".join(
        part if part.isdecimal() else f"`{part}`" for part in [" or ".join(paths), *days] if part
    )
    return " ".join(part for part in (text, f"({since})" if since else "") if part)


def as_markdown() -> str:
    """The table, a line for each model that knows something of a person."""
    lines = []
    with translation.override("en"):
        for model in sorted(subjects.models_with_people(), key=lambda model: model._meta.label):
            if model._meta.auto_created:
                continue
            ended = what_ends(model)
            when = " ".join(text for text, _job in ended)
            jobs = ", ".join(dict.fromkeys(job for _text, job in ended if job))
            lines.append(f"| {model._meta.label} | {when} | {jobs} |\n")
    return _HEAD + "".join(lines)
