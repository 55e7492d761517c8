"""Functions that change a form's draft: add, move, archive a question, remove a choice. Each raises the draft's revision."""

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
# Known fields that a ticket shows by default.
ON_TICKET = frozenset(("first_name", "last_name"))
# Known field -> type of its question.
SYSTEM_TYPES = {
    "first_name": "text",
    "last_name": "text",
    "email": "email",
    "phone": "phone",
    "address": "address",
    "company": "text",
    "birth_date": "birth_date",
}
# Kind of form -> known fields of a new form and their visibility. The organiser adds the others.
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
    """Another person changed the draft in the meantime."""


class Full(Exception):
    """The form has MOST_FIELDS questions already."""


class Placed(Exception):
    """The form has this known field already."""


class Needed(Exception):
    """Other questions depend on this question: ``questions``."""

    def __init__(self, questions: list[definitions.Question]):
        super().__init__(f"{len(questions)} questions depend on it")
        self.questions = questions


def lock_form(form: RegistrationForm, revision: int | None = None) -> RegistrationForm:
    """Lock the form's row and return it. Raise Changed if ``revision`` is given and the draft has another one now."""
    locked = (
        RegistrationForm.objects.select_for_update(of=("self",)).select_related("organiser").get(pk=form.pk)
    )
    if revision is not None and locked.revision != revision:
        raise Changed
    return locked


def mark_changed(form: RegistrationForm) -> None:
    """Raise the revision of the draft."""
    RegistrationForm.objects.filter(pk=form.pk).update(revision=models.F("revision") + 1)


def add_first_questions(form: RegistrationForm, filled_with: str = "") -> None:
    """Add the known fields of its kind to a new form, and the questions of the ready-made form ``filled_with`` (a code)."""
    chosen = ready_made_forms.BY_CODE.get(filled_with)
    known = STARTS_WITH[form.kind] | (chosen.known if chosen else {})
    for ref, visibility in known.items():
        add_known(form, ref, visibility)
    if chosen:
        ready_made_forms.add_questions(form, chosen)


def add_known(form: RegistrationForm, ref: str, visibility: str) -> Field:
    """Add a known field after the existing questions."""
    return _create(form, visibility=visibility, **known_columns(ref))


def known_columns(ref: str) -> dict[str, object]:
    """Return the column values of a known field."""
    return {
        "type": SYSTEM_TYPES[ref],
        "system_ref": ref,
        "on_ticket": ref in ON_TICKET,
        **known_labels(ref),
    }


def known_labels(ref: str) -> dict[str, str]:
    """Return column -> name of a known field, for each language of the interface."""
    labels = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            text = str(Field.SystemRef(ref).label)
            labels[f"label_{code}"] = text[:1].upper() + text[1:]
    return labels


def _lock_with_room(form: RegistrationForm) -> RegistrationForm:
    """Lock a form and return it. Raise Full if no question can be added to it."""
    form = lock_form(form)
    if not has_room(form):
        raise Full
    return form


def has_room(form: RegistrationForm) -> bool:
    """Return whether a question can be added to a form."""
    return form.fields.filter(archived_at=None).count() < MOST_FIELDS


@transaction.atomic
def add(
    form: RegistrationForm, *, by, now: datetime, choices: Iterable[Mapping[str, str]] = (), **values
) -> Field:
    """Add a question after the others and return it. Raise Full.

    ``values`` are its columns; ``choices`` gives language -> label for each choice.
    """
    form = _lock_with_room(form)
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
    """Add a copy of a question, with its choices and new keys, directly after it. Raise Full.

    A form has each known field once, so the copy of a known field is an ordinary question.
    """
    form = _lock_with_room(field.form)
    choices = list(field.choices.order_by("position", "pk"))
    form.fields.filter(position__gt=field.position).update(position=models.F("position") + 1)
    copied_field = Field.objects.get(pk=field.pk)
    copied_field.pk, copied_field._state.adding, copied_field.key, copied_field.system_ref = (
        None,
        True,
        new_key(),
        "",
    )
    copied_field.position = field.position + 1
    copied_field.save(force_insert=True)
    for choice in choices:
        choice.pk, choice._state.adding, choice.field, choice.key, choice.used = (
            None,
            True,
            copied_field,
            new_key(),
            0,
        )
    Choice.objects.bulk_create(choices)
    mark_changed(form)
    history.record(form, "question_added", by=by, now=now, question=copied_field.key)
    return copied_field


@transaction.atomic
def restore(field: Field, *, by, now: datetime) -> bool:
    """Put an archived question back after the others. Return False if it was not archived.

    Raise Full, or Placed for a known field that the form has already.
    """
    form = _lock_with_room(field.form)
    if is_placed(form, field.system_ref):
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


def is_placed(form: RegistrationForm, system_ref: str) -> bool:
    """Return whether a form asks a known field; False for "", which is no known field."""
    return bool(system_ref) and form.fields.filter(archived_at=None, system_ref=system_ref).exists()


def _create(form: RegistrationForm, **values) -> Field:
    last = form.fields.aggregate(last=models.Max("position"))["last"] or 0
    return Field.objects.create(form=form, position=last + 1, **values)


@transaction.atomic
def move(
    form: RegistrationForm, field_id: int, way: str | int, *, revision: int, by, now: datetime
) -> Field | None:
    """Move a question and return its row; None if the form has no such question. Raise Changed.

    ``way`` is UP, DOWN, or the new index, counted from 0.
    """
    form = lock_form(form, revision)
    rows = list(form.fields.filter(archived_at=None).order_by("position", "pk"))
    place = next((number for number, row in enumerate(rows) if row.pk == field_id), None)
    if place is None:
        return None
    row = rows.pop(place)
    target = way if isinstance(way, int) else max(0, place - 1) if way == UP else place + 1
    rows.insert(target, row)
    for position, other in enumerate(rows, 1):
        if other.position != position:
            Field.objects.filter(pk=other.pk).update(position=position)
    mark_changed(form)
    history.record(form, "questions_moved", by=by, now=now, question=row.key)
    return row


@transaction.atomic
def archive(field: Field, *, by, now: datetime) -> bool:
    """Take a question out of the draft; its answers stay. Return False if it was archived already.

    Raise Needed if other questions depend on it.
    """
    form = lock_form(field.form)
    if needed := dependants(form, field):
        raise Needed(needed)
    if not Field.objects.filter(pk=field.pk, archived_at=None).update(archived_at=now):
        return False
    mark_changed(form)
    history.record(form, "question_archived", by=by, now=now, question=field.key)
    return True


def dependants(form: RegistrationForm, field: Field) -> list[definitions.Question]:
    """Return the questions of the draft that are asked depending on the answer to a question."""
    return conditions.dependants(parse(definitions.build(form)), field.key)


def is_published(field: Field) -> bool:
    """Return whether a published version contains the question, or it has answers."""
    shown = field.form.versions.filter(definition__fields__contains=[{"key": field.key}])
    return shown.exists() or Answer.objects.filter(field=field).exists()


def next_position(field: Field) -> int:
    """Return the position of a choice that is added after the others."""
    return (field.choices.aggregate(last=models.Max("position"))["last"] or 0) + 1


@transaction.atomic
def add_choices(field: Field, labels: list[str], language: str) -> None:
    """Add choices after the others, in this order. A deactivated choice becomes active again and keeps its key."""
    lock_form(field.form)
    column = f"label_{language}"
    existing = dict(field.choices.filter(**{f"{column}__in": labels}).values_list(column, "pk"))
    Choice.objects.filter(pk__in=existing.values()).update(active=True)
    first = next_position(field)
    Choice.objects.bulk_create(
        [
            Choice(field=field, position=position, **{column: label})
            for position, label in enumerate((text for text in labels if text not in existing), first)
        ]
    )


def drop_choice(choice: Choice) -> bool:
    """Delete a choice that buyers were never offered; deactivate any other. Return whether it was deleted."""
    if is_published(choice.field):
        Choice.objects.filter(pk=choice.pk).update(active=False)
        return False
    choice.delete()
    return True


@transaction.atomic
def set_archived(form: RegistrationForm, archived: bool, *, by, now: datetime) -> None:
    """Archive a form, or put it back into use. Its answers stay."""
    RegistrationForm.objects.filter(pk=form.pk).update(archived_at=now if archived else None)
    history.record(form, "archived" if archived else "restored", by=by, now=now)
