"""Given and offered tickets, as the page of an order shows them to its buyer."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ...models import Order, Ticket, TicketGift
from ...recipients import is_given
from . import offers


def show(request, order: Order, tickets: list[Ticket]) -> None:
    """Set on each ticket ``given_text``, shown instead of its name, and for the signed-in buyer ``offered_text`` and ``can_give``.

    One query if a ticket is given or its tariff allows that; else none.
    """
    theirs = (
        request.user.is_authenticated and order.buyer is not None and order.buyer.user_id == request.user.pk
    )
    now = timezone.now()
    allowed = [ticket for ticket in tickets if theirs and offers.may_be_given(ticket)]
    given = [ticket for ticket in tickets if is_given(ticket)]
    if not allowed and not given:
        return
    # By the keys of the gifts: the gift of an exchanged ticket is that of the ticket before.
    gifts = TicketGift.objects.in_bulk({ticket.gift_id for ticket in given}) if given else {}
    waiting = {
        gift.ticket_id: gift
        for gift in (offers.open_offers(now).filter(ticket__order=order) if allowed else ())
        if not gift.is_return
    }
    for ticket in given:
        ticket.given_text = given_text(gifts[ticket.gift_id])
    for ticket in allowed:
        if ticket.pk in waiting:
            ticket.offered_text = offered_text(waiting[ticket.pk])
        ticket.can_give = ticket.pk in waiting or not offers.why_not(ticket, now)


def given_text(gift: TicketGift) -> str:
    """Return “given to Bob on 3 December 2026”, or after Bob's erasure that a guest was removed."""
    day = date_format(localtime(gift.answered_at), "DATE_FORMAT")
    if not gift.friend_id:
        return _("given away on %(day)s; guest removed") % {"day": day}
    return _("given to %(name)s on %(day)s") % {"name": gift.friend_name, "day": day}


def offered_text(gift: TicketGift) -> str:
    """Return the sentence about an offer that is not answered yet."""
    return _("Offered to %(name)s, who has not answered yet. Until then it is yours.") % {
        "name": gift.friend_name
    }
