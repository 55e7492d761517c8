"""Staff take a given ticket back for the buyer, such as after the erasure of the person who had it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from contacts import locking
from contacts.models import Contact
from registration_forms.answers import responses
from ticketshop.history import history

from ... import notices, recipients
from ...answers import missing_answers
from ...models import ReplacedCode, Ticket, TicketGift
from ...tickets import codes
from . import offers


class CannotTakeBack(Exception):
    """Nothing was taken back. ``sentence`` tells why."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


def may_take_back(ticket: Ticket, now: datetime) -> bool:
    """Return whether staff can take a ticket back: it is given, can still be used, and the buyer is there."""
    return not why_not(ticket, now)


def why_not(ticket: Ticket, now: datetime) -> str:
    """Return why staff can't take a ticket back, in a sentence; empty if they can."""
    if ticket.gift_id is None:
        return _("The buyer has this ticket. Nothing has changed.")
    if recipients.has_left(ticket.order.buyer):
        return _("The buyer’s data are erased, so nobody can get the ticket back. You can cancel it.")
    return codes.why_not(ticket, now)


def _returned(ticket: Ticket, friend: Contact | None, by, now: datetime) -> TicketGift:
    """Write the row that states that staff gave a ticket back. ``friend``: its holder; None after their erasure."""
    return TicketGift.objects.create(
        ticket=ticket,
        friend=friend,
        friend_name=ticket.gift.friend_name if friend else "",
        is_return=True,
        state=TicketGift.State.BY_STAFF,
        offered_at=now,
        offered_by=history.author(by),
        answered_at=now,
        former_response=ticket.response,
    )


@transaction.atomic
def take_back(ticket: Ticket, *, by, now: datetime) -> Ticket:
    """Give the buyer a given ticket back, with a new code and the buyer's name. Return it as it is now.

    Both get a mail. The answers of the person who had it are void; the buyer is asked for their own. Raise CannotTakeBack;
    then nothing has changed.
    """
    order = codes.lock_order(ticket.order_id)
    friend_id = TicketGift.objects.filter(tickets=ticket).values_list("friend", flat=True).first()
    friend = locking.lock_all([friend_id]).get(friend_id) if friend_id else None
    ticket = offers.locked_ticket(ticket.pk, order)
    if sentence := why_not(ticket, now):
        raise CannotTakeBack(sentence)
    offers.end_offers([ticket.pk], now)
    returned = _returned(ticket, friend, by, now)
    responses.replace(ticket.response, None)
    Ticket.objects.filter(pk=ticket.pk).update(
        gift=None,
        beneficiary=order.buyer,
        response=None,
        holder_first_name=order.buyer.first_name,
        holder_last_name=order.buyer.last_name,
        holder_email="",
        holder_erased_at=None,
    )
    ticket = offers.locked_ticket(ticket.pk, order)
    codes.replace([ticket], ReplacedCode.Reason.GIVEN, by=by, now=now)
    for row in (ticket, order, friend):
        if row is not None:
            history.record(row, "ticket_taken_back", by=by, now=now, organiser_id=order.organiser_id)
    returned.ticket = ticket
    notices.offer_answered(returned, now)
    notices.ticket_received(returned, now)
    if missing_answers.add(order, now=now, by=by):
        notices.form_added(order, now)
    return ticket
