"""Places booked with a season pass: their price, the entries they take, and until when they can be cancelled."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.utils.translation import gettext as _

from ticketshop.catalogue import products
from ticketshop.history import history
from ticketshop.lib import translated
from ticketshop.lib.dates import days

from ..cart.contents import Contents
from ..models import Admission, IssuedPass, Order, Ticket
from . import entries, refusals
from .refusals import Refusal


class NoEntry(Exception):
    """A pass has no entries for what is to be booked; nothing has changed. ``refusal`` tells why."""

    def __init__(self, refusal: Refusal):
        super().__init__(refusal.code)
        self.refusal = refusal


def set_prices(cart_contents: Contents) -> None:
    """Let the lines of a cart be booked with a pass: they cost nothing."""
    for line in cart_contents.lines:
        line.product = products.BookedProduct(line.offer)
        line.unit_price = line.product.price


def take_entries(
    issued: IssuedPass | None, order: Order, tickets: list[Ticket], *, by, now: datetime
) -> None:
    """Take an entry of a pass for each ticket of an order that was booked with it; do nothing without a pass.

    The row of the pass stays locked until the end of the transaction. Raise NoEntry. All tickets are for the same date.
    """
    if issued is None:
        return
    issued = entries.lock(issued.pk)
    if issued.order.is_test != order.is_test:
        # What a shop sold that is only being tried books no real place, and a real pass loses no entry in a test.
        raise NoEntry(Refusal(refusals.NOT_OPENED, _("This pass does not open this date.")))
    # The tickets are inserted already, and count.
    already = entries.taken(issued, tickets[0].session) - len(tickets)
    if refusal := entries.refusal(issued, tickets[0].session, len(tickets), taken_before=already):
        raise NoEntry(refusal)
    entries.take(issued, len(tickets))
    history.record(
        issued, "place_booked", by=by, now=now, organiser_id=order.organiser_id, number=len(tickets)
    )


def give_back_entries(tickets: list[Ticket], *, by, now: datetime) -> None:
    """Give the entries of tickets that have just been cancelled back to the passes that they were booked with.

    A ticket that was used meanwhile keeps its entry. The rows of the passes stay locked until the end of the transaction.
    """
    booked = [ticket.pk for ticket in tickets if ticket.booked_with_id]
    if not booked:
        return
    rows = Ticket.objects.filter(pk__in=booked, state=Admission.State.CANCELLED).order_by("booked_with")
    for pk, count in list(rows.values_list("booked_with").annotate(Count("pk"))):
        issued = entries.lock(pk)
        entries.give_back(issued, count)
        organiser = issued.order.organiser_id
        history.record(issued, "booking_cancelled", by=by, now=now, organiser_id=organiser, number=count)


@dataclass(frozen=True)
class Booking:
    """A booked ticket as shown on the page of an order: the name of the pass, and until when it can be cancelled.

    ``given_back``: it is cancelled, and its entry is on the pass again.
    """

    name: str
    until: datetime | None
    may_cancel: bool
    given_back: bool


def describe(tickets: list[Ticket], now: datetime) -> None:
    """Set ``booking`` of tickets that were booked with a pass. No query without one, else one."""
    ids = {ticket.booked_with_id for ticket in tickets} - {None}
    passes = IssuedPass.objects.select_related("season_pass", "line").in_bulk(ids) if ids else {}
    for ticket in tickets:
        if ticket.booked_with_id:
            ticket.booked_with = passes[ticket.booked_with_id]
            may_cancel = not why_not_cancelled(ticket, now)
            until = cancellable_until(ticket) if may_cancel else None
            ticket.booking = Booking(ticket.booked_with.shown_name, until, may_cancel, _is_given_back(ticket))


def _is_given_back(ticket: Ticket) -> bool:
    """Return whether the entry of a cancelled ticket is back on a pass that counts entries and is not cancelled itself."""
    issued, cancelled = ticket.booked_with, Admission.State.CANCELLED
    return issued.entries_left is not None and ticket.state == cancelled and issued.state != cancelled


def cancellable_until(ticket: Ticket) -> datetime | None:
    """Return until when the holder may cancel a booked ticket; None if only staff may.

    The ticket has its session, ``booked_with`` and its season pass.
    """
    hours = ticket.booked_with.season_pass.cancel_hours
    return None if hours is None else ticket.session.starts_at - timedelta(hours=hours)


def why_not_cancelled(ticket: Ticket, now: datetime) -> str:
    """Return why the holder can't cancel a booked ticket, in a sentence; empty if they can."""
    if ticket.state == Admission.State.USED:
        return _("This place was used at the entrance, so the booking can’t be cancelled any more.")
    if ticket.state != Admission.State.VALID:
        return _("This booking is cancelled already.")
    if ticket.date_cancelled:
        return _("This date is cancelled. The organiser gives the entry back to your pass.")
    until = cancellable_until(ticket)
    if until is None:
        return _("Bookings with this pass are cancelled by the organiser only. Write to the organiser.")
    if now >= until:
        text = _("This booking could be cancelled until %(until)s. Write to the organiser.")
        return translated.compose(text, until=days.until_text(until))
    return ""
