"""Mails of messages to everybody of a date, and of reminders. Each is built when it is sent, from what is true then."""

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session
from ticketshop.lib import translated
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.layout import Card
from ticketshop.mail.models import Mail

from .. import recipients
from ..models import DateMessage, MessageRecipient, Order, Ticket
from ..orders.dates import date_messages
from .order_mails import order_url

Role = MessageRecipient.Role


@register("date_message", _("Message to everybody of a date"))
def date_message(mail: Mail) -> Content | None:
    """Build the mail with an organiser's text about a date; None if the person has no such ticket any more."""
    context = _context(mail)
    if context is None:
        return None
    message, session = context["message"], context["session"]
    text = translated.text_of(message.text)
    subject = date_messages.filled(translated.text_of(message.subject), session)
    return Content({**context, "title": subject, "written": date_messages.filled(text, session)})


@register("date_reminder", _("Reminder before a date"))
def date_reminder(mail: Mail) -> Content | None:
    """Build the mail with what, when and where; None if the date was cancelled or moved, or the ticket is not valid any more."""
    context = _context(mail)
    if context is None:
        return None
    message, session = context["message"], context["session"]
    moved = not dates.same_minute(message.starts_at, session.starts_at)
    if moved or session.state == Session.State.CANCELLED:
        return None
    return Content(context)


def _context(mail: Mail) -> dict | None:
    """Return what both mails show, or None if the person has no ticket of the right state any more."""
    row = MessageRecipient.objects.select_related("message__session__event__venue").filter(
        pk=mail.about["recipient"]
    )
    recipient = row.first()
    ticket = Ticket.objects.select_related("order__buyer", "beneficiary", "line").filter(
        pk=mail.about["ticket"]
    )
    first = ticket.first()
    if recipient is None or first is None:
        return None
    message, session = recipient.message, recipient.message.session
    tickets = _tickets(message, recipient.role, first, mail)
    if not tickets:
        return None
    contact = date_messages.contact_of(recipient.role, first)
    return {
        "message": message,
        "session": session,
        "person": contact,
        "is_buyer": recipient.role == Role.BUYER,
        "is_address": recipient.role == Role.ADDRESS,
        "orders": _orders(tickets) if recipient.role == Role.BUYER else [],
        "url": settings.BASE_URL + reverse("account:orders", args=[mail.point_of_sale.slug]),
        "cards": [
            Card(
                title=session.event.title,
                when=session.starts_at,
                where=dates.facts(session).venue_text,
            )
        ],
    }


def _tickets(message: DateMessage, role: str, first: Ticket, mail: Mail) -> list[Ticket]:
    """Return the tickets for which a recipient still gets a message."""
    order, contact = first.order, date_messages.contact_of(role, first)
    if role == Role.ADDRESS:
        whose = Q(pk=first.pk, holder_email=mail.recipient) & date_messages.OF_ADDRESS
    elif contact is None or contact.erasing_at is not None:
        return []
    else:
        whose = Q(order__buyer=contact) if role == Role.BUYER else Q(beneficiary=contact)
    rows = date_messages.tickets_of(message.session, message.states).filter(whose)
    tickets = list(rows.select_related("order__point_of_sale").order_by("order", "pk"))
    if role == Role.PERSON and not _may_be_told(order, contact):
        return []
    return tickets


def _may_be_told(order: Order, person) -> bool:
    """Return whether a beneficiary is still connected with the buyer."""
    used = Q(state="used", beneficiary=person)
    return any(
        recipient.person.pk == person.pk and recipient.is_person
        for recipient in recipients.of_orders([order], also=used)
    )


def _orders(tickets: list[Ticket]) -> list[tuple[Order, str]]:
    orders = {ticket.order_id: ticket.order for ticket in tickets}
    return [(order, order_url(order)) for order in orders.values()]
