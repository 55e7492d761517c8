"""Places of limited choices. No other module changes their counters.

``hold`` keeps places for a cart, ``reserve`` and ``release`` count them for orders, ``move`` counts a changed answer.
Choices are locked in id order, in a statement before the count; counting free places and reserving one happen in one
transaction, so the last place goes to exactly one order. A choice without a limit is not counted, so that buyers don't wait
for each other; ``count_taken`` counts its answers when staff enter a limit.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import Tidying
from ticketshop.lib.database import LONGEST_WAIT
from ticketshop.lib.database.compiled import AnyOf, Compiled, Parameter
from ticketshop.lib.database.prepared import prepared_cursor

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
    """Return the ids of the limited choices without a free place, ignoring the holds of ``key``; one query."""
    return {pk for pk, free in left(choice_ids, key).items() if free <= 0}


def left(choice_ids: Iterable[int], key: uuid.UUID | None = None) -> dict[int, int]:
    """Return limited choice id -> number of free places, ignoring the holds of ``key``; one query."""
    rows = (
        Choice.objects.filter(pk__in=list(choice_ids), capacity__isnull=False)
        .annotate(held=Count("holds", filter=Q(holds__expires_at__gt=Now()) & ~Q(holds__key=key)))
        .values_list("pk", "capacity", "used", "held")
    )
    return {pk: capacity - used - held for pk, capacity, used, held in rows}


@dataclass(frozen=True)
class Limited:
    """A choice with a limited number of places; ``left`` is the number of free places."""

    pk: int
    form: int
    key: str
    left: int


def _with_holds(form: Parameter) -> QuerySet:
    return (
        QuerySet(Choice)  # not the translating manager: columns stay in the order in which they are named
        .filter(field__form=form, capacity__isnull=False)
        .annotate(
            held=Count("holds", filter=Q(holds__expires_at__gt=Now()) & ~Q(holds__key=Parameter("key")))
        )
        .values_list("pk", "field__form", "key", "capacity", "used", "held")
    )


# Most carts have one form with choices. PostgreSQL keeps a plan for one form. Of a list whose length it does not know it expects
# ten forms, finds a plan for ten too dear, and plans the statement at each call, which costs twice what running it costs.
_OF_FORM = Compiled(lambda: _with_holds(Parameter("form")))
_OF_FORMS = Compiled(lambda: _with_holds(AnyOf("forms")))


def of_forms(forms: Collection[int], key: uuid.UUID) -> list[Limited]:
    """Return the limited choices of these forms with their free places, ignoring the holds of ``key``; one query."""
    if len(forms) == 1:
        (form,) = forms
        rows = _OF_FORM.rows(form=form, key=key)
    else:
        rows = _OF_FORMS.rows(forms=list(forms), key=key)
    return [
        Limited(pk, form, choice, capacity - used - held) for pk, form, choice, capacity, used, held in rows
    ]


def hold(key: uuid.UUID, wanted: dict[str, list[int]], lasting: timedelta) -> None:
    """Hold choices for the slots of a cart (slot -> choice ids) until ``lasting`` has passed. Replaces earlier holds of ``key``.

    Raise ChoiceSoldOut; then nothing has changed. Call it in a transaction. Two statements.
    """
    chosen = {pk for ids in wanted.values() for pk in ids}
    limited = _lock_limited(chosen) if chosen else {}
    pairs = [(slot, pk) for slot, ids in wanted.items() for pk in ids if pk in limited]
    values: dict[str, Any] = {"slots": [slot for slot, _pk in pairs], "choices": [pk for _slot, pk in pairs]}
    with prepared_cursor() as cursor:
        cursor.execute(_HOLD, {"key": key, "lasting": lasting, **values})
        short = {pk for (pk,) in cursor.fetchall()}
    if short:
        raise ChoiceSoldOut(short)


def reserve(key: uuid.UUID | None, wanted: Counter) -> None:
    """Count places of choices as used (choice id -> number) for all answers that were stored, and end the holds
    of ``key``.

    Raise ChoiceSoldOut if there are too few; then nothing has changed.
    """
    limited = _share(wanted)
    if key is not None and len(limited) == 1 and all(_take_held(key, pk, wanted[pk]) for pk in limited):
        return
    counters = _lock_limited(limited) if limited else {}
    _check(wanted, counters, key)
    _add(counters, wanted, 1)
    if key is not None:
        ChoiceHold.objects.filter(key=key).delete()


def _take_held(key: uuid.UUID, choice: int, number: int) -> bool:
    """Count places of a choice that ``key`` holds as used, and end its holds. Return False, and change nothing, if it does
    not hold as many or not for long enough.
    """
    values: dict[str, Any] = {
        "key": key,
        "choice": choice,
        "number": number,
        "longest_wait": LONGEST_WAIT,
    }
    with prepared_cursor() as cursor:
        cursor.execute(_TAKE_HELD, values)
        return cursor.rowcount > 0


def release(returned: Counter) -> None:
    """Make reserved places of choices (choice id -> number) free again, after a cancelled order or a changed answer."""
    _add(_lock(returned), returned, -1)


def move(had: Counter, wants: Counter) -> None:
    """Count a changed answer: release the places in ``had`` and reserve those in ``wants``. Raise ChoiceSoldOut.

    All choices are locked first, in id order, so that two people who exchange their choices cause no deadlock.
    """
    limited = _lock({*(wants - had), *(had - wants)})
    _check(wants - had, limited, None)
    _add(limited, wants - had, 1)
    _add(limited, had - wants, -1)


def count_taken(choice_ids: Iterable[int]) -> dict[int, int]:
    """Lock choices and return how many places of each are taken: choice id -> number. Call it in a transaction.

    The counter of a choice without a limit is not kept up to date, so this function writes it from the stored answers.
    It waits for orders that are being placed, see ``_lock``.
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
    """Return choice id -> number of answers that chose it, without those of cancelled orders; two queries."""
    counted = dict.fromkeys(choice_ids, 0)
    single = Answer.objects.filter(v_choice__in=counted, response__void=False).values_list("v_choice")
    several = Answer.choices.through.objects.filter(
        choice__in=counted, answer__response__void=False
    ).values_list("choice")
    for pk, number in [*single.annotate(Count("pk")), *several.annotate(Count("pk"))]:
        counted[pk] += number
    return counted


def unanswerable(forms: Iterable[RegistrationForm]) -> dict[int, list[Question]]:
    """Return form id -> the mandatory questions that have too few choices with a free place.

    Looks at published questions without a condition. Costs one query, or none if no such question has limited choices.
    """
    limited_questions = {
        form.pk: [
            question
            for question in definitions.of_version(form.published).questions
            if question.mandatory
            and not question.condition
            and any(option.limited for option in question.options)
        ]
        for form in forms
        if form.published
    }
    limited_questions = {pk: questions for pk, questions in limited_questions.items() if questions}
    if not limited_questions:
        return {}
    full = set(
        Choice.objects.filter(
            field__form__in=limited_questions, capacity__isnull=False, used__gte=F("capacity")
        ).values_list("field__form", "field__key", "key")
    )

    def choices_left(form: int, question: Question) -> int:
        """Return the number of choices that are active and not sold out."""
        return sum(
            option.active and (form, question.key, option.key) not in full for option in question.options
        )

    return {
        pk: unanswerable_questions
        for pk, questions in limited_questions.items()
        if (
            unanswerable_questions := [
                question for question in questions if choices_left(pk, question) < least(question)
            ]
        )
    }


# Holds that ended at least an hour ago, by the clock of the database.
FORGET = Tidying(
    "registration_forms.forget_holds",
    gettext_lazy("Delete an ended hold of a choice"),
    rows=lambda now: ChoiceHold.objects.filter(expires_at__lt=Now() - timedelta(hours=1)),
)


# FOR KEY SHARE conflicts only with the FOR UPDATE of ``count_taken``, so buyers don't wait for each other here.
_SHARE = "SELECT id, capacity FROM registration_forms_choice WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"
_LOCK = """
    SELECT id, capacity, used FROM registration_forms_choice
    WHERE id = ANY(%s) AND capacity IS NOT NULL ORDER BY id FOR NO KEY UPDATE
"""
_HELD = """
    SELECT choice_id, count(*) FROM registration_forms_choicehold
    WHERE choice_id = ANY(%s) AND expires_at > statement_timestamp() AND key IS DISTINCT FROM %s::uuid GROUP BY choice_id
"""
# Counts and holds at once, as ``_check`` counts. The choices are locked before, so that nothing changes meanwhile.
_HOLD = """
    WITH wanted AS (SELECT * FROM unnest(%(slots)s::text[], %(choices)s::bigint[]) AS wanted (slot, choice)),
    short AS (
        SELECT c.id FROM registration_forms_choice c
        WHERE c.id = ANY(%(choices)s::bigint[]) AND c.capacity - c.used < (
            SELECT count(*) FROM wanted w WHERE w.choice = c.id
        ) + (
            SELECT count(*) FROM registration_forms_choicehold h
            WHERE h.choice_id = c.id AND h.key <> %(key)s AND h.expires_at > statement_timestamp()
        )
    ), others AS (
        DELETE FROM registration_forms_choicehold h WHERE key = %(key)s AND NOT EXISTS (SELECT FROM short)
        AND NOT EXISTS (SELECT FROM wanted w WHERE w.slot = h.slot AND w.choice = h.choice_id)
    ), held AS (
        INSERT INTO registration_forms_choicehold (choice_id, key, slot, expires_at)
        SELECT choice, %(key)s, slot, statement_timestamp() + %(lasting)s FROM wanted
        WHERE NOT EXISTS (SELECT FROM short)
        ON CONFLICT (key, slot, choice_id) DO UPDATE SET expires_at = excluded.expires_at
    )
    SELECT id FROM short
"""
# Places that are held need not be counted once more, as in ``catalogue.places``: the hold must last longer than this
# statement may wait for the row.
_TAKE_HELD = """
    WITH taken AS (
        UPDATE registration_forms_choice SET used = used + %(number)s
        WHERE id = %(choice)s AND used + %(number)s <= capacity AND %(number)s <= (
            SELECT count(*) FROM registration_forms_choicehold WHERE key = %(key)s AND choice_id = %(choice)s
            AND expires_at > statement_timestamp() + %(longest_wait)s
        )
        RETURNING id
    )
    DELETE FROM registration_forms_choicehold WHERE key = %(key)s AND EXISTS (SELECT FROM taken)
"""
Counters = dict[int, tuple[int, int]]  # choice id -> (capacity, used)


def _lock(choice_ids: Iterable[int]) -> Counters:
    """Lock the limited choices among these and return their counters; staff can't limit the others until the transaction
    ends.
    """
    limited = _share(choice_ids)
    return _lock_limited(limited) if limited else {}


def _share(choice_ids: Iterable[int]) -> list[int]:
    """Return the ids of the limited choices among these; staff can't limit the others until the transaction ends.

    Choices without a limit get a shared lock only, and reserving one of them counts nothing. When staff enter a limit,
    ``count_taken`` waits for these locks and then sees the new answers; later orders wait for it and then see the limit.
    """
    ids = sorted(set(choice_ids))
    if not ids:
        return []
    with prepared_cursor() as cursor:
        cursor.execute(_SHARE, [ids])
        return [pk for pk, capacity in cursor.fetchall() if capacity is not None]


def _lock_limited(choice_ids: Iterable[int]) -> Counters:
    """Lock the limited choices among these, in id order, and return their counters as they are after the wait."""
    with prepared_cursor() as cursor:
        cursor.execute(_LOCK, [sorted(choice_ids)])
        return {pk: (capacity, used) for pk, capacity, used in cursor.fetchall()}


def _check(wanted: Counter, limited: Counters, key: uuid.UUID | None) -> None:
    """Raise ChoiceSoldOut unless the locked choices have the places in ``wanted``."""
    if not limited:
        return
    with prepared_cursor() as cursor:
        cursor.execute(_HELD, [list(limited), key])
        held = dict(cursor.fetchall())
    short = {pk for pk, (capacity, used) in limited.items() if capacity - used - held.get(pk, 0) < wanted[pk]}
    if short:
        raise ChoiceSoldOut(short)


def _add(limited: Counters, counted: Counter, sign: int) -> None:
    """Add ``sign`` times the numbers to the counters of the locked choices.

    No counter falls below zero, so that a cancellation never fails.
    """
    for pk in sorted(limited & counted.keys()):
        used = Greatest(F("used") + sign * counted[pk], 0)
        Choice.objects.filter(pk=pk).update(used=used)
