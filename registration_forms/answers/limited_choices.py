"""The only module that changes the counters of limited choices: ``hold``, ``reserve``, ``move``, ``release``, ``count_taken``.

Rows are locked in id order, in a statement before the count. Counting the free ones and taking one is one
transaction, so the last place of a choice goes to exactly one. A choice without a limit is not counted, so that
buyers do not wait for each other; when staff enter a limit, its answers are counted (``count_taken``).
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import Tidying
from ticketshop.lib.compiled import AnyOf, Compiled, Parameter

from .. import definitions
from ..definitions import Question
from ..field_types.choices import least
from ..models import Answer, Choice, ChoiceHold, RegistrationForm


class ChoiceSoldOut(Exception):
    """These choices have no place left: ``choices`` are their ids."""

    def __init__(self, choices: set[int]):
        super().__init__(f"choices sold out: {sorted(choices)}")
        self.choices = choices


def sold_out(choice_ids: Iterable[int], key: uuid.UUID | None = None) -> set[int]:
    """The limited choices without a free place, not counting what ``key`` holds itself; one query."""
    return {pk for pk, free in left(choice_ids, key).items() if free <= 0}


def left(choice_ids: Iterable[int], key: uuid.UUID | None = None) -> dict[int, int]:
    """Limited choice -> places that are free, not counting what ``key`` holds itself; one query."""
    rows = (
        Choice.objects.filter(pk__in=list(choice_ids), capacity__isnull=False)
        .annotate(held=Count("holds", filter=Q(holds__expires_at__gt=Now()) & ~Q(holds__key=key)))
        .values_list("pk", "capacity", "used", "held")
    )
    return {pk: capacity - used - held for pk, capacity, used, held in rows}


@dataclass(frozen=True)
class Limited:
    """A choice with a limited number of places; ``left``: those that are free."""

    pk: int
    form: int
    key: str
    left: int


_OF_FORMS = Compiled(
    lambda: (
        QuerySet(Choice)  # Django's own: columns in the order they are named, none of them is translated
        .filter(field__form=AnyOf("forms"), capacity__isnull=False)
        .annotate(
            held=Count("holds", filter=Q(holds__expires_at__gt=Now()) & ~Q(holds__key=Parameter("key")))
        )
        .values_list("pk", "field__form", "key", "capacity", "used", "held")
    )
)


def of_forms(forms: Iterable[int], key: uuid.UUID) -> list[Limited]:
    """The limited choices of these forms, with what is free, not counting what ``key`` holds itself; one query."""
    return [
        Limited(pk, form, choice, capacity - used - held)
        for pk, form, choice, capacity, used, held in _OF_FORMS.rows(forms=list(forms), key=key)
    ]


def hold(key: uuid.UUID, wanted: dict[str, list[int]], lasting: timedelta) -> None:
    """Hold choices for the slots of a cart, instead of what it held before: slot -> choice ids.

    Raises ChoiceSoldOut; then nothing has changed. Call within a transaction.
    """
    counted = Counter(pk for ids in wanted.values() for pk in ids)
    limited = _lock(counted)
    _check(counted, limited, key)
    ChoiceHold.objects.filter(key=key).delete()
    ChoiceHold.objects.bulk_create(
        [
            ChoiceHold(choice_id=pk, key=key, slot=slot, expires_at=Now() + lasting)
            for slot, ids in wanted.items()
            for pk in ids
            if pk in limited
        ]
    )


def reserve(key: uuid.UUID | None, wanted: Counter) -> None:
    """Count places of choices as used (choice id -> number) for all answers that were stored, and end the holds
    of ``key``.

    Raise ChoiceSoldOut if there are too few; then nothing has changed.
    """
    limited = _lock(wanted)
    _check(wanted, limited, key)
    _add(limited, wanted, 1)
    if key is not None:
        ChoiceHold.objects.filter(key=key).delete()


def release(returned: Counter) -> None:
    """Make reserved places of choices (choice id -> number) free again, after a cancelled order or a changed answer."""
    _add(_lock(returned), returned, -1)


def move(had: Counter, wants: Counter) -> None:
    """A changed answer: places it no longer takes are free, others are taken. Raises ChoiceSoldOut.

    All of them are locked first, in id order: two who change places with each other do not wait for ever.
    """
    limited = _lock({*(wants - had), *(had - wants)})
    _check(wants - had, limited, None)
    _add(limited, wants - had, 1)
    _add(limited, had - wants, -1)


def count_taken(choice_ids: Iterable[int]) -> dict[int, int]:
    """Lock choices and return how many places of each are taken: choice id -> number. Call within a transaction.

    A choice without a limit is not counted as it is taken: its counter is written now, from the answers there are.
    Orders that are just being placed are waited for, see ``_lock``.
    """
    rows = list(
        Choice.objects.select_for_update()
        .filter(pk__in=list(choice_ids))
        .order_by("pk")
        .values_list("pk", "capacity", "used")
    )
    taken = {pk: used for pk, _capacity, used in rows}
    uncounted = [pk for pk, capacity, _used in rows if capacity is None]
    for pk, number in answers(uncounted).items():
        taken[pk] = number
        Choice.objects.filter(pk=pk).update(used=number)
    return taken


def answers(choice_ids: Iterable[int]) -> dict[int, int]:
    """Choice id -> how many answers chose it, without those of cancelled orders; two queries."""
    counted = dict.fromkeys(choice_ids, 0)
    single = Answer.objects.filter(v_choice__in=counted, response__void=False).values_list("v_choice")
    several = Answer.choices.through.objects.filter(
        choice__in=counted, answer__response__void=False
    ).values_list("choice")
    for pk, number in [*single.annotate(Count("pk")), *several.annotate(Count("pk"))]:
        counted[pk] += number
    return counted


def unanswerable(forms: Iterable[RegistrationForm]) -> dict[int, list[Question]]:
    """Form id -> the mandatory questions that nobody can answer any more, since too few choices with a place are left.

    Those that are asked of everybody, as published. One query; none where no published question has limited choices.
    """
    asked = {
        form.pk: [
            question
            for question in definitions.of_version(form.published).questions
            if question.mandatory and not question.condition and any(one.limited for one in question.options)
        ]
        for form in forms
        if form.published
    }
    asked = {pk: questions for pk, questions in asked.items() if questions}
    if not asked:
        return {}
    full = set(
        Choice.objects.filter(
            field__form__in=asked, capacity__isnull=False, used__gte=F("capacity")
        ).values_list("field__form", "field__key", "key")
    )

    def free(form: int, question: Question) -> int:
        return sum(one.active and (form, question.key, one.key) not in full for one in question.options)

    return {
        pk: gone
        for pk, questions in asked.items()
        if (gone := [question for question in questions if free(pk, question) < least(question)])
    }


# They stopped counting an hour ago or earlier, by the clock of the database.
FORGET = Tidying(
    "registration_forms.forget_holds",
    gettext_lazy("Delete an ended hold of a choice"),
    rows=lambda now: ChoiceHold.objects.filter(expires_at__lt=Now() - timedelta(hours=1)),
)


# Weaker than any lock of ``Choice`` but that of ``count_taken``: buyers do not wait for each other here.
_SHARE = "SELECT id, capacity FROM registration_forms_choice WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"


def _lock(choice_ids: Iterable[int]) -> set[int]:
    """Keep staff from limiting these choices until the end of the transaction, lock the limited ones; return their ids.

    Whoever takes a choice without a limit counts nothing. When a limit is entered, ``count_taken`` waits for them
    and sees their answers; whoever comes later waits for it and sees the limit.
    """
    ids = sorted(set(choice_ids))
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_SHARE, [ids])
        limited = {pk for pk, capacity in cursor.fetchall() if capacity is not None}
    if limited:
        list(
            Choice.objects.select_for_update(no_key=True)
            .filter(pk__in=limited)
            .order_by("pk")
            .values_list("pk")
        )
    return limited


def _check(wanted: Counter, limited: set[int], key: uuid.UUID | None) -> None:
    """Raise ChoiceSoldOut unless the locked choices have the places that are wanted."""
    if not limited:
        return
    rows = list(Choice.objects.filter(pk__in=limited).values_list("pk", "capacity", "used"))
    held = dict(
        ChoiceHold.objects.filter(choice__in=limited, expires_at__gt=Now())
        .exclude(key=key)
        .values_list("choice")
        .annotate(count=Count("pk"))
    )
    short = {pk for pk, capacity, used in rows if capacity - used - held.get(pk, 0) < wanted[pk]}
    if short:
        raise ChoiceSoldOut(short)


def _add(limited: set[int], counted: Counter, sign: int) -> None:
    """Change the counters of the locked choices. None falls below zero: a cancellation never fails for a count."""
    for pk in sorted(limited & counted.keys()):
        used = Greatest(F("used") + sign * counted[pk], 0)
        Choice.objects.filter(pk=pk).update(used=used)
