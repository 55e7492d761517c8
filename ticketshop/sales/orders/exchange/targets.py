"""Dates and tariffs that tickets can be exchanged for, and the rules that are checked again."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts.models import Contact
from ticketshop.catalogue.models import Offer, Session, Tariff
from ticketshop.lib import translated

from ... import recipients
from ...answers import moving
from ...cart.contents import Contents
from ...models import Admission, Cart, CartLine, Order
from .. import cancelled_lines, person_limits, single_tickets
from ..cancelled_lines import Unit


def why_not_order(order: Order) -> str:
    """Return why no ticket of a paid order can be exchanged, whichever is chosen, in a sentence; empty if that is not known."""
    if order.without_person:
        return _(
            "The tickets were sold without a name, so they can’t be exchanged: cancel them, pay the money back, and sell others at the counter."
        )
    if recipients.has_left(order.buyer):
        return _(
            "The buyer’s data are erased, so the tickets can’t be exchanged. You can cancel them and pay money back."
        )
    return ""


def has_any(order: Order, now: datetime) -> bool:
    """Return whether the order has something that can be exchanged, and its event another date or tariff for it.

    One query; for tickets of groups three more.
    """
    others = Offer.objects.filter(session__event=OuterRef("session__event"), session__starts_at__gt=now)
    others = others.exclude(session__state=Session.State.CANCELLED).exclude(pk=OuterRef("line__offer"))
    tickets = order.tickets.filter(Exists(others), state=Admission.State.VALID, booked_with=None)
    rows = tickets.values_list("pk", "line__places", "line__quantity")
    alone = {pk: places == quantity for pk, places, quantity in rows}
    if any(alone.values()) or not alone:
        return bool(alone)
    units = cancelled_lines.units_of(order)
    return any(all(ticket.pk in alone for ticket in unit.admissions) for unit in units if unit.line.offer_id)


def why_not(chosen: list[Unit]) -> list[str]:
    """Return why these units can't be exchanged, in sentences; empty if they can, as far as they tell."""
    if not chosen:
        return [_("Choose the tickets to exchange.")]
    text = _("“%(what)s” was used at the entrance, so it can’t be exchanged.")
    return [translated.compose(text, what=single_tickets.name_of(unit)) for unit in chosen if unit.is_used]


def sessions(units: Iterable[Unit], now: datetime) -> list[Session]:
    """Return the dates of the events of these units that have not begun, in their order."""
    events = {unit.line.offer.session.event_id for unit in units if unit.line.offer_id}
    rows = Session.objects.filter(event__in=events, starts_at__gt=now).select_related("event")
    return list(rows.exclude(state=Session.State.CANCELLED).order_by("starts_at", "pk"))


def tariffs(units: Iterable[Unit]) -> list[Tariff]:
    """Return the tariffs of the events of these units."""
    events = {unit.line.offer.session.event_id for unit in units if unit.line.offer_id}
    return list(
        Tariff.objects.filter(event__in=events).select_related("event").order_by("event", "position", "pk")
    )


def offers_for(
    units: list[Unit], session: Session | None, tariff: Tariff | None
) -> tuple[dict[str, Offer], list[str]]:
    """Return unit key -> the offer it is exchanged for, and sentences about units for which there is none.

    ``session``, ``tariff``: None for the same as before.
    """
    wanted = {
        unit.key: (
            session.pk if session else unit.line.offer.session_id,
            tariff.pk if tariff else unit.line.offer.tariff_id,
        )
        for unit in units
        if unit.line.offer_id
    }
    rows = Offer.objects.filter(
        session__in={pair[0] for pair in wanted.values()}, tariff__in={pair[1] for pair in wanted.values()}
    ).select_related("session__event", "tariff__form__published", "tariff__only_with", "allotment")
    by_pair = {(offer.session_id, offer.tariff_id): offer for offer in rows}
    chosen, sentences = {}, []
    for unit in units:
        offer = by_pair.get(wanted.get(unit.key, (0, 0)))
        if sentence := _why_not(unit, offer, session, tariff):
            sentences.append(translated.compose(sentence, what=single_tickets.name_of(unit)))
        elif offer is not None:
            chosen[unit.key] = offer
    return chosen, list(dict.fromkeys(sentences))


def _why_not(unit: Unit, offer: Offer | None, session: Session | None, tariff: Tariff | None) -> str:
    """Return why a unit can't become the offer, in a sentence with ``%(what)s``; empty if it can."""
    if not unit.line.offer_id:
        return _("“%(what)s” is a season pass: only tickets can be exchanged.")
    if unit.admissions[0].booked_with_id:
        return _("“%(what)s” is booked with a pass: cancel it, and book another date with the pass.")
    old = unit.line.offer
    if session is not None and session.event_id != old.session.event_id:
        return _("“%(what)s” is for another event. Choose a date of the same event.")
    if offer is None:
        return _("“%(what)s”: this tariff is not sold on that date. Choose another tariff or date.")
    if offer.pk == old.pk:
        return _("“%(what)s” has this date and tariff already. Choose another date or tariff.")
    if offer.tariff.tickets_per_unit != len(unit.admissions):
        return _(
            "“%(what)s”: this tariff gives another number of tickets for one price. Choose another tariff."
        )
    return ""


def contents_of(order: Order, units: list[Unit], offers: dict[str, Offer]) -> Contents:
    """Return what the units become, as the contents of a cart that is not stored: a line for each offer."""
    cart = Cart(point_of_sale=order.point_of_sale)
    lines: dict[int, CartLine] = {}
    for unit in units:
        offer = offers[unit.key]
        if offer.pk not in lines:
            lines[offer.pk] = CartLine(
                cart=cart,
                offer=offer,
                quantity=0,
                unit_price=offer.tariff.price,
                slots=[],
                session_starts_at=offer.session.starts_at,
            )
        line = lines[offer.pk]
        line.quantity += 1
        line.slots += [f"t{admission.pk}" for admission in unit.admissions]
    ordered = sorted(
        lines.values(), key=lambda line: (line.session.starts_at, line.offer.tariff.position, line.offer.pk)
    )
    return Contents(cart, ordered)


def problems(
    contents: Contents, units: list[Unit], offers: dict[str, Offer], buyer: Contact, now: datetime
) -> list[str]:
    """Return which rules forbid the exchange, in sentences. The old tickets are cancelled already, the people locked."""
    sentences = []
    together = {(line.session.pk, line.offer.tariff_id) for line in contents.lines}
    for line in contents.lines:
        tariff, session = line.offer.tariff, line.session
        if not line.product.on_sale(now):
            text = _("“%(name)s” is not on sale for that date. Choose another tariff or date.")
            sentences.append(translated.compose(text, name=tariff.name))
        if tariff.only_with_id and (session.pk, tariff.only_with_id) not in together:
            text = _("“%(name)s” is sold only together with “%(other)s” for the same date. Exchange both.")
            sentences.append(translated.compose(text, name=tariff.name, other=tariff.only_with.name))
    for unit in units:
        day = localtime(offers[unit.key].session.starts_at).date()
        for ticket in unit.admissions:
            if ticket.response_id:
                sentences += moving.too_young_or_old(ticket.response, day)
    beneficiaries = {
        f"t{ticket.pk}": ticket.beneficiary_id
        for unit in units
        for ticket in unit.admissions
        if ticket.beneficiary_id
    }
    sentences += person_limits.problems(contents, buyer, beneficiaries)
    return list(dict.fromkeys(sentences))
