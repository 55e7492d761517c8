"""Sentences for mails about the passes with which tickets were booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..models import Admission, Ticket
from . import bookings, refusals


@dataclass(frozen=True)
class BookedWith:
    """A pass with which tickets were booked: its name, how many entries are left, and until when the holder may cancel the booking."""

    name: str
    left: str
    until: datetime | None


def booked(tickets: Sequence[Ticket], now: datetime) -> list[BookedWith]:
    """Return the passes with which these tickets were booked. No query without one, else one."""
    bookings.describe(list(tickets), now)
    by_pass = {ticket.booked_with_id: ticket for ticket in tickets if ticket.booked_with_id}
    return [
        BookedWith(ticket.booking.name, refusals.left_text(ticket.booked_with), ticket.booking.until)
        for ticket in by_pass.values()
    ]


def given_back(tickets: Sequence[Ticket], now: datetime) -> list[BookedWith]:
    """Return the passes to which entries went back with the cancelled ones of these tickets.

    Without passes that have no number of entries, and cancelled passes.
    """
    cancelled = [ticket for ticket in tickets if ticket.state == Admission.State.CANCELLED]
    bookings.describe(cancelled, now)
    return booked(
        [ticket for ticket in cancelled if ticket.booked_with_id and ticket.booking.given_back], now
    )
