"""Queries that check access to given and offered tickets: they raise Http404 for those of other people."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404

from contacts.models import Contact
from ticketshop.sales.admission_lists import WITH_TICKET
from ticketshop.sales.models import Ticket, TicketGift
from ticketshop.sales.orders.giving import offers

from ..links import earlier_orders

ALONG = (*WITH_TICKET, "order__buyer", "order__point_of_sale__organiser", "order__organiser")


def bought_ticket(request, ticket_id: int) -> Ticket:
    """Return a ticket that the visitor bought at this organiser, of a tariff and shop that allow giving. Raise Http404 else."""
    mine = Ticket.objects.filter(order__buyer__user=request.user, order__organiser=request.pos.organiser_id)
    ticket = get_object_or_404(mine.select_related(*ALONG, "gift__friend"), pk=ticket_id)
    if not ticket.gift_id and not offers.may_be_given(ticket):
        raise Http404("tickets of this tariff can't be given")
    return ticket


def given_ticket(request, ticket_id: int) -> Ticket:
    """Return a ticket that was given to the visitor and is with them. Raise Http404 for any other."""
    theirs = Ticket.objects.filter(
        gift__isnull=False, beneficiary__user=request.user, order__organiser=request.pos.organiser_id
    )
    return get_object_or_404(theirs.select_related(*ALONG, "gift", "beneficiary"), pk=ticket_id)


def gift_to_me(request, gift_id: int) -> TicketGift:
    """Return an offer that was made to the visitor, open or not. Raise Http404 for any other."""
    mine = Q(is_return=False, friend__user=request.user) | Q(
        is_return=True, ticket__order__buyer__user=request.user
    )
    rows = TicketGift.objects.filter(mine, ticket__order__organiser=request.pos.organiser_id)
    return get_object_or_404(rows.select_related(*offers.WITH_GIFT), pk=gift_id)


def is_offered_to_unclaimed(request, gift_id: int, now: datetime) -> bool:
    """Return whether an open offer was made to a contact without a log-in whose e-mail address the visitor has proved."""
    unclaimed = earlier_orders.unclaimed(request.user, request.pos.organiser)
    return offers.open_offers(now).filter(pk=gift_id, is_return=False, friend__in=unclaimed).exists()


def offered_to(request, now: datetime) -> list[tuple[TicketGift, str]]:
    """Return the open offers that the visitor can answer, each with the name of who made it. One query if there are none, else two; none
    where friends and family is off.
    """
    if not request.pos.friends_family_enabled:
        return []
    rows = offers.to_user(request.user, request.pos.organiser_id, now)
    return [(gift, offers.giver_name(gift)) for gift in rows]


def mark(tickets: Iterable[Ticket], contact: Contact, now: datetime) -> None:
    """Set ``can_give`` on the visitor's tickets that they may give away, for a list. No query.

    ``contact`` is the visitor's. Tickets have their related rows of ``sales.access``.
    """
    for ticket in tickets:
        own = ticket.order.buyer_id == contact.pk and not ticket.gift_id
        ticket.can_give = own and offers.may_be_given(ticket) and not offers.why_not(ticket, now)
