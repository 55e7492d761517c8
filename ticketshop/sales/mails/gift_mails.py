"""Mails about tickets that are given to friends and family. Only the mail to the new holder contains the ticket."""

from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ticketshop.mail.kinds import Content, register
from ticketshop.mail.layout import Card
from ticketshop.mail.models import Mail

from ..admission_lists import WITH_TICKET
from ..answers import editing
from ..models import OPEN_STATES, Admission, Order, Ticket, TicketGift
from ..orders.giving import offers
from ..tickets import ticket_pdf
from .order_mails import admission_cards

State = TicketGift.State


def _gift(mail: Mail) -> TicketGift | None:
    return TicketGift.objects.filter(pk=mail.about["gift"]).select_related(*offers.WITH_GIFT).first()


@register("ticket_offered", _("Ticket offered by a linked person"))
def ticket_offered(mail: Mail) -> Content | None:
    """Build the mail to the person asked; None if the offer is no longer open."""
    gift = offers.open_offers(timezone.now()).filter(pk=mail.about["gift"]).first()
    if gift is None:
        return None
    path = reverse("account:gift", args=[gift.ticket.order.point_of_sale.slug, gift.pk])
    return Content({**_context(gift), "url": settings.BASE_URL + path, "giver": offers.giver_name(gift)})


@register("ticket_offer_withdrawn", _("Offered ticket taken back"))
def ticket_offer_withdrawn(mail: Mail) -> Content | None:
    """Build the mail that tells the person who was asked that the offer is over; None if it is not."""
    gift = _gift(mail)
    if gift is None or gift.state not in (State.WITHDRAWN, State.ENDED):
        return None
    giver = offers.giver_name(gift) if gift.state == State.WITHDRAWN else ""
    return Content({**_context(gift), "url": _orders(gift), "giver": giver})


@register("ticket_offer_answered", _("Answer to an offered ticket"))
def ticket_offer_answered(mail: Mail) -> Content | None:
    """Build the mail to the person who made the offer, or had the ticket: accepted, declined, or taken back by staff."""
    gift = _gift(mail)
    if gift is None or gift.state not in (State.ACCEPTED, State.DECLINED, State.BY_STAFF):
        return None
    context = {
        "url": _orders(gift),
        "accepted": gift.state == State.ACCEPTED,
        "by_staff": gift.state == State.BY_STAFF,
        "name": offers.receiver_name(gift),
    }
    return Content({**_context(gift), **context})


@register("ticket_received", _("Ticket received from a linked person"))
def ticket_received(mail: Mail) -> Content | None:
    """Build the mail with the ticket to the person who accepted it; None if it is not theirs any more, or not valid."""
    gift = _gift(mail)
    if gift is None or gift.state not in (State.ACCEPTED, State.BY_STAFF):
        return None
    ticket, order = gift.ticket, gift.ticket.order
    if not _is_holder(gift, ticket) or (order.state, ticket.state) != (
        Order.State.PAID,
        Admission.State.VALID,
    ):
        return None
    pdf = ticket_pdf.render(order, [ticket], [], for_holder=not gift.is_return)
    return Content({**_context(gift), "url": _orders(gift)}, [("tickets.pdf", pdf, "application/pdf")])


@register("answers_wanted_for_you", _("More answers wanted, to the holder of a given ticket"))
def answers_wanted(mail: Mail) -> Content | None:
    """Build the mail that asks the holder of a given ticket for missing answers to its form; nothing in it is about the buyer.

    None if no answer is missing, they can't be given any more, or the person does not have the ticket any more.
    """
    rows = Ticket.objects.filter(gift__isnull=False, beneficiary=mail.about["contact"], state__in=OPEN_STATES)
    rows = rows.select_related(*WITH_TICKET, "order__buyer", "order__point_of_sale__organiser", "gift")
    ticket = rows.filter(pk=mail.about["ticket"]).first()
    if ticket is None:
        return None
    order = ticket.order
    ids = {ticket.response_id} - {None}
    editable = editing.EditableAnswers(order, [ticket], [], now=timezone.now(), of=ids, holder=True)
    if not editable.missing:
        return None
    path = reverse("account:ticket_answers", args=[order.point_of_sale.slug, ticket.pk])
    return Content(
        {
            "cards": _cards(ticket),
            "wanted": editable.missing,
            "until": editable.until,
            "answers_url": settings.BASE_URL + path,
        }
    )


def _is_holder(gift: TicketGift, ticket: Ticket) -> bool:
    """Return whether the person who accepted the gift still has the ticket."""
    if gift.is_return:
        return ticket.gift_id is None
    return (
        ticket.gift_id == gift.pk and gift.friend_id is not None and gift.friend_id == ticket.beneficiary_id
    )


def _orders(gift: TicketGift) -> str:
    return settings.BASE_URL + reverse("account:orders", args=[gift.ticket.order.point_of_sale.slug])


def _context(gift: TicketGift) -> dict:
    return {"cards": _cards(gift.ticket), "is_return": gift.is_return}


def _cards(ticket: Ticket) -> list[Card]:
    # Without the name on the ticket: that of the former or the new holder.
    return [replace(card, names=()) for card in admission_cards([ticket], [])]
