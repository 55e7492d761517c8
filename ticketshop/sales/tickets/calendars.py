"""Sessions as a calendar file (RFC 5545)."""

from datetime import datetime

from django.conf import settings
from icalendar import Calendar
from icalendar import Event as Entry

from ticketshop.catalogue.models import Session

from ..models import Admission, Order, Ticket


def of_tickets(order: Order, tickets: list[Ticket]) -> bytes | None:
    """The calendar file of an order that is, or was, paid; None where it has no date to tell of.

    A date whose tickets are all cancelled stays in the file, as cancelled: a calendar that has the entry removes it.
    """
    if order.paid_at is None:
        return None
    by_session: dict[Session, list[Ticket]] = {}
    for ticket in tickets:
        by_session.setdefault(ticket.session, []).append(ticket)
    entries = [
        (session, all(ticket.state == Admission.State.CANCELLED for ticket in group))
        for session, group in by_session.items()
    ]
    return render(order, entries) if entries else None


def render(order: Order, sessions: list[tuple[Session, bool]]) -> bytes:
    """One entry per session, in UTC. The second part of each pair: whether the order's tickets for it are cancelled.

    Each entry has a stable UID, and a SEQUENCE that grows with every change, so that a second import changes the first.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//ticketshop//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for session, void in sessions:
        entry = Entry()
        entry.add(
            "uid", f"session-{session.pk}-{order.reference}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2]}"
        )
        changed = _last_change(order, session, void)
        entry.add("dtstamp", changed)
        entry.add("last-modified", changed)
        # What is cancelled stays so: one more than any change of the date before it.
        entry.add("sequence", session.sequence + void)
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
    """When what the entry says changed last."""
    instants = [order.placed_at, session.changed_at, order.cancelled_at if void else None]
    return max(instant for instant in instants if instant)
