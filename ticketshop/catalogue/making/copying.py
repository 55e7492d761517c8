"""Copy an event with its tariffs and dates, or the passes of a season, to other days.

What sales have written is not copied: counters start at zero, columns that staff can't edit get their defaults, and nothing of
customers belongs to these rows.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo
from pathlib import PurePath
from typing import TypeVar

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import FileField, Model
from django.utils.timezone import localtime

from ticketshop.history import history
from ticketshop.lib.storages import NotStored

from .. import offers
from ..models import Allotment, Event, Offer, OrderForm, SeasonPass, Session, Tariff
from ..slugs import free_slug

# The largest number of dates that are copied with an event.
MOST_DATES = 400
Row = TypeVar("Row", bound=Model)


def dates_to_copy(event: Event) -> list[Session]:
    """Return the dates of an event that a copy gets, the first one first: all but the cancelled ones. One query."""
    rows = Session.objects.filter(event=event).exclude(state=Session.State.CANCELLED)
    return list(rows.order_by("starts_at", "pk"))


def shifted(instant: datetime | None, days: int, zone: tzinfo) -> datetime | None:
    """Return the instant so many days later at the same time of the clock in this time zone."""
    if instant is None:
        return None
    local = instant.astimezone(zone)
    return (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=zone, fold=local.fold)


def days_until(first_day: date, sessions: list[Session], zone: tzinfo) -> int:
    """Return by how many days to move the dates, so that the first of them is on ``first_day``; 0 without dates."""
    return (first_day - localtime(sessions[0].starts_at, zone).date()).days if sessions else 0


@transaction.atomic
def copy_event(event: Event, *, first_day: date | None, key: uuid.UUID, by, now: datetime) -> Event:
    """Return a draft with the texts, tariffs, forms and allotments of an event; a second call with the same key returns the same.

    With ``first_day`` it gets the dates too, moved so that the first one is on that day, at the same times of the clock.
    """
    # Two calls with the same key come one after the other.
    event = (
        Event.objects.select_for_update(of=("self",), no_key=True)
        .select_related("organiser")
        .get(pk=event.pk)
    )
    done = Event.objects.filter(organiser=event.organiser_id, copy_key=key).first()
    if done is not None:
        return done
    sessions = dates_to_copy(event)[:MOST_DATES] if first_day else []
    zone = event.organiser.zone
    days = days_until(first_day, sessions, zone) if first_day else 0
    copied_event = _copy_of_event(event, key)
    tariffs = _copy_tariffs(event, copied_event, days, zone)
    _copy_dates(copied_event, sessions, tariffs, days, zone)
    history.record(copied_event, "event_copied", by=by, now=now, source=event.pk)
    return copied_event


def _copy_of_event(event: Event, key: uuid.UUID) -> Event:
    copied_event = _fresh(Event.objects.get(pk=event.pk))
    copied_event.state, copied_event.copy_key = Event.State.DRAFT, key
    copied_event.slug = free_slug(Event, event.organiser_id, event.slug)
    _copy_picture(event, copied_event)
    copied_event.save(force_insert=True)
    copied_event.points_of_sale.set(event.points_of_sale.all())
    for order_form in OrderForm.objects.filter(event=event, form__archived_at=None):
        OrderForm.objects.create(event=copied_event, form_id=order_form.form_id)
    return copied_event


def _copy_tariffs(event: Event, copied_event: Event, days: int, zone: tzinfo) -> dict[int, Tariff]:
    """Return id of a tariff -> its copy."""
    tariffs: dict[int, Tariff] = {}
    needed: dict[int, int] = {}
    for tariff in Tariff.objects.filter(event=event).select_related("form").order_by("position", "pk"):
        source, only_with = tariff.pk, tariff.only_with_id
        copied = _fresh(tariff)
        copied.event, copied.only_with = copied_event, None
        if copied.form is not None and copied.form.archived_at is not None:
            copied.form = None
        _shift(copied, ("sales_start_at", "sales_end_at"), days, zone)
        copied.save(force_insert=True)
        tariffs[source] = copied
        if only_with:
            needed[source] = only_with
    for source, only_with in needed.items():
        tariffs[source].only_with = tariffs.get(only_with)
        tariffs[source].save(update_fields=["only_with"])
    return tariffs


def _copy_dates(
    event: Event, sessions: list[Session], tariffs: dict[int, Tariff], days: int, zone: tzinfo
) -> None:
    sources = [session.pk for session in sessions]
    sold = list(
        Offer.objects.filter(session__in=sources, tariff__in=tariffs)
        .select_related("allotment")
        .order_by("pk")
    )
    copies: dict[int, Session] = {}
    starts: set[datetime] = set()
    for source, session in zip(sources, sessions, strict=True):
        lasts = session.ends_at - session.starts_at
        copied = _fresh(session)
        copied.event, copied.state = event, Session.State.ON_SALE
        _shift(copied, ("starts_at", "doors_at", "sales_start_at", "sales_end_at"), days, zone)
        copied.ends_at = copied.starts_at + lasts
        if copied.starts_at not in starts:  # two times of the night when the clocks go back become one
            copies[source] = copied
            starts.add(copied.starts_at)
    Session.objects.bulk_create(copies.values())
    allotments: dict[int, Allotment] = {}
    for offer in sold:
        if offer.session_id in copies and offer.allotment_id not in allotments:
            allotments[offer.allotment_id] = Allotment(
                organiser_id=event.organiser_id,
                name=offers.allotment_name(event, copies[offer.session_id]),
                capacity=offer.allotment.capacity,
            )
    Allotment.objects.bulk_create(allotments.values())
    Offer.objects.bulk_create(
        Offer(
            session=copies[offer.session_id],
            tariff=tariffs[offer.tariff_id],
            allotment=allotments[offer.allotment_id],
        )
        for offer in sold
        if offer.session_id in copies
    )


@transaction.atomic
def copy_passes(
    passes: Iterable[SeasonPass], *, days: int, key: uuid.UUID, by, now: datetime
) -> list[SeasonPass]:
    """Return copies of passes, valid so many days later and not on sale yet. The same key returns the same copies.

    A pass for chosen dates opens none at first: staff choose those of the new season.
    """
    ids = [season_pass.pk for season_pass in passes]
    rows = SeasonPass.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids)
    copies = []
    for season_pass in rows.select_related("organiser", "allotment").order_by("pk"):
        own_key = uuid.uuid5(key, str(season_pass.pk))
        done = SeasonPass.objects.filter(organiser=season_pass.organiser_id, copy_key=own_key).first()
        copies.append(done or _copy_of_pass(season_pass, days, own_key, by=by, now=now))
    return copies


def _copy_of_pass(season_pass: SeasonPass, days: int, key: uuid.UUID, *, by, now: datetime) -> SeasonPass:
    copied = _fresh(SeasonPass.objects.get(pk=season_pass.pk))
    copied.active, copied.copy_key = False, key
    copied.slug = free_slug(SeasonPass, season_pass.organiser_id, season_pass.slug)
    copied.allotment = offers.allotment_for_pass(season_pass, season_pass.allotment.capacity)
    copied.valid_from += timedelta(days=days)
    copied.valid_until += timedelta(days=days)
    _shift(copied, ("sales_start_at", "sales_end_at"), days, season_pass.organiser.zone)
    for name in ("form", "extra_form"):
        form = getattr(copied, name)
        if form is not None and form.archived_at is not None:
            setattr(copied, name, None)
    _copy_picture(season_pass, copied)
    copied.save(force_insert=True)
    copied.points_of_sale.set(season_pass.points_of_sale.all())
    history.record(copied, "pass_copied", by=by, now=now, source=season_pass.pk)
    return copied


def _fresh(row: Row) -> Row:
    """Return the row as a new one: without key, and with the defaults of columns that staff can't edit."""
    for column in row._meta.concrete_fields:
        if not column.editable and not column.primary_key:
            setattr(row, column.attname, column.get_default())
    row.pk, row._state.adding = None, True
    return row


def _shift(row: Model, columns: Iterable[str], days: int, zone: tzinfo) -> None:
    for name in columns:
        setattr(row, name, shifted(getattr(row, name), days, zone))


def _copy_picture(source: Event | SeasonPass, copied: Event | SeasonPass) -> None:
    """Give the copy a separate file, because a picture that is replaced is deleted. The copy has no picture if the file can't be read or written."""
    copied.image = ""
    if not source.image:
        return
    with suppress(FileNotFoundError), source.image.open("rb") as file:
        content = ContentFile(file.read())
        column = copied._meta.get_field("image")
        assert isinstance(column, FileField)
        with suppress(NotStored):
            copied.image.save(PurePath(source.image.name).name, content, save=False)
