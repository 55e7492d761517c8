"""A table of how the rows of each model expire without a request, from the declarations: part of a decision note."""

from django.db import models
from django.utils import translation

from contacts.models import Contact
from ticketshop.lib.personal import (
    ADDRESS,
    CONTACT,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    USER,
    Expiry,
    KeepRow,
    LastUse,
    LogInRows,
    Unless,
)
from ticketshop.organisers.models import Organiser

from . import registry, subjects

_HEAD = "| rows | end without a click | job |\n|---|---|---|\n"
_WITH_CONTACT = "With the contact."
_WITH_LOG_IN = "With the log-in, which goes with its last contact."
_OF_CONTACTS = {CONTACT, SUBJECT_UUID, SUBJECT_UUIDS}


def endings(model: type[models.Model]) -> list[tuple[str, str]]:
    """Return (sentence, name of the job or empty) for each way in which rows of ``model`` end.

    Empty if some of the rows would stay for ever.
    """
    declaration = registry.declaration(model)
    own = [(_sentence(rule), rule.job) for rule in declaration.expiry]
    if registry.every_row_expires(model):
        return own
    if model is Contact:
        return own if any(isinstance(rule.since, LastUse) for rule in declaration.expiry) else []
    kinds = {_kind(kind) for kind in declaration.subject.values()}
    if kinds <= {ADDRESS} or (ADDRESS in kinds and not any(rule.where for rule in declaration.expiry)):
        # The address may belong to no contact: then nothing ends with a contact.
        return []
    if not endings(Contact):
        return []
    return [*own, (_WITH_CONTACT if kinds & _OF_CONTACTS else _WITH_LOG_IN, "")]


def _kind(kind) -> str:
    if isinstance(kind, LogInRows):
        return USER
    return kind.kind if isinstance(kind, Unless | KeepRow) else kind


def _sentence(rule: Expiry) -> str:
    """Return the sentence that people read, with the columns from which the time counts."""
    number = Organiser._meta.get_field(rule.setting).default if rule.setting else rule.days
    text = str(rule.promise)
    if rule.promise and isinstance(number, int):
        text = str(rule.promise % {"number": number})
    if isinstance(rule.since, LastUse):
        return f"{text} (`{rule.setting}`)"
    paths = (rule.since,) if isinstance(rule.since, str) else rule.since
    days = [] if rule.days == 0 else [str(rule.days)]
    since = " + ".join(
        part if part.isdecimal() else f"`{part}`" for part in [" or ".join(paths), *days] if part
    )
    return " ".join(part for part in (text, f"({since})" if since else "") if part)


def as_markdown() -> str:
    """Return the table in English, one line for each model with personal data."""
    lines = []
    with translation.override("en"):
        for model in sorted(subjects.models_with_people(), key=lambda model: model._meta.label):
            if model._meta.auto_created:
                continue
            rows = endings(model)
            sentences = " ".join(sentence for sentence, _job in rows)
            jobs = ", ".join(dict.fromkeys(job for _text, job in rows if job))
            lines.append(f"| {model._meta.label} | {sentences} | {jobs} |\n")
    return _HEAD + "".join(lines)
