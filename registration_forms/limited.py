"""The one door to limited choices: ``hold``, ``claim``, ``move``, ``give_back``, ``sold_out``. As ``places``, for choices.

Rows are locked in id order, in a statement before the count. Counting the free ones and taking one is one
transaction, so the last place of a choice goes to exactly one.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from ticketshop.lib.compiled import AnyOf, Compiled, Parameter

from .models import Choice, ChoiceHold


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
    limited = _check(Counter(pk for ids in wanted.values() for pk in ids), key)
    ChoiceHold.objects.filter(key=key).delete()
    ChoiceHold.objects.bulk_create(
        [
            ChoiceHold(choice_id=pk, key=key, slot=slot, expires_at=Now() + lasting)
            for slot, ids in wanted.items()
            for pk in ids
            if pk in limited
        ]
    )


def claim(key: uuid.UUID | None, wanted: Counter) -> None:
    """Take places for good: choice id -> how many; what ``key`` held is let go. Raises ChoiceSoldOut."""
    _check(wanted, key)
    for pk in sorted(wanted):
        Choice.objects.filter(pk=pk, capacity__isnull=False).update(used=F("used") + wanted[pk])
    if key is not None:
        ChoiceHold.objects.filter(key=key).delete()


def give_back(returned: Counter) -> None:
    """Free places again: choice id -> how many; of a cancelled order, a changed answer."""
    for pk in sorted(returned):
        Choice.objects.filter(pk=pk, capacity__isnull=False).update(used=F("used") - returned[pk])


def move(had: Counter, wants: Counter) -> None:
    """A changed answer: places it no longer takes are free, others are taken. Raises ChoiceSoldOut.

    All of them are locked first, in id order: two who change places with each other do not wait for ever.
    """
    ids = {*(wants - had), *(had - wants)}
    if not ids:
        return
    list(Choice.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    claim(None, wants - had)
    give_back(had - wants)


def forget_expired() -> int:
    """Delete holds that ended an hour ago or earlier; returns how many."""
    deleted, _ = ChoiceHold.objects.filter(expires_at__lt=Now() - timedelta(hours=1)).delete()
    return deleted


def _check(wanted: Counter, key: uuid.UUID | None) -> set[int]:
    """Lock those of ``wanted`` that are limited, and return them. Raises ChoiceSoldOut."""
    rows = list(
        Choice.objects.select_for_update()
        .filter(pk__in=list(wanted), capacity__isnull=False)
        .order_by("pk")
        .values_list("pk", "capacity", "used")
    )
    held = dict(
        ChoiceHold.objects.filter(choice__in=[pk for pk, _capacity, _used in rows], expires_at__gt=Now())
        .exclude(key=key)
        .values_list("choice")
        .annotate(count=Count("pk"))
    )
    short = {pk for pk, capacity, used in rows if capacity - used - held.get(pk, 0) < wanted[pk]}
    if short:
        raise ChoiceSoldOut(short)
    return {pk for pk, _capacity, _used in rows}
