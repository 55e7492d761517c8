"""Mails about changed names and new codes of tickets. They contain no name in the text; the tickets are attached again."""

from dataclasses import replace

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from .. import recipients
from ..admission_lists import WITH_PASS, WITH_TICKET
from ..models import Admission, IssuedPass, Order, Ticket
from ..tickets import ticket_pdf
from .order_mails import admission_cards, order_of, order_url


@register("names_changed", _("Name on a ticket changed"))
@register("codes_replaced", _("New code for a ticket"))
def to_buyer(mail: Mail) -> Content | None:
    """Build the mail to the buyer, with the tickets and passes that have changed, as they are now."""
    order = order_of(mail)
    if order is None or recipients.has_left(order.buyer):
        return None
    tickets, passes = _admissions(mail, Q())
    tickets = recipients.of_buyer(tickets)
    if not tickets and not passes:
        return None
    return _content(order, tickets, passes, for_holder=False)


@register("names_changed_for_you", _("Name on a ticket changed, to a linked person"))
@register("codes_replaced_for_you", _("New code for a ticket, to a linked person"))
def to_beneficiary(mail: Mail) -> Content | None:
    """Build the mail to the beneficiary, with their tickets only and without the order."""
    order = order_of(mail)
    if order is None or order.state != Order.State.PAID:
        return None
    told = [
        recipient
        for recipient in recipients.of_orders([order])
        if recipient.person.pk == mail.about["contact"] and recipient.is_person
    ]
    tickets, passes = _admissions(mail, Q(beneficiary=mail.about["contact"]))
    if not told or not (tickets or passes):
        return None
    return _content(order, tickets, passes, for_holder=True)


def _admissions(mail: Mail, where: Q) -> tuple[list[Ticket], list[IssuedPass]]:
    tickets = Ticket.objects.filter(where, order=mail.about["order"], pk__in=mail.about["tickets"])
    passes = IssuedPass.objects.filter(where, order=mail.about["order"], pk__in=mail.about["passes"])
    tickets = tickets.exclude(state=Admission.State.CANCELLED).select_related(*WITH_TICKET)
    passes = passes.exclude(state=Admission.State.CANCELLED).select_related(*WITH_PASS)
    return list(tickets.order_by("session__starts_at", "pk")), list(passes.order_by("pk"))


def _content(order: Order, tickets: list[Ticket], passes: list[IssuedPass], *, for_holder: bool) -> Content:
    account = reverse("account:orders", args=[order.point_of_sale.slug])
    attached = []
    if order.state == Order.State.PAID:
        name = "tickets.pdf" if for_holder else f"tickets-{order.reference}.pdf"
        pdf = ticket_pdf.render(order, tickets, passes, for_holder=for_holder)
        attached.append((name, pdf, "application/pdf"))
    context = {
        "order": None if for_holder else order,
        "cards": [replace(card, names=()) for card in admission_cards(tickets, passes)],
        "attached": bool(attached),
        "url": settings.BASE_URL + account if for_holder else order_url(order),
    }
    return Content(context, attached)
