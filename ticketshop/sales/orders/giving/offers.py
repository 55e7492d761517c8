"""Offers of tickets to friends and family: who may be asked, which offers are open, offer, take back, decline.

An offer ends by itself: ``open_offers`` is the one condition that pages, mails and the acceptance use. So no job closes offers of
dates that have begun, of cancelled tickets, or of connections that have ended.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from contacts import locking
from contacts.linking import links
from contacts.models import Contact, ContactLink
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.database.ids import keys_of_any
from ticketshop.limits import limits

from ... import notices, recipients
from ...admission_lists import WITH_TICKET
from ...models import Admission, Order, Ticket, TicketGift
from ...tickets import codes

WITH_GIFT = (
    *(f"ticket__{path}" for path in WITH_TICKET),
    "ticket__order__buyer",
    "ticket__order__point_of_sale__organiser",
    "friend",
)


class CannotGive(Exception):
    """A ticket can't be offered. ``sentence`` tells why, and what to do; nothing has changed."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


class TooManyOffers(Exception):
    """The buyer, or the holder of a given ticket, made too many offers in a short time. Nothing has changed."""


# --- who and what --------------------------------------------------------------------------------------------
def people_to_ask(buyer: Contact) -> QuerySet[ContactLink]:
    """Return the connections of a buyer to people who can be asked: connected, with an e-mail address, and allowing it."""
    rows = links.choosable(buyer).filter(status=ContactLink.Status.ACTIVE, child__erasing_at=None)
    return rows.exclude(child__email=None).exclude(child__email="").filter(child__blocked_at=None)


def may_be_given(ticket: Ticket) -> bool:
    """Return whether the settings of tariff and point of sale allow the ticket to be given."""
    offer = ticket.line.offer
    return offer is not None and offer.tariff.may_be_given and _has_friends(ticket.order)


def _has_friends(order: Order) -> bool:
    return order.point_of_sale.friends_family_enabled


def why_not(ticket: Ticket, now: datetime) -> str:
    """Return why a ticket that ``may_be_given`` can't be given now, in a sentence; empty if it can. No query."""
    order = ticket.order
    if ticket.gift_id:
        return _("This ticket is given away already. Only the person who has it can give it back.")
    if order.state == Order.State.PENDING:
        return _("This order is not paid yet. Pay it first, then you can give the ticket.")
    if sentence := _why_over(ticket, now):
        return sentence
    if ticket.booked_with_id:
        return _(
            "This place was booked with a season pass, so it is for the holder of the pass and can’t be given."
        )
    if ticket.holder_erased_at is not None or ticket.beneficiary_id not in (None, order.buyer_id):
        return _(
            "You chose the person for this ticket when you ordered, and that person has it. Ask the organiser if it should go to somebody else."
        )
    return ""


def _why_over(ticket: Ticket, now: datetime) -> str:
    """Return why a ticket can't change hands any more, in a sentence; empty if it can."""
    if ticket.order.state != Order.State.PAID or ticket.state == Admission.State.CANCELLED:
        return _("This ticket is cancelled, so it can’t be given.")
    if ticket.state == Admission.State.USED:
        return _("This ticket was used at the entrance, so it can’t be given.")
    if ticket.date_cancelled:
        return _("The date of this ticket is cancelled, so it can’t be given.")
    if now >= ticket.session.starts_at:
        return _("The date of this ticket has begun, so it can’t be given any more.")
    return ""


def why_not_back(ticket: Ticket, now: datetime) -> str:
    """Return why a given ticket can't be given back now, in a sentence; empty if it can. No query."""
    if ticket.gift_id is None:
        return _("You no longer have this ticket.")
    if recipients.has_left(ticket.order.buyer):
        return _("The person who gave you this ticket is no longer here. The ticket stays yours.")
    return _why_over(ticket, now)


# --- open offers ---------------------------------------------------------------------------------------------
def open_offers(now: datetime) -> QuerySet[TicketGift]:
    """Return the offers that can still be answered, with what pages show of them."""
    connected = ContactLink.objects.filter(
        parent=OuterRef("ticket__order__buyer"),
        child=OuterRef("friend"),
        status=ContactLink.Status.ACTIVE,
    ).exclude(permission_parent=ContactLink.Permission.NONE)
    to_friend = Q(
        Exists(connected),
        is_return=False,
        ticket__gift=None,
        ticket__line__offer__tariff__may_be_given=True,
        ticket__order__point_of_sale__friends_family_enabled=True,
    )
    rows = TicketGift.objects.filter(
        to_friend | Q(is_return=True, ticket__gift__isnull=False),
        state=TicketGift.State.OFFERED,
        friend__erasing_at=None,
        friend__isnull=False,
        ticket__order__buyer__erasing_at=None,
        ticket__order__buyer__isnull=False,
        ticket__order__state=Order.State.PAID,
        ticket__state=Admission.State.VALID,
        ticket__session__starts_at__gt=now,
    )
    rows = rows.exclude(ticket__session__state=Session.State.CANCELLED)
    return rows.select_related(*WITH_GIFT).order_by("ticket__session__starts_at", "pk")


def to_user(user, organiser_id: int, now: datetime) -> QuerySet[TicketGift]:
    """Return the open offers that a user can answer at an organiser.

    One query finds the candidates at once; the queryset that is returned is empty if there are none.
    """
    gift_ids = keys_of_any(
        TicketGift.objects.filter(state=TicketGift.State.OFFERED),
        Q(is_return=False, friend__user=user),
        Q(is_return=True, ticket__order__buyer__user=user),
    )
    if not gift_ids:
        return TicketGift.objects.none()
    return open_offers(now).filter(pk__in=gift_ids, ticket__order__organiser=organiser_id)


def open_offer_of(ticket: Ticket, now: datetime) -> TicketGift | None:
    """Return the open offer of a ticket, or None."""
    return open_offers(now).filter(ticket=ticket).first()


def giver_name(gift: TicketGift) -> str:
    """Return the name of the person who made an offer, as the person asked may see it; empty after an erasure."""
    if gift.is_return:
        return gift.friend_name
    return _name(gift.ticket.order.buyer)


def receiver_name(gift: TicketGift) -> str:
    """Return the name of the person asked, as the person who made the offer may see it; empty after an erasure."""
    return _name(gift.ticket.order.buyer) if gift.is_return else gift.friend_name


def _name(contact: Contact | None) -> str:
    return "" if contact is None or recipients.has_left(contact) else contact.full_name


# --- actions -------------------------------------------------------------------------------------------------
@transaction.atomic
def offer(ticket: Ticket, link: ContactLink, *, by, now: datetime) -> TicketGift:
    """Offer a ticket of a buyer to the child of ``link``, and tell that person. The ticket stays the buyer's until they accept.

    Raise CannotGive, TooManyOffers or locking.Gone; then nothing has changed.
    """
    order = codes.lock_order(ticket.order_id)
    friend = locking.lock(link.child_id)
    ticket = locked_ticket(ticket.pk, order)
    if not may_be_given(ticket):
        raise CannotGive(_("Tickets of this tariff can’t be given any more. Ask the organiser."))
    if sentence := why_not(ticket, now):
        raise CannotGive(sentence)
    if order.buyer_id is None or not people_to_ask(order.buyer).filter(pk=link.pk).exists():
        raise CannotGive(
            _("You are not connected with this person any more. Choose somebody else, or add them again.")
        )
    name = links.name_for_parent(link)
    return _offer(ticket, friend, name=name, is_return=False, by=by, now=now)


@transaction.atomic
def offer_back(ticket: Ticket, *, by, now: datetime) -> TicketGift:
    """Offer a given ticket back to the buyer. It stays with its holder until the buyer accepts.

    Raise CannotGive, TooManyOffers or locking.Gone; then nothing has changed.
    """
    order = codes.lock_order(ticket.order_id)
    before = TicketGift.objects.get(pk=ticket.gift_id)
    friend = locking.lock(ticket.beneficiary_id)
    ticket = locked_ticket(ticket.pk, order)
    if ticket.beneficiary_id != friend.pk:
        raise CannotGive(_("You no longer have this ticket."))
    if sentence := why_not_back(ticket, now):
        raise CannotGive(sentence)
    return _offer(ticket, friend, name=before.friend_name, is_return=True, by=by, now=now)


def _offer(ticket: Ticket, friend: Contact, *, name: str, is_return: bool, by, now: datetime) -> TicketGift:
    if open_offer_of(ticket, now):
        raise CannotGive(_("This ticket is offered to somebody already. Take that offer back first."))
    if not limits.hit("ticket_offer", f"user:{by.pk}", now):
        raise TooManyOffers
    # Of an offer that has ended by itself, such as when the connection ended.
    end_offers([ticket.pk], now)
    try:
        with transaction.atomic():
            gift = TicketGift.objects.create(
                ticket=ticket,
                friend=friend,
                friend_name=name,
                is_return=is_return,
                offered_at=now,
                offered_by=history.author(by),
            )
    except IntegrityError as error:
        if violated_constraint(error) != "ticketgift_one_offer":
            raise
        raise CannotGive(
            _("This ticket is offered to somebody already. Take that offer back first.")
        ) from None
    record(gift, "ticket_offered_back" if is_return else "ticket_offered", by=by, now=now)
    notices.ticket_offered(gift, now)
    return gift


def end_offers(tickets: list[int], now: datetime) -> int:
    """Close the offers of these tickets, which are locked or cancelled. Return their number."""
    rows = TicketGift.objects.filter(ticket__in=tickets, state=TicketGift.State.OFFERED)
    return rows.update(state=TicketGift.State.ENDED, answered_at=now)


def withdraw(gift: TicketGift, *, by, now: datetime) -> bool:
    """Take an open offer back, and tell the person who was asked. Return False if it was answered or had ended."""
    return _close(gift, TicketGift.State.WITHDRAWN, by=by, now=now)


def decline(gift: TicketGift, *, by, now: datetime) -> bool:
    """Decline an open offer, and tell the person who made it. Return False if it was taken back or had ended."""
    return _close(gift, TicketGift.State.DECLINED, by=by, now=now)


@transaction.atomic
def _close(gift: TicketGift, state: str, *, by, now: datetime) -> bool:
    order = codes.lock_order(gift.ticket.order_id)
    friend = locking.lock_all([gift.friend_id]).get(gift.friend_id) if gift.friend_id else None
    locked_ticket(gift.ticket_id, order)
    still_open = open_offers(now).filter(pk=gift.pk).first()
    if still_open is None or friend is None:
        return False
    TicketGift.objects.filter(pk=gift.pk).update(state=state, answered_at=now)
    still_open.state, still_open.answered_at = state, now
    record(still_open, f"ticket_offer_{state}", by=by, now=now)
    if state == TicketGift.State.WITHDRAWN:
        notices.offer_withdrawn(still_open, now)
    else:
        notices.offer_answered(still_open, now)
    return True


def locked_ticket(ticket_id: int, order: Order) -> Ticket:
    """Lock a ticket of a locked order, and return it as it is then."""
    Ticket.objects.select_for_update(of=("self",), no_key=True).get(pk=ticket_id, order=order)
    ticket = Ticket.objects.select_related(*WITH_TICKET, "gift").get(pk=ticket_id)
    ticket.order = order
    return ticket


def record(gift: TicketGift, action: str, *, by, now: datetime) -> None:
    """Write what happened to a gift into the history of its ticket, its order and both people, without any name."""
    ticket = gift.ticket
    history.record(ticket, action, by=by, now=now, organiser_id=ticket.order.organiser_id)
    history.record(ticket.order, action, by=by, now=now)
    for person in (ticket.order.buyer, gift.friend):
        history.record(person, action, by=by, now=now)
