"""Cancel single tickets and passes of a paid order; the others stay valid."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from registration_forms.answers import responses
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.catalogue.models import OrderForm
from ticketshop.history import history
from ticketshop.lib import translated

from .. import notices
from ..admission_lists import heading
from ..models import IssuedPass, Order, Ticket
from ..papers import credit_notes
from ..payments import payments, refunds
from . import cancelled_lines, orders
from .cancelled_lines import ForDate, Unit


class CannotCancel(Exception):
    """Nothing was cancelled. ``problems``: sentences that tell why, and what to do."""

    def __init__(self, problems: list[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Result:
    """The result of a cancellation: the amount that is to be paid back, and whether nothing is left of the order."""

    back: Decimal
    ended: bool


def cancel(
    order: Order,
    keys: Collection[str],
    *,
    by,
    now: datetime,
    pay_back: Decimal | None = None,
    for_date: ForDate | None = None,
) -> Result:
    """Cancel the units with these keys (``Unit.key``) of a paid order. Their places are free again.

    ``pay_back``: how much is to be paid back; None for what is cancelled and not yet paid back. An order of which nothing is
    left is cancelled. Raise CannotCancel, or ``refunds.TooMuch`` if more is to be paid back than was proposed; then nothing
    has changed. Raise PageOpen as ``orders.cancel`` does. ``for_date``: their date is cancelled; then their own price goes
    back (``cancelled_lines.owed``).
    """
    with transaction.atomic():
        order = payments.lock(order.pk)
        units = cancelled_lines.units_of(order)
        left = [unit for unit in units if not unit.is_cancelled]
        if not {unit.key for unit in left} <= set(keys):
            return Result(_cancel(order, units, keys, pay_back, by, now, for_date), ended=False)
        if problems := why_not(order, units, keys, for_date):
            raise CannotCancel(problems)
    try:
        if not orders.cancel(order, by=by, now=now, pay_back=pay_back, for_date=for_date):
            raise CannotCancel([_("This order was over already. Nothing has changed.")])
    except orders.TicketsUsed:
        raise CannotCancel(
            [_("A ticket was used at the entrance meanwhile. Look at the order once more.")]
        ) from None
    return Result(refunds.decided_at(order, now), ended=True)


def _cancel(
    order: Order,
    units: list[Unit],
    keys: Collection[str],
    pay_back: Decimal | None,
    by,
    now: datetime,
    for_date: ForDate | None,
) -> Decimal:
    """Cancel some units, and return what is to be paid back. The order is locked."""
    chosen = [unit for unit in units if unit.key in keys]
    cancellation = cancelled_lines.begin(order, by=by, now=now, for_date=for_date)
    if not (for_date and for_date.told):
        # Before the tickets are locked: this locks the people who get a mail, and an erasure locks people before tickets.
        notices.tickets_cancelled(order, cancellation, cancelled_lines.admissions_of(chosen), now)
    cancelled_lines.lock(chosen)
    if problems := why_not(order, units, keys, for_date):
        raise CannotCancel(problems)
    freed = cancelled_lines.write(cancellation, chosen)
    counted = {
        f"sales.{model._meta.model_name}": sum(
            isinstance(row, model) for row in cancelled_lines.admissions_of(chosen)
        )
        for model in (Ticket, IssuedPass)
    }
    removed = {name: number for name, number in counted.items() if number}
    history.record(order, "tickets_cancelled", by=by, now=now, removed=removed)
    proposed = cancelled_lines.owed(order, chosen) if for_date else cancelled_lines.proposed(order)
    amount = proposed if pay_back is None else pay_back
    if amount > proposed:
        raise refunds.TooMuch(proposed)
    refunds.plan(order, amount, by=by, now=now)
    responses.cancel(_responses(order, units, chosen))
    credit_notes.credit_cancelled(order, by=by, now=now)
    places.release(freed)
    return amount


# --- what may go -------------------------------------------------------------------------------------------
def why_not(
    order: Order, units: list[Unit], keys: Collection[str], for_date: ForDate | None = None
) -> list[str]:
    """Return why the units with these keys can't be cancelled, in sentences; empty if they can.

    ``units``: all of the order (``cancelled_lines.units_of``). ``for_date``: then a tariff may be left without the one that it
    is sold together with.
    """
    if order.state == Order.State.PENDING:
        return [
            _(
                "The order is not paid yet, so its payment asks for everything in it. Cancel the whole order, and place a new one."
            )
        ]
    if order.state != Order.State.PAID:
        return [_("This order was over already. Nothing has changed.")]
    chosen = [unit for unit in units if unit.key in keys]
    if not chosen or len(chosen) < len(set(keys)):
        return [_("Choose what to cancel.")]
    sentences = []
    for unit in chosen:
        if unit.is_cancelled:
            text = _("“%(what)s” is cancelled already. Look at the order once more.")
            sentences.append(translated.compose(text, what=name_of(unit)))
        elif unit.is_used:
            text = _(
                "“%(what)s” was used at the entrance, so it can’t be cancelled. You can still pay money back for it."
            )
            sentences.append(translated.compose(text, what=name_of(unit)))
    return sentences or ([] if for_date else _left_alone(units, chosen))


def _left_alone(units: list[Unit], chosen: list[Unit]) -> list[str]:
    """Return a sentence for each tariff that would remain without the tariff that it is sold together with."""
    before = [unit for unit in units if unit.line.offer_id and not unit.is_cancelled]
    after = [unit for unit in before if unit not in chosen]
    there = {(unit.line.offer.session_id, unit.line.offer.tariff_id) for unit in before}
    remain = {(unit.line.offer.session_id, unit.line.offer.tariff_id) for unit in after}
    sentences = []
    for unit in after:
        tariff, session = unit.line.offer.tariff, unit.line.offer.session_id
        if (session, tariff.only_with_id) in there - remain:
            text = _(
                "“%(name)s” is sold only together with “%(other)s” for the same date. Keep one of them, or cancel “%(name)s” too."
            )
            sentences.append(translated.compose(text, name=tariff.name, other=tariff.only_with.name))
    return list(dict.fromkeys(sentences))


def name_of(unit: Unit) -> str:
    """Return which ticket, pass or group it is, with the names on it: “Hamlet, 3 December, Adult, Ada Lovelace”."""
    names = [admission.holder_text for admission in unit.admissions if admission.holder_text]
    return translated.joined(", ", [heading(unit.admissions[0]), *dict.fromkeys(names)])


# --- answers -------------------------------------------------------------------------------------------------
def _responses(order: Order, units: list[Unit], chosen: list[Unit]) -> QuerySet[Response]:
    """Return the responses that go with the chosen units: theirs, and those to an order form that applies to nothing that
    is left.
    """
    tickets = [row.pk for row in cancelled_lines.admissions_of(chosen) if isinstance(row, Ticket)]
    passes = [row.pk for row in cancelled_lines.admissions_of(chosen) if isinstance(row, IssuedPass)]
    mine = Q(ticket__in=tickets) | Q(issued_pass__in=passes) | Q(issued_pass_adding__in=passes)
    left = [unit for unit in units if not unit.is_cancelled and unit not in chosen]
    forms = _order_forms(order, units)
    gone = {forms[unit.key] for unit in chosen} - {forms[unit.key] for unit in left} - {None}
    if gone:
        mine |= Q(order_response__order=order, form__in=gone)
    return Response.objects.filter(mine)


def _order_forms(order: Order, units: list[Unit]) -> dict[str, int | None]:
    """Return unit key -> id of the order form that is asked for it: the event's, else the shop's."""
    events = {unit.line.offer.session.event_id for unit in units if unit.line.offer_id}
    of_event = dict(OrderForm.objects.filter(event__in=events).values_list("event", "form"))
    of_shop = OrderForm.objects.filter(point_of_sale=order.point_of_sale_id).values_list("form", flat=True)
    shop = of_shop.first()
    return {
        unit.key: of_event.get(unit.line.offer.session.event_id, shop) if unit.line.offer_id else shop
        for unit in units
    }
