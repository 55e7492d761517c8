"""Exchange tickets of a paid order for another date or tariff of the same event.

The old order gets a cancellation, and a new order of the same buyer the new tickets. What the old tickets cost is credited to the
new order; it waits for the rest, or the rest is paid back. See the decision note 0039.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from contacts import locking
from contacts.models import Contact
from registration_forms.answers import limited_choices, responses
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Session, Tariff
from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.values import references
from ticketshop.lib.values.money import ZERO

from ... import notices
from ...answers import missing_answers, moving
from ...cart.contents import Contents
from ...models import Cancellation, Exchange, Order, OrderLine, OrderResponse, Payment, ReplacedCode, Ticket
from ...papers import credit_notes
from ...payments import methods, payments, refunds
from ...payments.methods.base import Method, no_later_than
from ...payments.methods.free import Free
from ...tickets import codes
from .. import cancelled_lines, order_lines, placing, single_tickets
from ..cancelled_lines import Unit
from . import targets


class CannotExchange(Exception):
    """Nothing was exchanged. ``problems``: sentences that tell why, and what to do."""

    def __init__(self, problems: list[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Wish:
    """An exchange as staff chose it. ``keys``: of units; ``session``, ``tariff``: None for the same as before.

    ``pay_back``: how much goes back if the new tickets cost less; None for the whole difference. ``method``: code of the method
    that a difference is to be paid by; empty for the order's, or the first that is offered.
    """

    keys: Collection[str]
    session: Session | None = None
    tariff: Tariff | None = None
    pay_back: Decimal | None = None
    method: str = ""


@dataclass(frozen=True)
class Result:
    """The result of an exchange, or of trying it out: what is credited, what remains to be paid or goes back.

    ``order``: the new one. ``methods``: code -> label of the methods by which ``due`` can be paid.
    """

    order: Order
    price_before: Decimal
    credited: Decimal
    due: Decimal
    back: Decimal
    methods: dict[str, str]


class _TriedOut(Exception):
    """Ends the transaction of an exchange that is only tried out."""

    def __init__(self, result: Result):
        super().__init__()
        self.result = result


def preview(order: Order, wish: Wish, *, by, now: datetime) -> Result:
    """Return what an exchange would result in, and change nothing: it is made and taken back. Raise CannotExchange."""
    try:
        with transaction.atomic():
            raise _TriedOut(_exchange(order, wish, by, now))
    except _TriedOut as tried_out:
        return tried_out.result


@transaction.atomic
def exchange(order: Order, wish: Wish, *, by, now: datetime) -> Result:
    """Exchange the chosen tickets. Their codes let nobody in any more; the new ones do so when nothing is due.

    Raise CannotExchange, or ``refunds.TooMuch`` if more is to be paid back than the difference; then nothing has changed.
    """
    return _exchange(order, wish, by, now)


def _exchange(order: Order, wish: Wish, by, now: datetime) -> Result:
    order, buyer, units = _locked(order)
    chosen = [unit for unit in units if unit.key in wish.keys]
    if problems := targets.why_not(chosen) or single_tickets.why_not(order, units, wish.keys):
        raise CannotExchange(problems)
    offers, problems = targets.offers_for(chosen, wish.session, wish.tariff)
    if problems:
        raise CannotExchange(problems)
    contents = targets.contents_of(order, chosen, offers)
    cancellation, freed = _cancel(order, chosen, by, now)
    if problems := targets.problems(contents, chosen, offers, buyer, now):
        raise CannotExchange(problems)
    value = min(cancelled_lines.cost(chosen), cancelled_lines.proposed(order))
    credited = min(value, contents.total)
    due, back = contents.total - credited, _back(value - credited, wish.pay_back)
    offered = methods.offered(order.point_of_sale, due, order.currency) if due else None
    method = _method(order, contents.total, offered, wish.method)
    new = _new_order(order, contents, method, due, by, now)
    issued = _tickets(new, contents, chosen)
    Exchange.objects.create(cancellation=cancellation, order=new, credited=credited)
    refunds.credit(order, credited, now=now)
    refunds.plan(order, back, by=by, now=now)
    history.record(order, "exchanged", by=by, now=now, amount=str(credited))
    all_gone = all(unit.is_cancelled or unit in chosen for unit in units)
    taken = _move_answers(order, new, chosen, issued, all_gone, now)
    if all_gone:
        _end(order, by, now)
    credit_notes.credit_cancelled(order, by=by, now=now)
    _pay(new, method, credited, due, by, now)
    if missing_answers.add(new, now=now, by=by):
        notices.form_added(new, now)
    _reserve(taken, freed, contents)
    labels = {code: str(one.label) for code, one in (offered or {}).items()}
    return Result(new, cancelled_lines.cost(chosen), credited, due, back, labels)


# --- the old order ------------------------------------------------------------------------------------------
def _locked(order: Order) -> tuple[Order, Contact, list[Unit]]:
    """Lock the people, the order and its tickets, and return order, buyer and units as they are then. Raise CannotExchange.

    People come first, as in an erasure, which locks the buyer before the order.
    """
    people = set(order.tickets.values_list("beneficiary", flat=True)) - {None}
    held = locking.lock_all({*people, order.buyer_id} - {None})
    order = payments.lock(order.pk)
    if sentence := targets.why_not_order(order):
        raise CannotExchange([sentence])
    if order.buyer_id not in held:
        raise CannotExchange([_("The order has changed meanwhile. Look at it once more.")])
    units = cancelled_lines.units_of(order)
    tickets = [ticket for unit in units for ticket in unit.admissions if isinstance(ticket, Ticket)]
    codes.lock(tickets)
    by_id = Ticket.objects.select_related("response__version", "response__about").in_bulk(
        [t.pk for t in tickets]
    )
    for ticket in tickets:
        ticket.order, ticket.cancellation_id = order, by_id[ticket.pk].cancellation_id
        ticket.response = by_id[ticket.pk].response
    return order, held[order.buyer_id], units


def _cancel(order: Order, chosen: list[Unit], by, now: datetime) -> tuple[Cancellation, dict[int, int]]:
    """Cancel the old tickets, with their codes kept as replaced. Return the cancellation, and the places that are free again."""
    cancellation = cancelled_lines.begin(order, by=by, now=now)
    notices.end_offers([ticket for unit in chosen for ticket in unit.admissions], now)
    freed = cancelled_lines.write(cancellation, chosen)
    for unit in chosen:
        for ticket in unit.admissions:
            codes.keep_replaced(ticket, ticket.code, ReplacedCode.Reason.EXCHANGED, by=by, now=now)
    return cancellation, freed


def _end(order: Order, by, now: datetime) -> None:
    """Cancel an order of which nothing is left. The buyer is told with the new order."""
    Order.objects.filter(pk=order.pk).update(state=Order.State.CANCELLED, cancelled_at=now, network="")
    order.state, order.cancelled_at = Order.State.CANCELLED, now
    history.record(order, "cancelled", by=by, now=now)


def _back(difference: Decimal, wanted: Decimal | None) -> Decimal:
    """Return what goes back of what the new tickets cost less. Raise ``refunds.TooMuch``."""
    if wanted is not None and wanted > difference:
        raise refunds.TooMuch(difference)
    return difference if wanted is None else wanted


# --- the new order ------------------------------------------------------------------------------------------
def _method(order: Order, total: Decimal, offered: dict[str, Method] | None, wanted: str) -> Method:
    """Return the method of the new order: the wanted one, else the old order's, else the first that is offered.

    ``offered``: the methods that take the difference; None if there is none to pay. Raise CannotExchange.
    """
    if total == ZERO:
        return Free({})
    if offered is None:
        return methods.of_order(order.point_of_sale, order.payment_method)
    if not offered:
        text = _(
            "There is a difference to pay, and the point of sale offers no way to pay it. Set one up there first."
        )
        raise CannotExchange([text])
    method = offered.get(wanted or order.payment_method)
    if method is None and wanted:
        raise CannotExchange([_("The difference can’t be paid in this way. Choose another way to pay.")])
    return method or next(iter(offered.values()))


def _new_order(order: Order, contents: Contents, method: Method, due: Decimal, by, now: datetime) -> Order:
    new = placing.new(contents, order.buyer, method, by=by, language=order.language, now=now)
    new.channel, new.terms_version_id, new.network = Order.Channel.BACK_OFFICE, order.terms_version_id, ""
    new.expires_at = _unpaid_until(order, contents, new.expires_at, now) if due else None
    new.save()
    history.record(new, "placed", by=by, now=now, total=str(new.total), method=method.code)
    if due:
        notices.queue(new, "order_placed", now)
    return new


def _unpaid_until(
    order: Order, contents: Contents, of_method: datetime | None, now: datetime
) -> datetime | None:
    """Return until when the difference may be paid: as the method has it, and at least as long as for a bank transfer.

    The buyer is not at the shop's pages, and would lose the tickets after half an hour.
    """
    if of_method is None:
        return None
    organiser = order.point_of_sale.organiser
    longer = days.end_after(now, organiser.bank_expiry_days, organiser.zone)
    return max(of_method, no_later_than(placing.first_start(contents), longer, now))


def _tickets(new: Order, contents: Contents, chosen: list[Unit]) -> dict[int, Ticket]:
    """Write lines and tickets of the new order. Return old ticket id -> new ticket, with name and beneficiary of the old one."""
    lines = order_lines.new(new, contents)
    OrderLine.objects.bulk_create(lines)
    old = {f"t{ticket.pk}": ticket for unit in chosen for ticket in unit.admissions}
    issued = {}
    for line, cart_line in zip(lines, contents.lines, strict=True):
        for slot in cart_line.slots:
            before = old[slot]
            issued[before.pk] = Ticket(
                line=line,
                order=new,
                session=cart_line.offer.session,
                code=references.code(),
                beneficiary_id=before.beneficiary_id,
                holder_first_name=before.holder_first_name,
                holder_last_name=before.holder_last_name,
                holder_email=before.holder_email,
                holder_erased_at=before.holder_erased_at,
                gift_id=before.gift_id,
            )
    Ticket.objects.bulk_create(issued.values())
    return issued


def _pay(new: Order, method: Method, credited: Decimal, due: Decimal, by, now: datetime) -> None:
    """Write the payments of the new order: what is credited, and what it waits for."""
    credit = payments.new(new, method, now)
    if credited:
        credit.method, credit.reference, credit.amount = methods.EXCHANGE, "", credited
    if not due:
        credit.save()
        payments.confirm(credit, by=by, now=now)
        new.refresh_from_db()
        return
    if credited:
        credit.state, credit.confirmed_at, credit.confirmed_by = (
            Payment.State.CONFIRMED,
            now,
            history.author(by),
        )
        credit.save()
        history.record(new, "paid_in_part", by=by, now=now, amount=str(credited))
    waiting = payments.new(new, method, now)
    # As ``waiting_payment.use_method``: only a provider's page asks for what is missing.
    waiting.amount = due if method.redirects else new.total
    waiting.save()


# --- answers and places --------------------------------------------------------------------------------------
def _move_answers(
    order: Order, new: Order, chosen: list[Unit], issued: dict[int, Ticket], all_gone: bool, now: datetime
) -> Counter:
    """Let the answers follow their tickets. Return choice id -> places that the copied ones take."""
    taken: Counter = Counter()
    left_behind = []
    for unit in chosen:
        for old in unit.admissions:
            ticket = issued[old.pk]
            version = moving.form_to_ask(ticket)
            if old.response is None:
                continue
            if version is not None and version.form_id == old.response.form_id:
                moving.move_to(old, ticket, ends_at=ticket.session.ends_at)
                continue
            left_behind.append(old.response_id)
            if version is not None and old.response.erased_on is None:
                taken += moving.copy_to(old, ticket, version, now=now)
    ends_at = max(ticket.session.ends_at for ticket in issued.values())
    if all_gone:
        rows = OrderResponse.objects.filter(order=order)
        Response.objects.filter(order_response__in=rows).update(relevant_until=ends_at)
        rows.update(order=new)
    else:
        taken += moving.copy_order_responses(order, new, ends_at=ends_at, now=now)
    responses.cancel(Response.objects.filter(pk__in=left_behind))
    return taken


def _reserve(taken: Counter, freed: dict[int, int], contents: Contents) -> None:
    """Reserve limited choices and places, last in the transaction. Raise CannotExchange."""
    try:
        if taken:
            limited_choices.reserve(None, taken)
        places.exchange(freed, contents.places)
    except limited_choices.ChoiceSoldOut:
        raise CannotExchange(
            [
                _(
                    "A choice among the answers has no place left, so they can’t follow. Change the answers first."
                )
            ]
        ) from None
    except places.NotEnoughPlaces as error:
        raise CannotExchange(
            [
                _(
                    "There are too few places for that (left: %(left)d). Choose another date, or fewer tickets."
                )
                % {"left": sum(error.left.values())}
            ]
        ) from None
