"""Which rows expire without a request, and when: the rules in ``expiry`` of the models, as querysets."""

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

Model = type[models.Model]


@dataclass(frozen=True)
class Due:
    """``rows`` rows of a model expire on ``day``; ``group`` is the id of the row at ``Expiry.group_by``, if the rule has one."""

    model: Model
    day: date
    rows: int
    group: int | None = None


def retention_rules() -> Iterator[tuple[Model, Expiry]]:
    """Yield the rules that the retention job carries out. Rows with a longer path to the person come first."""
    for model in subjects.models_with_people():
        for rule in registry.declaration(model).expiry:
            if rule.job == RETENTION:
                yield model, rule


def retention_rules_of(organiser: Organiser | None) -> Iterator[tuple[Model, Expiry]]:
    """Yield the rules for rows of ``organiser``; for None those of models whose rows may belong to no organiser."""
    for model, rule in retention_rules():
        column = registry.end_of(model, registry.organiser_path(model))
        if organiser is not None or (column is not None and column.null):
            yield model, rule


def zone_of(organiser: Organiser | None) -> ZoneInfo:
    """Return the time zone in which days of an organiser, or of rows without one, are counted."""
    return ZoneInfo(organiser.time_zone if organiser else settings.TIME_ZONE)


def rows(model: Model, rule: Expiry, organiser: Organiser | None, today: date) -> QuerySet:
    """Return the rows that have expired by ``today`` and still have something to erase, with their day as ``ends_on``.

    ``organiser``: of this organiser; None: of no organiser.
    """
    path = registry.organiser_path(model)
    of_organiser = {path: organiser.pk} if organiser else {f"{path}__isnull": True}
    rows = model._base_manager.filter(rule.where, has_remaining(model), **of_organiser)
    if isinstance(rule.since, LastUse):
        return _unused(rows, rule, organiser, today)
    return rows.annotate(ends_on=_last_day(model, rule, zone_of(organiser))).filter(ends_on__lte=today)


def upcoming(organiser: Organiser, today: date, days: int) -> list[Due]:
    """Return what the retention job erases within ``days`` days, by day. What is overdue counts as due today."""
    counts: dict[tuple, int] = {}
    for model, rule in retention_rules_of(organiser):
        if model._meta.auto_created:
            continue
        group_by = (
            F(f"{rule.group_by}__pk") if rule.group_by else Value(None, output_field=models.BigIntegerField())
        )
        due = rows(model, rule, organiser, today + timedelta(days=days)).order_by()
        for day, group, count in due.values_list("ends_on", group_by).annotate(count=Count("pk")):
            key = (model, max(day, today), group)
            counts[key] = counts.get(key, 0) + count
    return sorted(
        (Due(model, day, count, group) for (model, day, group), count in counts.items()),
        key=lambda due: (due.day, due.model._meta.label, due.group or 0),
    )


def has_remaining(model: Model) -> Q:
    """Return the condition for rows in which there is still something to erase."""
    declaration = registry.declaration(model)
    if declaration.person is not None:
        return Q(erasing_at=None) if declaration.person == CONTACT else Q()
    if registry.is_deleted_at_its_end(model):
        return Q()
    condition = emptying.remaining(model, emptying.emptied_columns(model))
    for name, strategy in declaration.columns.items():
        if isinstance(strategy, DeleteFile):
            condition |= ~Q(**{name: ""})
    return condition


def _last_day(model: Model, rule: Expiry, zone: ZoneInfo) -> models.Expression:
    """Return the day on which a row expires; null: never."""
    paths = (rule.since,) if isinstance(rule.since, str) else rule.since
    days = [_day(model, path, zone) for path in paths]
    since = Coalesce(*days) if len(days) > 1 else days[0]
    number = Value(rule.days) if isinstance(rule.days, int) else F(rule.days)
    return models.ExpressionWrapper(since + number * Value(rule.unit), output_field=DateField())


def _day(model: Model, path: str, zone: ZoneInfo) -> models.Expression:
    if isinstance(registry.end_of(model, path), DateTimeField):
        return TruncDate(path, tzinfo=zone)
    return F(path)


# --- contacts without use -----------------------------------------------------------------------------------------
def _unused(contacts: QuerySet, rule: Expiry, organiser: Organiser | None, today: date) -> QuerySet:
    """Return contacts that no ``last_used`` column has shown in use for the rule's time.

    NOT EXISTS for each such column narrows the rows; only for what is left the latest instants are computed.
    """
    if organiser is None:
        return contacts.none()
    period = timedelta(days=getattr(organiser, rule.setting) * rule.unit)
    zone = zone_of(organiser)
    since = datetime.combine(today - period + timedelta(days=1), time.min, zone)
    instants = []
    for model, contact_path, path in _use_columns():
        if contact_path == "pk":
            contacts = contacts.filter(Q(**{f"{path}__lt": since}) | Q(**{f"{path}__isnull": True}))
            instants.append(F(path))
        else:
            theirs = model._base_manager.filter(**{contact_path: OuterRef("pk")}).order_by()
            recent = theirs.filter(**{f"{path}__gte": _as_stored(model, path, since)})
            contacts = contacts.filter(~Exists(recent))
            latest = theirs.values(contact_path).annotate(latest=Max(path)).values("latest")
            instants.append(Cast(Subquery(latest), DateTimeField()))
    last = TruncDate(Greatest(*instants), tzinfo=zone)
    return contacts.annotate(
        ends_on=models.ExpressionWrapper(last + Value(period.days), output_field=DateField())
    )


def _as_stored(model: Model, path: str, instant: datetime) -> date | datetime:
    return instant if isinstance(registry.end_of(model, path), DateTimeField) else instant.date()


def _use_columns() -> Iterator[tuple[Model, str, str]]:
    """Yield (model, path to a contact, path to an instant or day at which the contact was in use)."""
    for model in registry.installed_models():
        for contact_path, paths in registry.declaration(model).last_used.items():
            for path in paths:
                yield model, contact_path, path


def has_acted() -> Q | Exists:
    """Return the condition for contacts who did something themselves, such as ordering (``acted_by``)."""
    condition: Q | Exists = Q(pk__in=[])
    for model in registry.installed_models():
        if path := registry.declaration(model).acted_by:
            condition |= Exists(model._base_manager.filter(**{path: OuterRef("pk")}))
    return condition
