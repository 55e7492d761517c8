"""Statements about a subject, whose SQL is generated once per process for all subjects with as much to look for.

An erasure counts rows of some seventy kinds, twice. Generating that SQL took two thirds of its time; running it is cheap.
The functions that decide which rows are a person's take a ``Subject`` and return querysets. Here they are given ``placeholders``
instead of a person, and the SQL they lead to is run with the ``values`` of each person:

    @once_per_shape
    def _mails(subject: Subject) -> Compiled:
        return of(rows(Mail, subject).values_list("pk"))

    _mails(placeholders(ann)).rows(**values(ann))

So these functions may ask whether a subject has a log-in, and how many e-mail addresses, but must not compute with an id or address.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, wraps
from typing import Any, TypeVar

from django.db.models import QuerySet

from ticketshop.lib.database.compiled import Compiled, Parameter

from .subjects import Subject

Row = TypeVar("Row")
Made = TypeVar("Made")
# What the functions have made, by function and arguments; dropped beyond this number. There is a shape for each number of e-mail
# addresses, with a log-in or without, and so on. Only tests change declarations while a process runs: they replace ``made``.
MOST = 200
made: dict[tuple, Any] = {}


def once_per_shape(make: Callable[..., Made]) -> Callable[..., Made]:
    """Keep the results of ``make`` for equal arguments."""

    @wraps(make)
    def make_once(*arguments) -> Made:
        key = (make, *arguments)
        result = made.get(key)
        if result is None:
            if len(made) >= MOST:
                made.clear()
            result = made[key] = make(*arguments)
        return result

    return make_once


def of(queryset: QuerySet[Any, Row]) -> Compiled[Row]:
    """Return the statement of a queryset with placeholders."""
    return Compiled(lambda: queryset)


@cache
def _parameter(name: str) -> Any:
    return Parameter(name)


def placeholders(subject: Subject) -> Subject:
    """Return the subject with a placeholder for each id and e-mail address. Equal for all subjects that need the same SQL."""
    numbers = range(len(subject.addresses))
    return replace(
        subject,
        contact_id=_parameter("contact_id"),
        subject_uuid=_parameter("subject_uuid"),
        organiser_id=_parameter("organiser_id"),
        addresses=tuple(_parameter(f"address_{number}") for number in numbers),
        address_hashes=tuple(_parameter(f"address_hash_{number}") for number in numbers),
        user_id=None if subject.user_id is None else _parameter("user_id"),
    )


def values(subject: Subject) -> dict[str, Any]:
    """Return the subject's values of the placeholders, by their names."""
    return {
        "contact_id": subject.contact_id,
        "subject_uuid": subject.subject_uuid,
        "organiser_id": subject.organiser_id,
        "user_id": subject.user_id,
        **{f"address_{number}": address for number, address in enumerate(subject.addresses)},
        **{f"address_hash_{number}": value for number, value in enumerate(subject.address_hashes)},
    }
