"""Tickets, passes and orders that were sold before a form was assigned to them, and so have no answers to it.

A form may be assigned to a tariff, a pass, an event or a point of sale at any time. What was sold before gets
an empty response once staff ask the buyers or enter the answers themselves. From then on its questions are
owed, listed as missing, and answered on the same pages as all others.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext_lazy

from contacts import locking
from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.models import FormVersion, RegistrationForm
from ticketshop.catalogue.models import Offer, OrderForm, Session
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.organisers.models import PointOfSale

from .. import notices
from ..admission_lists import WITH_PASS, WITH_TICKET
from ..models import LIVING_ORDERS, Admission, IssuedPass, Order, OrderResponse, Ticket
from . import form_blocks

Kind = RegistrationForm.Kind
# How long after the request of staff a failed row is tried again.
TRIED_FOR = timedelta(days=30)
# Of more than these the page states no number: it would take seconds after many sales.
COUNTED = 1000
_LIVING = Q(order__state__in=LIVING_ORDERS, holder_erased_at=None) & ~Q(state=Admission.State.CANCELLED)
_OF_A_BUYER = Q(order__buyer__isnull=False, order__buyer__erasing_at=None)
# The person who has a given ticket answers for themselves, also after the erasure of its buyer.
_GIVEN = Q(gift__isnull=False, beneficiary__isnull=False, beneficiary__erasing_at=None)
_OF_TICKETS, _OF_PASSES = _LIVING & (_OF_A_BUYER | _GIVEN), _LIVING & _OF_A_BUYER
Versions = dict[int, FormVersion]


# --- what lacks answers --------------------------------------------------------------------------------------
def published(form_ids: Iterable[int]) -> Versions:
    """Return form id -> published version, for forms in use that ask buyers for something. One query."""
    rows = RegistrationForm.objects.filter(pk__in=set(form_ids), archived_at=None, published__isnull=False)
    return {
        form.pk: form.published
        for form in rows.select_related("published")
        if form_blocks.asks_something(definitions.of_version(form.published))
    }


def tickets(versions: Versions, now: datetime, offers: Mapping[int, int] | None = None) -> QuerySet[Ticket]:
    """Return the tickets without answers to the form that their tariff uses now, for dates that are not over.

    ``offers``: the result of ``_offers_with`` for a query about all orders.
    """
    rows = Ticket.objects.filter(_OF_TICKETS, response=None, session__ends_at__gt=now)
    if offers is None:
        rows = rows.filter(line__offer__tariff__form__in=versions)
    else:
        rows = rows.filter(line__offer__in=list(offers), session__in=set(offers.values()))
    leader = RegistrationForm.Group.LEADER
    of_leaders = [
        pk for pk, version in versions.items() if definitions.of_version(version).group_asks == leader
    ]
    if of_leaders:
        # In a group, the first ticket of each unit is asked, counted among all tickets of the line.
        numbered = Ticket.objects.filter(line__offer__tariff__form__in=of_leaders).annotate(
            place=Window(RowNumber(), partition_by=F("line"), order_by=F("pk").asc())
        )
        # The number of tickets that one price gave at the sale; the tariff may give another number now.
        members = numbered.annotate(rest=(F("place") - 1) % (F("line__places") / F("line__quantity")))
        rows = rows.exclude(pk__in=members.filter(rest__gt=0).values("pk"))
    return rows


def passes(versions: Versions, now: datetime, *, added: bool = False) -> QuerySet[IssuedPass]:
    """Return the passes without answers to their own form, or with ``added`` to their extra form."""
    asks, answered = ("extra_form", "extra_response") if added else ("form", "response")
    wanted = {f"season_pass__{asks}__in": versions, answered: None}
    return IssuedPass.objects.filter(_OF_PASSES, valid_until__gte=timezone.localdate(now), **wanted)


def orders(form_id: int, now: datetime) -> QuerySet[Order]:
    """Return the orders without answers to an order form that applies to something in them that is not over.

    The form of an event replaces that of the point of sale, which is always used for passes.
    """
    alive = ~Q(state=Admission.State.CANCELLED)
    assigned = list(OrderForm.objects.filter(form=form_id).values_list("event", "point_of_sale"))
    events = [event for event, _point_of_sale in assigned if event]
    shops = [point_of_sale for _event, point_of_sale in assigned if point_of_sale]
    # With ids PostgreSQL has statistics to choose a plan by, and a union of keys is one join: for an OR of conditions it read all
    # tickets and passes, once for each.
    coming = Session.objects.filter(ends_at__gt=now).values_list("pk", flat=True)
    tickets = Ticket.objects.filter(alive).values("order")
    holding = tickets.filter(session__in=list(coming.filter(event__in=events)))
    rows = Order.objects.all()
    if shops:
        own = OrderForm.objects.filter(
            event=OuterRef("event"), form__archived_at=None, form__published__isnull=False
        )
        organisers = PointOfSale.objects.filter(pk__in=shops).values("organiser")
        of_shops = coming.filter(~Exists(own), event__organiser__in=organisers)
        issued = IssuedPass.objects.filter(alive, valid_until__gte=timezone.localdate(now)).values("order")
        if events:
            there = {"order__point_of_sale__in": shops}
        else:
            there, rows = {}, rows.filter(point_of_sale__in=shops)
        holding = holding.union(
            tickets.filter(session__in=list(of_shops), **there), issued.filter(**there), all=True
        )
    answered = OrderResponse.objects.filter(order=OuterRef("pk"), response__form=form_id)
    return rows.filter(
        ~Exists(answered),
        pk__in=holding,
        state__in=LIVING_ORDERS,
        buyer__isnull=False,
        buyer__erasing_at=None,
    )


def _of_form(form: RegistrationForm, now: datetime) -> list[QuerySet]:
    versions = published([form.pk])
    if not versions:
        return []
    if form.kind == Kind.ORDER:
        return [orders(form.pk, now)]
    if form.kind == Kind.PASS:
        return [passes(versions, now)]
    return [tickets(versions, now, _offers_with(versions)), passes(versions, now, added=True)]


def _offers_with(forms: Iterable[int]) -> dict[int, int]:
    """Return offer id -> session id, for the offers whose tariff uses one of the forms; one query.

    With ids PostgreSQL has statistics to choose a plan by. With the forms it read the lines of all orders, and without the
    sessions all tickets that have no answers.
    """
    return dict(Offer.objects.filter(tariff__form__in=list(forms)).values_list("pk", "session_id"))


def is_lacking(form: RegistrationForm, now: datetime) -> bool:
    """Return whether any ticket, pass or order lacks the answers to a form."""
    return any(rows.exists() for rows in _of_form(form, now))


def number_of(form: RegistrationForm, now: datetime) -> int:
    """Return how many tickets, passes or orders lack the answers to a form; more than ``COUNTED`` if they are more than that."""
    return sum(rows.order_by()[: COUNTED + 1].count() for rows in _of_form(form, now))


def number_with_another(form: RegistrationForm, now: datetime) -> int:
    """Return how many tickets and passes would be asked this form but have answers to another one, which they keep."""
    if not published([form.pk]):
        return 0
    other = Q(response__isnull=False) & ~Q(response__form=form)
    extra = Q(extra_response__isnull=False) & ~Q(extra_response__form=form)
    valid = Q(valid_until__gte=timezone.localdate(now))
    offers = _offers_with([form.pk])
    sold = {"line__offer__in": list(offers), "session__in": set(offers.values())}
    tickets = Ticket.objects.filter(_OF_TICKETS, other, session__ends_at__gt=now, **sold)
    passes = IssuedPass.objects.filter(
        _OF_PASSES, valid, Q(season_pass__form=form) & other | Q(season_pass__extra_form=form) & extra
    )
    return tickets.count() + passes.count()


def some_of(form: RegistrationForm, now: datetime, most: int) -> list[Ticket | IssuedPass | Order]:
    """Return the first tickets, passes or orders that lack the answers to a form."""
    lacking_rows: list = []
    for rows in _of_form(form, now):
        joins = {
            Order: ("buyer",),
            Ticket: ("order__buyer", *WITH_TICKET),
            IssuedPass: ("order__buyer", *WITH_PASS),
        }
        lacking_rows += rows.select_related(*joins[rows.model]).order_by("pk")[: most - len(lacking_rows)]
    return lacking_rows


def orders_of(form: RegistrationForm, now: datetime) -> QuerySet[Order]:
    """Return the orders in which something lacks the answers to a form."""
    condition = Q(pk__in=[])
    for rows in _of_form(form, now):
        condition |= Q(pk__in=rows.values("pk" if rows.model is Order else "order"))
    return Order.objects.filter(condition)


# --- of one order --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Lacking:
    """A ticket or pass without answers to a form, with the ``column`` for its response, or an order (then
    ``column`` is empty).
    """

    holder: Ticket | IssuedPass | Order
    form_id: int
    ends_at: datetime
    column: str = ""
    title: str = ""  # of an order form: the events it is asked for


def lacking(order: Order, now: datetime, only: Collection[int] | None = None) -> list[Lacking]:
    """Return what in an order lacks the answers to a form that is used there now; ``only``: ids of forms."""
    versions = published(_forms_at(order) if only is None else only)
    if not versions:
        return []
    rows = tickets(versions, now).filter(order=order).select_related("line__offer__tariff", "session")
    all_lacking = [
        Lacking(admission, admission.line.offer.tariff.form_id, admission.session.ends_at, "response")
        for admission in rows.order_by("pk")
    ]
    zone = ZoneInfo(order.point_of_sale.organiser.time_zone)
    for added in (False, True):
        asks, column = ("extra_form_id", "extra_response") if added else ("form_id", "response")
        issued = passes(versions, now, added=added).filter(order=order).select_related("season_pass")
        all_lacking += [
            Lacking(admission, getattr(admission.season_pass, asks), _end_of(admission, zone), column)
            for admission in issued.order_by("pk")
        ]
    for form_id in versions:
        if orders(form_id, now).filter(pk=order.pk).exists():
            all_lacking.append(_of_order(order, form_id, zone))
    return all_lacking


def _forms_at(order: Order) -> set[int]:
    """Return the forms that are used now for something in an order."""
    rows = [
        order.tickets.values_list("line__offer__tariff__form", "session__event__order_form__form"),
        order.passes.values_list("season_pass__form", "season_pass__extra_form"),
        OrderForm.objects.filter(point_of_sale=order.point_of_sale_id).values_list("form"),
    ]
    return {pk for forms in rows for row in forms for pk in row if pk}


def _end_of(issued: IssuedPass, zone: ZoneInfo) -> datetime:
    return datetime.combine(issued.valid_until + timedelta(days=1), time.min, zone)


def _of_order(order: Order, form_id: int, zone: ZoneInfo) -> Lacking:
    rows = list(
        order.tickets.exclude(state=Admission.State.CANCELLED).select_related("session__event__order_form")
    )
    issued = order.passes.exclude(state=Admission.State.CANCELLED)
    ends = [admission.session.ends_at for admission in rows] + [
        _end_of(admission, zone) for admission in issued
    ]
    events = [admission.session.event for admission in rows]
    own = [
        event.title
        for event in events
        if (form := getattr(event, "order_form", None)) and form.form_id == form_id
    ]
    return Lacking(order, form_id, max(ends), title=", ".join(dict.fromkeys(own))[:300])


@transaction.atomic
def add(order: Order, *, now: datetime, by=None, only: Collection[int] | None = None) -> int:
    """Give an order empty responses where it lacks the answers to a form. Return their number; a second call
    adds none.

    People are locked before the order and its tickets, as in an erasure.
    """
    people = {order.buyer_id, *order.tickets.values_list("beneficiary", flat=True)}
    held = locking.lock_all({*people, *order.passes.values_list("beneficiary", flat=True)} - {None})
    rows = Order.objects.select_for_update(of=("self",), no_key=True)
    order = rows.select_related("buyer", "point_of_sale__organiser").get(pk=order.pk)
    for admissions in (order.tickets, order.passes):
        list(admissions.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    lacking_rows = lacking(order, now, only)
    if not lacking_rows:
        return 0
    versions = published({missing.form_id for missing in lacking_rows})
    given = [
        responses.NewResponse(
            versions[missing.form_id], {}, _about(missing, order, held), missing.ends_at, later=True
        )
        for missing in lacking_rows
    ]
    made = responses.store(given, organiser=order.organiser, language=order.language, now=now)
    for missing, response in zip(lacking_rows, made, strict=True):
        if missing.column:
            type(missing.holder).objects.filter(pk=missing.holder.pk).update(**{missing.column: response})
        else:
            OrderResponse.objects.create(order=order, response=response, title=missing.title)
    history.record(order, "forms_added", by=by, now=now)
    return len(made)


def _about(missing: Lacking, order: Order, held: dict) -> int:
    """Return the id of the contact whom the answers are about. What lacks answers has a holder or a buyer who is not being erased."""
    beneficiary = getattr(missing.holder, "beneficiary_id", None)
    return beneficiary if beneficiary in held else order.buyer_id


# --- asking the buyers ---------------------------------------------------------------------------------------
@transaction.atomic
def ask(form: RegistrationForm, *, by, now: datetime) -> None:
    """Record that the buyers are to be asked for missing answers; the worker asks them (``ask_some``)."""
    RegistrationForm.objects.filter(pk=form.pk).update(sold_asked_at=now)
    history.record(form, "sold_asked", by=by, now=now)


def ask_some(form: RegistrationForm, now: datetime) -> int:
    """Ask the buyers of the next orders. Return their number; 0 when all are asked."""
    if form.sold_asked_at is None:
        return 0
    return ASK.run(now, orders_of(form, now).filter(placed_at__lt=form.sold_asked_at).order_by("pk"))


def _to_ask(now: datetime) -> QuerySet[Order]:
    """Return the orders that staff wanted asked recently and that were not asked yet."""
    condition = Q(pk__in=[])
    for form in RegistrationForm.objects.filter(sold_asked_at__gt=now - TRIED_FOR):
        condition |= Q(pk__in=orders_of(form, now).values("pk"), placed_at__lt=form.sold_asked_at)
    return Order.objects.filter(condition).order_by("pk")


def _ask(order: Order, now: datetime) -> bool:
    forms = RegistrationForm.objects.filter(
        organiser=order.organiser_id, sold_asked_at__gt=max(order.placed_at, now - TRIED_FOR)
    )
    if not add(order, now=now, only=set(forms.values_list("pk", flat=True))):
        return False
    order.refresh_from_db(fields=["buyer"])
    notices.form_added(order, now)
    return True


ASK = RowJob(
    "sales.ask_unanswered",
    gettext_lazy("Ask an earlier buyer for the answers to a form"),
    rows=_to_ask,
    act=_ask,
)
