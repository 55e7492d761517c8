"""Queue the mails that tell buyers and beneficiaries about an order: one mail per event."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from contacts import locking
from contacts.models import Contact
from registration_forms.models import AnswerHistory
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffMembership

from . import recipients
from .models import OPEN_STATES, Cancellation, Dispute, IssuedPass, Order, Payment, Refund, Ticket, TicketGift
from .recipients import has_left, is_given

# A code is sent only to the buyer and to the beneficiary's own e-mail address. A parent who did not buy the
# ticket learns event and date.
TO_PARENTS = {"ticket_for_you": "ticket_for_child", "ticket_cancelled": "ticket_cancelled_for_child"}
# The mail kinds for beneficiaries of an unpaid order whose buyer is erased. Of a paid order see ``cancelled_for_others``.
TELLS_GUESTS = {"order_cancelled": "ticket_cancelled", "order_expired": "ticket_cancelled"}


def queue(order: Order, kind: str, now: datetime, *, again: bool = False) -> None:
    """Queue the mail of this kind to the buyer, once per event unless staff ask for it ``again``.

    The caller locks the order, so that an erasure of the buyer comes before or after and includes the mail.
    If the buyer of an order that was never paid is erased, beneficiaries get the mail that concerns them.
    """
    if again:
        with transaction.atomic():
            _tell(_held(order), kind, now)
        return
    _tell(order, kind, now, once=f"{kind}:{order.pk}")
    if kind in TELLS_GUESTS and order.paid_at is None and has_left(order.buyer):
        _tell_guests(order, TELLS_GUESTS[kind], now)


def _held(order: Order) -> Order:
    rows = Order.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("buyer", "point_of_sale__organiser").get(pk=order.pk)


def money_missing(order: Order, payment: Payment, now: datetime) -> None:
    """Tell the buyer that less came than the order costs, and how much is missing."""
    _tell(order, "money_missing", now, once=f"money_missing:{payment.pk}", payment=payment.pk)


def money_returned(order: Order, payment: Payment, why: str, now: datetime) -> None:
    """Tell the buyer that money is paid back. ``why``: the action in the history."""
    if not has_left(order.buyer):
        _tell(order, "money_returned", now, once=f"money_returned:{payment.pk}", payment=payment.pk, why=why)


def payment_reversed(order: Order, payment: Payment, now: datetime) -> None:
    """Tell the buyer that a payment was recorded by mistake."""
    if not has_left(order.buyer):
        once = f"payment_reversed:{payment.pk}"
        _tell(order, "payment_reversed", now, once=once, payment=payment.pk)


def money_paid_back(order: Order, added: list[Refund], now: datetime) -> None:
    """Tell the buyer that staff pay part of an order's money back. ``added``: the refunds of this decision."""
    if added and not has_left(order.buyer):
        pks = [refund.pk for refund in added]
        _tell(order, "money_paid_back", now, once=f"money_paid_back:{pks[0]}", refunds=pks)


def tickets_cancelled(
    order: Order, cancellation: Cancellation, admissions: list[Ticket | IssuedPass], now: datetime
) -> None:
    """Tell the buyer and the beneficiaries which tickets of an order are cancelled.

    Call it before the tickets are changed or locked, as ``queue_for_others``.
    """
    if not has_left(order.buyer):
        once = f"tickets_cancelled:{cancellation.pk}"
        _tell(order, "tickets_cancelled", now, once=once, cancellation=cancellation.pk)
    cancelled_for_others(order, cancellation, admissions, now)


def cancelled_for_others(
    order: Order, cancellation: Cancellation, admissions: list[Ticket | IssuedPass], now: datetime
) -> None:
    """Tell each beneficiary, or the parents who manage them, which of *their* tickets are cancelled, once for a cancellation.

    Also tell the people to whom one of the tickets is offered. Call it before the tickets are changed or locked, as
    ``queue_for_others``.
    """
    end_offers(admissions, now)
    people = {admission.beneficiary_id for admission in admissions} - {None, order.buyer_id}
    if people:
        _tell_guests(order, "ticket_cancelled", now, people=people, cancellation=cancellation.pk)


# --- staff --------------------------------------------------------------------------------------------------
def dispute_opened(dispute: Dispute, now: datetime) -> None:
    """Tell the staff who may pay money back that a payment is disputed, each of them once for a dispute."""
    order = dispute.payment.order
    for user_id, address, language in _refunding_staff(order):
        outbox.queue(
            "dispute_opened",
            to=address,
            language=language,
            now=now,
            about={"order": order.pk, "dispute": dispute.pk},
            pos=order.point_of_sale,
            once=f"dispute_opened:{dispute.pk}:{user_id}",
        )


def _refunding_staff(order: Order) -> list[tuple[int, str, str]]:
    """Return (id of the user, e-mail address, language) of the staff of the order's organiser who may pay money back.

    The language is that of their contact at this organiser; without one, the first of the shop.
    """
    permission = "role__permissions"
    may_pay = Q(
        **{f"{permission}__content_type__app_label": "sales", f"{permission}__codename": "change_refund"}
    )
    members = StaffMembership.objects.filter(may_pay, organiser=order.organiser_id, user__is_active=True)
    people = dict(members.values_list("user_id", "user__email"))
    contacts = Contact.objects.filter(organiser=order.organiser_id, user__in=list(people))
    languages = dict(contacts.exclude(language="").values_list("user_id", "language"))
    first = order.point_of_sale.languages[0]
    return [(pk, people[pk], languages.get(pk, first)) for pk in sorted(people)]


# --- tickets given to friends and family ---------------------------------------------------------------------
def ticket_offered(gift: TicketGift, now: datetime) -> None:
    """Tell the person asked that a ticket is offered to them. The caller locks the order and the friend."""
    _tell_of_gift("ticket_offered", gift, _asked(gift), now)


def offer_withdrawn(gift: TicketGift, now: datetime) -> None:
    """Tell the person who was asked that the offer was taken back."""
    _tell_of_gift("ticket_offer_withdrawn", gift, _asked(gift), now)


def end_offers(admissions: list[Ticket | IssuedPass], now: datetime) -> None:
    """End the open offers of tickets that are cancelled, and tell the people who were asked. The caller locks the order."""
    pks = [admission.pk for admission in admissions if isinstance(admission, Ticket)]
    rows = TicketGift.objects.filter(ticket__in=pks, state=TicketGift.State.OFFERED)
    gifts = list(rows.select_related("ticket__order__buyer", "ticket__order__point_of_sale"))
    if not gifts:
        return
    held = locking.lock_all({gift.friend_id for gift in gifts} - {None})
    rows.update(state=TicketGift.State.ENDED)
    for gift in gifts:
        # The buyer gets the mail about the cancellation.
        if not gift.is_return:
            _tell_of_gift("ticket_offer_withdrawn", gift, held.get(gift.friend_id), now)


def offer_answered(gift: TicketGift, now: datetime) -> None:
    """Tell the person who made an offer that it was accepted or declined."""
    _tell_of_gift("ticket_offer_answered", gift, _asking(gift), now)


def ticket_received(gift: TicketGift, now: datetime) -> None:
    """Send the ticket with its new code to the person by whom it was accepted."""
    _tell_of_gift("ticket_received", gift, _asked(gift), now)


def _asked(gift: TicketGift) -> Contact | None:
    return gift.ticket.order.buyer if gift.is_return else gift.friend


def _asking(gift: TicketGift) -> Contact | None:
    return gift.friend if gift.is_return else gift.ticket.order.buyer


def _tell_of_gift(kind: str, gift: TicketGift, to: Contact | None, now: datetime) -> None:
    """Queue a mail about a gift, once for each: its row changes once from offered to answered."""
    order = gift.ticket.order
    if to is None or not to.email or has_left(to):
        return
    outbox.queue(
        kind,
        to=to.email,
        language=to.language or order.language,
        now=now,
        about={"gift": gift.pk},
        pos=order.point_of_sale,
        once=f"{kind}:{gift.pk}",
        subject_uuid=to.subject_uuid,
    )


def answers_changed(order: Order, lines: list[AnswerHistory], now: datetime) -> None:
    """Tell the buyer which answers changed. The mail names the questions, never an answer."""
    _tell(order, "answers_changed", now, changes=[line.pk for line in lines])


def answers_wanted(order: Order, version_id: int, now: datetime, *, holders: bool = True) -> None:
    """Ask the buyer, and the holders of given tickets, for answers to a newer version of a form, once for each version.

    ``holders``: whether the order may have given tickets; without, none are read.
    """
    _tell(order, "answers_wanted", now, once=f"answers_wanted:{order.pk}:{version_id}")
    if holders:
        _ask_holders(order, now, version_id)


def answers_later(order: Order, now: datetime) -> None:
    """Send the buyer the link to answer the questions that staff have skipped."""
    _tell(order, "answers_later", now)


def withdrawal_received(order: Order, withdrawals: list[int], now: datetime) -> None:
    """Send the buyer the receipt of a withdrawal, given the ids of its rows."""
    if not has_left(order.buyer):
        _tell(order, "withdrawal_received", now, withdrawals=withdrawals)


def withdrawal_impossible(order: Order, now: datetime) -> None:
    """Tell the buyer, once, that nothing can be withdrawn from in an order."""
    if not has_left(order.buyer):
        _tell(order, "withdrawal_impossible", now, once=f"withdrawal_impossible:{order.pk}")


def names_changed(
    order: Order, admissions: list[Ticket | IssuedPass], people: dict[int, Contact], now: datetime
) -> None:
    """Tell the buyer and the beneficiaries that the names on these tickets changed. Arguments as in ``codes_replaced``."""
    _tickets_changed("names_changed", order, admissions, people, now)


def codes_replaced(
    order: Order, admissions: list[Ticket | IssuedPass], people: dict[int, Contact], now: datetime
) -> None:
    """Send the buyer and the beneficiaries these tickets with their new codes.

    ``people``: the beneficiaries by contact id, locked by the caller before the order.
    """
    _tickets_changed("codes_replaced", order, admissions, people, now)


def _tickets_changed(
    kind: str,
    order: Order,
    admissions: list[Ticket | IssuedPass],
    people: dict[int, Contact],
    now: datetime,
) -> None:
    about = _ids(admissions)
    of_buyer = [admission for admission in admissions if not is_given(admission)]
    if of_buyer and not has_left(order.buyer):
        _tell(order, kind, now, **_ids(of_buyer))
    if order.state != Order.State.PAID:
        return
    theirs = {admission.beneficiary_id for admission in admissions}
    for recipient in recipients.of_orders([order]):
        if (
            recipient.is_person
            and recipient.person.pk in theirs
            and (person := people.get(recipient.person.pk))
        ):
            outbox.queue(
                f"{kind}_for_you",
                to=person.email,
                language=person.language or order.language,
                now=now,
                about={"order": order.pk, "contact": person.pk, **about},
                pos=order.point_of_sale,
                subject_uuid=person.subject_uuid,
            )


def _ids(admissions: list[Ticket | IssuedPass]) -> dict[str, list[int]]:
    return {
        "tickets": [admission.pk for admission in admissions if isinstance(admission, Ticket)],
        "passes": [admission.pk for admission in admissions if isinstance(admission, IssuedPass)],
    }


def form_added(order: Order, now: datetime) -> None:
    """Ask the buyer, and the holders of given tickets, for answers to forms that were assigned after the order was placed."""
    _tell(order, "answers_wanted", now)
    _ask_holders(order, now)


def _ask_holders(order: Order, now: datetime, version_id: int | None = None) -> None:
    """Queue a mail to the holder of each given ticket that has a form. A holder who owes no answer when it is sent gets none.

    ``version_id``: of the version that is asked for; None for the one that the ticket has. Each holder is asked once for it,
    after an exchange too: the answers keep their row.
    """
    rows = Ticket.objects.filter(
        order=order,
        gift__isnull=False,
        beneficiary__isnull=False,
        response__isnull=False,
        state__in=OPEN_STATES,
    )
    tickets = list(rows.select_related("response").order_by("pk"))
    held = locking.lock_all({ticket.beneficiary_id for ticket in tickets})
    for ticket in tickets:
        person = held.get(ticket.beneficiary_id)
        if person is not None and person.email:
            outbox.queue(
                "answers_wanted_for_you",
                to=person.email,
                language=person.language or order.language,
                now=now,
                about={"order": order.pk, "contact": person.pk, "ticket": ticket.pk},
                pos=order.point_of_sale,
                once=f"answers_wanted_for_you:{ticket.response_id}:{version_id or ticket.response.version_id}",
                subject_uuid=person.subject_uuid,
            )


def new(order: Order, kind: str, now: datetime) -> Mail | None:
    """Return the unsaved mail of this kind about a new order, to be inserted with it; None for a buyer without an address."""
    mail = _to_buyer(order, now, once=f"{kind}:{order.pk}")
    return outbox.new(kind, **mail) if mail else None


def _tell(order: Order, kind: str, now: datetime, *, once: str | None = None, **about) -> None:
    if mail := _to_buyer(order, now, once, **about):
        outbox.queue(kind, **mail)


def _to_buyer(order: Order, now: datetime, once: str | None, **about) -> dict[str, Any]:
    """Return the arguments of ``outbox.queue`` for a mail to the buyer; empty without an address."""
    buyer = order.buyer
    if buyer is None or not buyer.email:
        return {}
    return {
        "to": buyer.email,
        "language": buyer.language or order.language,
        "now": now,
        "about": {"order": order.pk, **about},
        "pos": order.point_of_sale,
        "once": once,
        "subject_uuid": buyer.subject_uuid,
    }


def queue_for_others(order: Order, now: datetime) -> None:
    """Tell each beneficiary about *their* tickets, without price or order.

    A person in the buyer's friends and family with an e-mail address and an active link gets the mail with
    their tickets. For a person without an e-mail address each parent who manages them learns event and date,
    unless that parent is the buyer.

    Call it before the tickets are changed: it locks the people, and an erasure locks people before their
    tickets.
    """
    if has_left(order.buyer) or order.buyer.user_id is not None:
        # Only a signed-in buyer can choose other people, so a guest's order has no beneficiaries.
        _tell_guests(order, "ticket_for_you", now)


def _tell_guests(order: Order, kind: str, now: datetime, *, people: set[int] | None = None, **about) -> None:
    """Queue a mail about their tickets to the beneficiaries, or to some of them. ``about``: what it is about, with ids."""
    told = [
        recipient
        for recipient in recipients.of_orders([order])
        if people is None or recipient.person.pk in people
    ]
    # As they are now, without contacts that are being erased.
    held = locking.lock_all({recipient.to.pk for recipient in told})
    for recipient in told:
        to = held.get(recipient.to.pk)
        if to is None or not to.email:
            continue
        parent = [] if recipient.is_person else [to.pk]
        outbox.queue(
            kind if recipient.is_person else TO_PARENTS[kind],
            to=to.email,
            language=to.language or order.language,
            now=now,
            about={"order": order.pk, "contact": recipient.person.pk, **about},
            pos=order.point_of_sale,
            once=":".join(map(str, [kind, order.pk, recipient.person.pk, *about.values(), *parent])),
            subject_uuid=to.subject_uuid,
        )
