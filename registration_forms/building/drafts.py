"""Verbs of a form's draft: add a question, move it, archive it, drop a choice. Each moves the form's revision on."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import override

from ticketshop.history import history

from .. import conditions, definitions
from ..definitions import parse
from ..models import Answer, Choice, Field, RegistrationForm
from ..models.definition import MOST_FIELDS, new_key
from . import ready_made_forms

UP, DOWN = "up", "down"
# Known fields that a ticket shows unless the organiser keeps them off.
ON_TICKET = frozenset(("first_name", "last_name"))
# Known fields and the type that asks for each.
SYSTEM_TYPES = {
    "first_name": "text",
    "last_name": "text",
    "email": "email",
    "phone": "phone",
    "address": "address",
    "company": "text",
    "birth_date": "birth_date",
}
# What a new form starts with; the others are placed by the organiser.
STARTS_WITH = {
    "order": {
        "first_name": "mandatory",
        "last_name": "mandatory",
        "email": "mandatory",
        "phone": "hidden",
        "address": "hidden",
        "company": "hidden",
        "birth_date": "hidden",
    },
    "tariff": {"first_name": "mandatory", "last_name": "mandatory"},
    "pass": {"first_name": "mandatory", "last_name": "mandatory"},
}


class Changed(Exception):
    """Somebody else changed the draft meanwhile."""


class Full(Exception):
    """The form has as many questions as a form may have."""


class Placed(Exception):
    """The form places this known field already."""


class Needed(Exception):
    """Other questions depend on this one: ``questions``."""

    def __init__(self, questions: list[definitions.Question]):
        super().__init__(f"{len(questions)} questions depend on it")
        self.questions = questions


def lock_form(form: RegistrationForm, revision: int | None = None) -> RegistrationForm:
    """Lock the form for a change of its draft. Raises Changed where it has moved on from ``revision``."""
    locked = (
        RegistrationForm.objects.select_for_update(of=("self",)).select_related("organiser").get(pk=form.pk)
    )
    if revision is not None and locked.revision != revision:
        raise Changed
    return locked


def mark_changed(form: RegistrationForm) -> None:
    """Say that the draft has changed."""
    RegistrationForm.objects.filter(pk=form.pk).update(revision=models.F("revision") + 1)


def add_first_questions(form: RegistrationForm, filled_with: str = "") -> None:
    """Give a new form the known fields that its kind starts with, and the questions of a ready-made one."""
    chosen = ready_made_forms.BY_CODE.get(filled_with)
    known = STARTS_WITH[form.kind] | (chosen.known if chosen else {})
    for ref, visibility in known.items():
        add_known(form, ref, visibility)
    if chosen:
        ready_made_forms.fill(form, chosen)


def add_known(form: RegistrationForm, ref: str, visibility: str) -> Field:
    """Place a known field after the questions there are."""
    return _create(form, visibility=visibility, **known_columns(ref))


def known_columns(ref: str) -> dict[str, object]:
    """The columns of a known field."""
    return {
        "type": SYSTEM_TYPES[ref],
        "system_ref": ref,
        "on_ticket": ref in ON_TICKET,
        **known_labels(ref),
    }


def known_labels(ref: str) -> dict[str, str]:
    """The name of a known field in each language the interface speaks."""
    found = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            text = str(Field.SystemRef(ref).label)
            found[f"label_{code}"] = text[:1].upper() + text[1:]
    return found


def _hold_with_room(form: RegistrationForm) -> RegistrationForm:
    """Lock a form to which a question can be added. Raises Full."""
    form = lock_form(form)
    if form.fields.filter(archived_at=None).count() >= MOST_FIELDS:
        raise Full
    return form


@transaction.atomic
def add(
    form: RegistrationForm, *, by, now: datetime, choices: Iterable[Mapping[str, str]] = (), **values
) -> Field:
    """Add a question after the others. ``values`` are its columns, ``choices`` their labels by language. Raises Full."""
    form = _hold_with_room(form)
    field = _create(form, **values)
    Choice.objects.bulk_create(
        [
            Choice(field=field, position=number, **{f"label_{code}": text for code, text in texts.items()})
            for number, texts in enumerate(choices, 1)
        ]
    )
    mark_changed(form)
    history.record(form, "question_added", by=by, now=now, question=field.key)
    return field


@transaction.atomic
def duplicate(field: Field, *, by, now: datetime) -> Field:
    """Add a copy of a question behind it, with its choices, under keys of its own. Raises Full.

    The copy of a known field is a question like any other: a form places each known field once.
    """
    form = _hold_with_room(field.form)
    choices = list(field.choices.order_by("position", "pk"))
    form.fields.filter(position__gt=field.position).update(position=models.F("position") + 1)
    made = Field.objects.get(pk=field.pk)
    made.pk, made._state.adding, made.key, made.system_ref = None, True, new_key(), ""
    made.position = field.position + 1
    made.save(force_insert=True)
    for choice in choices:
        choice.pk, choice._state.adding, choice.field, choice.key, choice.used = (
            None,
            True,
            made,
            new_key(),
            0,
        )
    Choice.objects.bulk_create(choices)
    mark_changed(form)
    history.record(form, "question_added", by=by, now=now, question=made.key)
    return made


@transaction.atomic
def restore(field: Field, *, by, now: datetime) -> bool:
    """Put an archived question back behind the others. False: it was there. Raises Full, or Placed for a known field."""
    form = _hold_with_room(field.form)
    if field.system_ref and form.fields.filter(archived_at=None, system_ref=field.system_ref).exists():
        raise Placed
    last = form.fields.aggregate(last=models.Max("position"))["last"] or 0
    if (
        not Field.objects.filter(pk=field.pk)
        .exclude(archived_at=None)
        .update(archived_at=None, position=last + 1)
    ):
        return False
    mark_changed(form)
    history.record(form, "question_restored", by=by, now=now, question=field.key)
    return True


def _create(form: RegistrationForm, **values) -> Field:
    last = form.fields.aggregate(last=models.Max("position"))["last"] or 0
    return Field.objects.create(form=form, position=last + 1, **values)


@transaction.atomic
def move(
    form: RegistrationForm, field_id: int, way: str | int, *, revision: int, by, now: datetime
) -> Field | None:
    """Let a question and its neighbour change places, or put it at place ``way``, counted from 0; the row that moved.

    None where there is no such question. Raises Changed.
    """
    form = lock_form(form, revision)
    rows = list(form.fields.filter(archived_at=None).order_by("position", "pk"))
    place = next((number for number, row in enumerate(rows) if row.pk == field_id), None)
    if place is None:
        return None
    row = rows.pop(place)
    to = way if isinstance(way, int) else max(0, place - 1) if way == UP else place + 1
    rows.insert(to, row)
    for position, one in enumerate(rows, 1):
        if one.position != position:
            Field.objects.filter(pk=one.pk).update(position=position)
    mark_changed(form)
    history.record(form, "questions_moved", by=by, now=now, question=row.key)
    return row


@transaction.atomic
def archive(field: Field, *, by, now: datetime) -> bool:
    """Take a question out of the draft; its answers stay. False: it was out. Raises Needed."""
    form = lock_form(field.form)
    if needed := conditions.dependants(parse(definitions.build(form)), field.key):
        raise Needed(needed)
    if not Field.objects.filter(pk=field.pk, archived_at=None).update(archived_at=now):
        return False
    mark_changed(form)
    history.record(form, "question_archived", by=by, now=now, question=field.key)
    return True


def is_published(field: Field) -> bool:
    """Whether buyers have seen the question, or somebody has answered it."""
    shown = field.form.versions.filter(definition__fields__contains=[{"key": field.key}])
    return shown.exists() or Answer.objects.filter(field=field).exists()


def next_position(field: Field) -> int:
    """Where a choice goes that comes after the others."""
    return (field.choices.aggregate(last=models.Max("position"))["last"] or 0) + 1


@transaction.atomic
def add_choices(field: Field, labels: list[str], language: str) -> None:
    """Choices after the others, in this order; one that was taken off the list comes back with its key."""
    lock_form(field.form)
    column = f"label_{language}"
    there = dict(field.choices.filter(**{f"{column}__in": labels}).values_list(column, "pk"))
    Choice.objects.filter(pk__in=there.values()).update(active=True)
    first = next_position(field)
    Choice.objects.bulk_create(
        [
            Choice(field=field, position=position, **{column: label})
            for position, label in enumerate((one for one in labels if one not in there), first)
        ]
    )


def drop_choice(choice: Choice) -> bool:
    """Delete a choice that nobody has ever been offered; deactivate any other. Returns whether it is gone."""
    if is_published(choice.field):
        Choice.objects.filter(pk=choice.pk).update(active=False)
        return False
    choice.delete()
    return True


@transaction.atomic
def set_archived(form: RegistrationForm, archived: bool, *, by, now: datetime) -> None:
    """Take a form out of use, or back into it. Its answers stay."""
    RegistrationForm.objects.filter(pk=form.pk).update(archived_at=now if archived else None)
    history.record(form, "archived" if archived else "restored", by=by, now=now)
