"""Sessions as a calendar file (RFC 5545)."""

from django.conf import settings
from icalendar import Calendar
from icalendar import Event as Entry

from ticketshop.catalogue.models import Session

from .models import Order


def render(order: Order, sessions: list[Session]) -> bytes:
    """One entry per session, in UTC; each has a stable id, so that a second import changes the first."""
    calendar = Calendar()
    calendar.add("prodid", "-//ticketshop//EN")
    calendar.add("version", "2.0")
    for session in sessions:
        entry = Entry()
        entry.add(
            "uid", f"session-{session.pk}-{order.reference}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2]}"
        )
        entry.add("dtstamp", order.placed_at)
        entry.add("dtstart", session.starts_at)
        entry.add("dtend", session.ends_at)
        entry.add("summary", session.event.title)
        if venue := session.event.venue:
            entry.add("location", ", ".join(part for part in (venue.name, venue.street, venue.city) if part))
        calendar.add_component(entry)
    return calendar.to_ical()
