"""Tickets, lines of a cart, and subjects of answers as readable text, for a copy of personal data."""

from decimal import Decimal

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.catalogue.models import Session
from ticketshop.lib import translated
from ticketshop.lib.web.template_tags import money, rate

from .models import CancelledLine, CartLine, Invoice, IssuedPass, Order, OrderResponse, Ticket, TicketGift


def of_session(session: Session) -> str:
    """Return the event and the local time of its start, such as “Concert, 24 December 2026, 19:30”."""
    return translated.joined(
        ", ", [session.event.title, date_format(localtime(session.starts_at), "j F Y, H:i")]
    )


def of_ticket(ticket: Ticket) -> dict[str, str]:
    """Return column -> text of a ticket."""
    return {"session": of_session(ticket.session)}


def of_gift(gift: TicketGift) -> dict[str, str]:
    """Return column -> text of a given ticket."""
    return {"ticket": of_session(gift.ticket.session)}


def what_gift(gift: TicketGift, response: Response, reader: Contact | None) -> str:
    """Return the order and the event of answers that a ticket had before it was given."""
    return _joined(_of_order(gift.ticket.order, reader), of_session(gift.ticket.session))


def of_cancelled_line(part: CancelledLine) -> dict[str, str]:
    """Return column -> text of the cancelled part of a line: what it was, without the number that was sold."""
    return {
        "line": translated.joined(", ", [text for text in (part.line.title, part.line.tariff_name) if text])
    }


def of_cart_line(line: CartLine) -> dict[str, str]:
    """Return column -> text of a line of a cart."""
    price = {"unit_price": money(line.unit_price, line.cart.point_of_sale.organiser.currency)}
    if not line.offer:
        return price
    return {
        **price,
        "offer": translated.joined(" – ", [line.offer.tariff.name, of_session(line.offer.session)]),
    }


def of_invoice(invoice: Invoice) -> dict[str, str]:
    """Return column -> text of an invoice or credit note."""
    rates = [
        f"{rate(Decimal(row['rate']))} {money(Decimal(row['vat']), invoice.currency)}"
        for row in invoice.rates
    ]
    return {
        "recipient": ", ".join(text for text in invoice.recipient.values() if text),
        "rates": "; ".join(rates),
    }


def what_order_form(answers: OrderResponse, response: Response, reader: Contact | None) -> str:
    """Return the order and the events of an order form, for ``reader`` (None: the subject)."""
    return _joined(_of_order(answers.order, reader), answers.title)


def what_ticket(ticket: Ticket, response: Response, reader: Contact | None) -> str:
    """Return the order, the event and the participant of the answers."""
    return _joined(_of_order(ticket.order, reader), of_session(ticket.session), _name_on(ticket, response))


def what_pass(issued: IssuedPass, response: Response, reader: Contact | None) -> str:
    """Return the order, the pass and the participant of the answers."""
    return _joined(_of_order(issued.order, reader), issued.season_pass.name, _name_on(issued, response))


def _of_order(order: Order, reader: Contact | None) -> str:
    # A person who acts for another one learns nothing about orders that a third person placed.
    if reader is not None and order.buyer_id != reader.pk:
        return ""
    return _("Order %(reference)s") % {"reference": order.reference}


def _name_on(admission: Ticket | IssuedPass, response: Response) -> str:
    # Answers of the buyer name no other contact.
    mine = admission.beneficiary_id in (None, response.about_id)
    return f"{admission.holder_first_name} {admission.holder_last_name}".strip() if mine else ""


def _joined(*parts: str) -> str:
    return translated.joined(" – ", [part for part in parts if part])
