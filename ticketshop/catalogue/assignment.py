"""Assignment of a form to tariffs, season passes, events and points of sale, changed together."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Min, Model, Q, QuerySet

from registration_forms.models import RegistrationForm
from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.translated import contains
from ticketshop.organisers.models import PointOfSale

from .models import Event, OrderForm, SeasonPass, Tariff

TARIFF, PASS, EVENT, SHOP = "tariff", "pass", "event", "shop"


class Changed(Exception):
    """Another staff member has chosen another form at one of these places meanwhile."""


@dataclass(frozen=True)
class Place:
    """A row that may use a form. ``asks``: the form it uses now; ``event``: the event of a tariff."""

    kind: str
    row: Model
    asks: RegistrationForm | None
    event: Event | None = None

    @property
    def key(self) -> str:
        """Return a text that identifies the row among all places."""
        return f"{self.kind}-{self.row.pk}"


def places(
    form: RegistrationForm, *, now: datetime, past: bool = False, search: str = "", most: int = 300
) -> list[Place]:
    """Return the places where the form may be used, at most ``most`` of each kind; those that use it are always
    among them.

    Without ``past``, events whose last date is over are left out. ``search`` keeps events and passes with
    this text in their title, in any language. Two queries.
    """
    if form.kind == RegistrationForm.Kind.ORDER:
        return [*_shops(form), *_events(form, now, past, search, most)]
    passes = _passes(form, now, past, search, most)
    if form.kind == RegistrationForm.Kind.PASS:
        return passes
    return [*_tariffs(form, now, past, search, most), *passes]


def _first(rows: QuerySet, mine: Q, wanted: Q, most: int) -> list:
    """Return the rows that use the form, then the others that are ``wanted``."""
    asking = list(rows.filter(mine))
    return [*asking, *rows.filter(wanted).exclude(mine)[:most]]


def _tariffs(form: RegistrationForm, now: datetime, past: bool, search: str, most: int) -> list[Place]:
    rows = (
        Tariff.objects.filter(event__organiser=form.organiser_id)
        .select_related("event", "form")
        .annotate(first=Min("event__sessions__starts_at"))
        .order_by("first", "event", "position", "pk")
    )
    wanted = Q(active=True) if past else Q(active=True) & _not_over("event__", now)
    if search:
        wanted &= contains(Tariff, "event__title", search)
    tariffs = _first(rows, Q(form=form), wanted, most)
    tariffs.sort(key=lambda row: (row.first is None, row.first or now, row.event_id, row.position, row.pk))
    return [Place(TARIFF, row, row.form, row.event) for row in tariffs]


def _events(form: RegistrationForm, now: datetime, past: bool, search: str, most: int) -> list[Place]:
    rows = (
        Event.objects.filter(organiser=form.organiser_id)
        .select_related("order_form__form")
        .annotate(first=Min("sessions__starts_at"))
        .order_by("first", "pk")
    )
    wanted = Q() if past else _not_over("", now)
    if search:
        wanted &= contains(Event, "title", search)
    events = _first(rows, Q(order_form__form=form), wanted, most)
    events.sort(key=lambda row: (row.first is None, row.first or now, row.pk))
    return [Place(EVENT, row, _order_form(row)) for row in events]


def _not_over(path: str, now: datetime) -> Q:
    """Return a condition: the event has a date to come, or no date yet."""
    to_come = Event.objects.filter(sessions__ends_at__gte=now).values("pk")
    return Q(**{f"{path}pk__in": to_come}) | Q(**{f"{path}sessions": None})


def _shops(form: RegistrationForm) -> list[Place]:
    rows = PointOfSale.objects.filter(organiser=form.organiser_id).select_related("order_form__form")
    return [Place(SHOP, row, _order_form(row)) for row in rows.order_by("pk")]


def _order_form(row: Event | PointOfSale) -> RegistrationForm | None:
    order_form = getattr(row, "order_form", None)
    return order_form.form if order_form else None


def _passes(form: RegistrationForm, now: datetime, past: bool, search: str, most: int) -> list[Place]:
    column = _column(form)
    rows = SeasonPass.objects.filter(organiser=form.organiser_id).select_related(column).order_by("-pk")
    wanted = (
        Q(active=True) if past else Q(active=True, valid_until__gte=days.day_of(now, form.organiser.zone))
    )
    if search:
        wanted &= contains(SeasonPass, "name", search)
    passes = _first(rows, Q(**{column: form}), wanted, most)
    return [Place(PASS, row, getattr(row, column)) for row in passes]


def _column(form: RegistrationForm) -> str:
    """Return the column of a season pass that names a form of this kind."""
    return "form" if form.kind == RegistrationForm.Kind.PASS else "extra_form"


def fingerprint(found: Sequence[Place]) -> str:
    """Return a short text for the forms that these places use; it differs as soon as one of them changes."""
    text = ",".join(sorted(f"{place.key}:{place.asks.pk if place.asks else 0}" for place in found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@transaction.atomic
def assign(
    form: RegistrationForm, found: Sequence[Place], wanted: Mapping[str, bool], *, by, now: datetime
) -> list[Place]:
    """Use the form at those of ``found`` that are wanted, and no longer at the others. Return what changed.

    ``found``: the places as the page showed them. Raise Changed where one of them uses another form by now.
    """
    changes = [place for place in found if wanted[place.key] is not (place.asks == form)]
    if not _as_seen(form, changes):
        raise Changed
    for place in changes:
        _set(place, form if wanted[place.key] else None, _column(form))
        history.record(place.row, "form_chosen", by=by, now=now, organiser_id=form.organiser_id, form=form.pk)
    if changes:
        history.record(form, "asked_at", by=by, now=now)
    return changes


def _as_seen(form: RegistrationForm, changes: Sequence[Place]) -> bool:
    """Lock the rows of these places. Return whether each still uses the form it used when it was read."""
    for model in (PointOfSale, Event, Tariff, SeasonPass):
        ids = [place.row.pk for place in changes if isinstance(place.row, model)]
        if not ids:
            continue
        locked = model._base_manager.select_for_update(of=("self",), no_key=True).filter(pk__in=ids)
        rows = {row.pk: row for row in locked.order_by("pk")}
        forms_now = _forms_now(model, rows, _column(form))
        for place in changes:
            seen = place.asks.pk if place.asks else None
            if isinstance(place.row, model) and forms_now.get(place.row.pk) != seen:
                return False
    return True


def _forms_now(model: type[Model], rows: Mapping[int, Model], column: str) -> dict[int, int | None]:
    if model is Tariff:
        return {pk: row.form_id for pk, row in rows.items()}
    if model is SeasonPass:
        return {pk: getattr(row, f"{column}_id") for pk, row in rows.items()}
    path = "event" if model is Event else "point_of_sale"
    return dict(OrderForm.objects.filter(**{f"{path}__in": list(rows)}).values_list(path, "form"))


def _set(place: Place, form: RegistrationForm | None, column: str) -> None:
    if place.kind in (TARIFF, PASS):
        name = "form" if place.kind == TARIFF else column
        type(place.row)._base_manager.filter(pk=place.row.pk).update(**{name: form})
        return
    where = {"event" if place.kind == EVENT else "point_of_sale": place.row}
    if form is None:
        OrderForm.objects.filter(**where).delete()
    else:
        OrderForm.objects.update_or_create(**where, defaults={"form": form})
