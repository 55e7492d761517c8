"""Rows whose time is over, or will be: when they end by themselves, by the ``Ends`` of their models."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import (
    Count,
    DateField,
    DateTimeField,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce, Greatest, TruncDate

from ticketshop.lib.personal import CONTACT, RETENTION, DeleteFile, Expiry, LastUse
from ticketshop.organisers.models import Organiser

from . import emptying, registry, subjects


@dataclass(frozen=True)
class Due:
    """``rows`` rows of a model end by themselves on ``day``; ``called`` is the id of what tells them from others."""

    model: type[models.Model]
    day: date
    rows: int
    called: int | None = None


def by_retention(organiser: Organiser | None) -> Iterator[tuple[type[models.Model], Expiry]]:
    """What the retention job sees to: rows further away from the person first, as an erasure takes them.

    Without an organiser: the models with rows that belong to none.
    """
    for model, ends in all_by_retention():
        where = registry.end_of(model, registry.organiser_path(model))
        if organiser is not None or (where is not None and where.null):
            yield model, ends


def all_by_retention() -> Iterator[tuple[type[models.Model], Expiry]]:
    for model in subjects.models_with_people():
        for ends in registry.declaration(model).expiry:
            if ends.job == RETENTION:
                yield model, ends


def zone_of(organiser: Organiser | None) -> ZoneInfo:
    return ZoneInfo(organiser.time_zone if organiser else settings.TIME_ZONE)


def rows(model: type[models.Model], ends: Expiry, organiser: Organiser | None, today: date) -> QuerySet:
    """The rows of ``organiser`` (None: of the installation) whose day, ``ends_on``, has come, and that still say something."""
    here = (
        {registry.organiser_path(model): organiser.pk}
        if organiser
        else {f"{registry.organiser_path(model)}__isnull": True}
    )
    found = model._base_manager.filter(ends.where, still_says(model), **here)
    if isinstance(ends.since, LastUse):
        return _unused(found, ends, organiser, today)
    return found.annotate(ends_on=_last_day(model, ends, zone_of(organiser))).filter(ends_on__lte=today)


def coming(organiser: Organiser, today: date, days: int) -> list[Due]:
    """What ends by itself until so many days from ``today``, by day; what is late counts for ``today``."""
    found: dict[tuple, int] = {}
    for model, ends in by_retention(organiser):
        if model._meta.auto_created:
            continue
        called = (
            F(f"{ends.group_by}__pk") if ends.group_by else Value(None, output_field=models.BigIntegerField())
        )
        due = rows(model, ends, organiser, today + timedelta(days=days)).order_by()
        for day, number, count in due.values_list("ends_on", called).annotate(count=Count("pk")):
            key = (model, max(day, today), number)
            found[key] = found.get(key, 0) + count
    return sorted(
        (Due(model, day, count, number) for (model, day, number), count in found.items()),
        key=lambda one: (one.day, one.model._meta.label, one.called or 0),
    )


def still_says(model: type[models.Model]) -> Q:
    """Rows in which there is still something to erase."""
    said = registry.declaration(model)
    if said.person is not None:
        return Q(erasing_at=None) if said.person == CONTACT else Q()
    if registry.is_deleted(model):
        return Q()
    found = emptying.remaining(model, emptying.emptied_columns(model))
    for name, word in said.columns.items():
        if isinstance(word, DeleteFile):
            found |= ~Q(**{name: ""})
    return found


def _last_day(model: type[models.Model], ends: Expiry, zone: ZoneInfo) -> models.Expression:
    """The day on which a row ends; null: never."""
    paths = (ends.since,) if isinstance(ends.since, str) else ends.since
    days = [_day(model, path, zone) for path in paths]
    since = Coalesce(*days) if len(days) > 1 else days[0]
    number = Value(ends.days) if isinstance(ends.days, int) else F(ends.days)
    return models.ExpressionWrapper(since + number * Value(ends.unit), output_field=DateField())


def _day(model: type[models.Model], path: str, zone: ZoneInfo) -> models.Expression:
    if isinstance(registry.end_of(model, path), DateTimeField):
        return TruncDate(path, tzinfo=zone)
    return F(path)


# --- when a contact was last of use ------------------------------------------------------------------------------
def _unused(contacts: QuerySet, ends: Expiry, organiser: Organiser | None, today: date) -> QuerySet:
    """Those who were of no use for so long: looked for by what is missing, and dated where nothing is there."""
    if organiser is None:
        return contacts.none()
    days = timedelta(days=getattr(organiser, ends.setting) * ends.unit)
    zone = zone_of(organiser)
    since = datetime.combine(today - days + timedelta(days=1), time.min, zone)
    instants = []
    for model, path, when in _uses():
        if path == "pk":
            contacts = contacts.filter(Q(**{f"{when}__lt": since}) | Q(**{f"{when}__isnull": True}))
            instants.append(F(when))
        else:
            theirs = model._base_manager.filter(**{path: OuterRef("pk")}).order_by()
            contacts = contacts.filter(
                ~Exists(theirs.filter(**{f"{when}__gte": _as_stored(model, when, since)}))
            )
            latest = theirs.values(path).annotate(latest=Max(when)).values("latest")
            instants.append(Cast(Subquery(latest), DateTimeField()))
    last = TruncDate(Greatest(*instants), tzinfo=zone)
    return contacts.annotate(
        ends_on=models.ExpressionWrapper(last + Value(days.days), output_field=DateField())
    )


def _as_stored(model: type[models.Model], path: str, instant: datetime) -> date | datetime:
    return instant if isinstance(registry.end_of(model, path), DateTimeField) else instant.date()


def _uses() -> Iterator[tuple[type[models.Model], str, str]]:
    """(model, path to a contact, path to an instant or day) for everything that shows that somebody is of use."""
    for model in registry.census():
        for path, instants in registry.declaration(model).last_used.items():
            for when in instants:
                yield model, path, when


def has_acted() -> Q | Exists:
    """Contacts who did something themselves, as everybody does who orders."""
    found: Q | Exists = Q(pk__in=[])
    for model in registry.census():
        if path := registry.declaration(model).acted_by:
            found |= Exists(model._base_manager.filter(**{path: OuterRef("pk")}))
    return found
