"""Tell the buyer what became of an order: one mail per event."""

from datetime import datetime

from contacts.models import Contact, ContactLink
from registration_forms.models import AnswerHistory, FormVersion
from ticketshop.mail import outbox

from .models import IssuedPass, Order, Ticket


def queue(order: Order, kind: str, now: datetime, *, again: bool = False) -> None:
    """Queue the mail that tells the buyer; once per event, unless staff ask for it ``again``."""
    _tell(order, kind, now, once=None if again else f"{kind}:{order.pk}")


def answers_changed(order: Order, lines: list[AnswerHistory], now: datetime) -> None:
    """Tell the buyer which answers changed; the mail names the questions, never an answer."""
    _tell(order, "answers_changed", now, changes=[line.pk for line in lines])


def answers_wanted(order: Order, version: FormVersion, now: datetime) -> None:
    """Ask the buyer for what a newer version of a form asks; once for each version."""
    _tell(order, "answers_wanted", now, once=f"answers_wanted:{order.pk}:{version.pk}")


def _tell(order: Order, kind: str, now: datetime, *, once: str | None = None, **about) -> None:
    buyer = order.buyer
    if buyer is None or not buyer.email:
        return
    outbox.queue(
        kind,
        to=buyer.email,
        language=buyer.language or order.language,
        now=now,
        about={"order": order.pk, **about},
        pos=order.point_of_sale,
        once=once,
        subject_uuid=buyer.subject_uuid,
    )


def queue_for_others(order: Order, now: datetime) -> None:
    """Tell the people the tickets are for: each of *their* tickets only, without price or order.

    A linked person who has an address and whose link is active gets the mail; for a person without an
    address the parent who manages them does, unless that parent is the buyer and has all tickets anyway.
    """
    if order.buyer is None or order.buyer.user_id is None:
        # Only a log-in has people it can choose.
        return
    for person in _others(order):
        to = person if person.email else _manager_of(person, order)
        if to is None or not to.email:
            continue
        outbox.queue(
            "ticket_for_you",
            to=to.email,
            language=to.language or order.language,
            now=now,
            about={"order": order.pk, "contact": person.pk},
            pos=order.point_of_sale,
            once=f"ticket_for_you:{order.pk}:{person.pk}",
            subject_uuid=to.subject_uuid,
        )


def _others(order: Order) -> list[Contact]:
    """The contacts with a ticket or pass of this order who may be told."""
    ids = {
        pk
        for model in (Ticket, IssuedPass)
        for pk in model.objects.filter(order=order, beneficiary__isnull=False)
        .exclude(beneficiary=order.buyer_id)
        .values_list("beneficiary", flat=True)
    }
    active = ContactLink.objects.filter(
        parent=order.buyer_id, child__in=ids, status=ContactLink.Status.ACTIVE
    ).select_related("child")
    return list({link.child_id: link.child for link in active}.values()) if ids else []


def _manager_of(person: Contact, order: Order) -> Contact | None:
    link = (
        ContactLink.objects.filter(
            child=person, status=ContactLink.Status.ACTIVE, permission_parent=ContactLink.Permission.MANAGE
        )
        .exclude(parent=order.buyer_id)
        .select_related("parent")
        .order_by("pk")
        .first()
    )
    return link.parent if link else None
