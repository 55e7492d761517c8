"""Sessions as a calendar file (RFC 5545)."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from ticketshop.catalogue.models import Session

from ..models import Admission, Order, Ticket, TicketGift
from ..recipients import is_given


class Entry(NamedTuple):
    """A session of a calendar file; whether all its tickets are void for the reader; how often tickets of it were handed over."""

    session: Session
    void: bool
    hand_overs: int = 0


def of_tickets(order: Order, tickets: list[Ticket]) -> bytes | None:
    """Return the calendar file of an order that is or was paid; None if it has no date to report.

    A date whose tickets are all cancelled, or given to another person, stays in the file as cancelled, so that a calendar with the
    earlier entry removes it.
    """
    if order.paid_at is None:
        return None
    by_session: dict[Session, list[Ticket]] = {}
    for ticket in tickets:
        by_session.setdefault(ticket.session, []).append(ticket)
    handed_over = _hand_overs(order)
    entries = [
        Entry(
            session,
            all(is_given(ticket) or ticket.state == Admission.State.CANCELLED for ticket in group),
            handed_over[session.pk],
        )
        for session, group in by_session.items()
    ]
    return render(order, entries) if entries else None


def _hand_overs(order: Order) -> Counter[int]:
    """Return how often tickets of an order were given, given back or taken back, by session."""
    done = (TicketGift.State.ACCEPTED, TicketGift.State.BY_STAFF)
    gifts = TicketGift.objects.filter(ticket__order=order, state__in=done)
    return Counter(gifts.values_list("ticket__session_id", flat=True))


def of_given_ticket(ticket: Ticket) -> bytes:
    """Return the calendar file for the holder of a given ticket, without the order's reference."""
    void = ticket.state == Admission.State.CANCELLED
    return render(ticket.order, [Entry(ticket.session, void)], owner=f"ticket-{ticket.pk}")


def render(order: Order, entries: list[Entry], *, owner: str = "") -> bytes:
    """Return the file with one calendar entry per session, in UTC.

    Each entry has a stable UID, and a SEQUENCE that grows with every change, so that a second import updates
    the first.
    """
    from icalendar import Calendar, Event  # noqa: PLC0415  100 modules, needed for few requests

    calendar = Calendar()
    calendar.add("prodid", "-//ticketshop//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for session, void, hand_overs in entries:
        entry = Event()
        entry.add(
            "uid",
            f"session-{session.pk}-{owner or order.reference}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2]}",
        )
        changed = _last_change(order, session, void)
        entry.add("dtstamp", changed)
        entry.add("last-modified", changed)
        # Cancelled tickets stay cancelled: one more than any earlier change of the date. A ticket that was given, which counts
        # as cancelled here, can come back: then the number must be higher still.
        entry.add("sequence", session.sequence + void + 2 * hand_overs)
        cancelled = void or session.state == Session.State.CANCELLED
        entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
        entry.add("dtstart", session.starts_at)
        entry.add("dtend", session.ends_at)
        entry.add("summary", session.event.title)
        if venue := session.event.venue:
            town = f"{venue.postcode} {venue.city}".strip()
            entry.add("location", ", ".join(part for part in (venue.name, venue.street, town) if part))
        calendar.add_component(entry)
    return calendar.to_ical()


def _last_change(order: Order, session: Session, void: bool) -> datetime:
    """Return when the entry changed last."""
    instants = [order.placed_at, session.changed_at, order.cancelled_at if void else None]
    if void and order.cancelled_at is None:
        instants += [row.made_at for row in order.cancellations.filter(tickets__session=session)]
    return max(instant for instant in instants if instant)
