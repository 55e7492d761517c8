"""The state of mails after they were sent: delivered, bounced, marked as spam; and addresses that can't be reached.

Nothing is stored on the contact: whether a person can be reached is read from the mails to the address that the person has
*now*. So another address, or a later mail that is delivered, ends the state, and an erasure of the address removes it.
"""

import logging
from datetime import datetime, timedelta

from anymail.signals import AnymailTrackingEvent, EventType
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.utils import timezone

from ticketshop.history import history

from .models import Mail

logger = logging.getLogger("ticketshop.mail")

State = Mail.State
_BACK = {EventType.BOUNCED, EventType.REJECTED, EventType.FAILED}
# A delivered mail: the service has reported it, or a mail server accepted it and no service reports on it.
ARRIVED = Q(delivered_at__isnull=False) | Q(state=State.SENT, provider_id="")
# How long the start page of the back office counts a mail; later it is found in the list of e-mails.
RECENT_DAYS = 14
TROUBLE = Q(state__in=[State.FAILED, State.BOUNCED, State.COMPLAINED])
_LATEST = 20  # number of mails to one address that are read


def record_report(event: AnymailTrackingEvent) -> bool:
    """Store a report of the mail service about one mail. Return False if the mail is unknown.

    Services repeat reports and send them out of order, so an older report changes nothing.
    """
    with transaction.atomic():
        number = (event.message_id or "")[: Mail._meta.get_field("provider_id").max_length]
        mail = Mail.objects.select_for_update().filter(provider_id=number).first() if number else None
        if mail is None:
            return False
        at = event.timestamp or timezone.now()
        if event.event_type == EventType.DELIVERED:
            _delivered(mail, at)
        elif event.event_type == EventType.COMPLAINED:
            mark_returned(mail, State.COMPLAINED, at, EventType.COMPLAINED)
        elif event.event_type in _BACK:
            _bounced(mail, at, f"{event.event_type} {event.reject_reason or ''}".strip())
    return True


def mark_returned(mail: Mail, state: str, at: datetime, reason: str) -> None:
    """Mark a mail that was not delivered or was marked as spam. ``reason`` contains no address."""
    if mail.returned_at is not None and mail.state == state:
        return
    mail.state, mail.returned_at, mail.error = state, at, reason[:120]
    mail.save(update_fields=["state", "returned_at", "error"])
    history.record(mail, "mail_returned", by=None, now=timezone.now(), kind=mail.kind, how=state)
    logger.warning("mail returned mail=%s as=%s", mail.pk, state)


def _bounced(mail: Mail, at: datetime, reason: str) -> None:
    arrived_later = mail.delivered_at is not None and mail.delivered_at > at
    if mail.state != State.COMPLAINED and not arrived_later:
        mark_returned(mail, State.BOUNCED, at, reason)


def _delivered(mail: Mail, at: datetime) -> None:
    if mail.delivered_at is not None and mail.delivered_at >= at:
        return
    mail.delivered_at = at
    if mail.state == State.BOUNCED and mail.returned_at < at:
        mail.state, mail.returned_at, mail.error = State.SENT, None, ""
    mail.save(update_fields=["delivered_at", "state", "returned_at", "error"])


def latest_bounce(organiser_id: int, email: str | None, subject_uuid) -> Mail | None:
    """Return the mail that shows that this address does not receive mails, or None if there is none."""
    if not email:
        return None
    rows = Mail.objects.filter(
        Q(subject_uuid=subject_uuid) | Q(subject_uuid=None), organiser=organiser_id, recipient__iexact=email
    )
    for mail in rows.order_by("-pk")[:_LATEST]:
        if mail.returned_at is not None:
            return mail
        if mail.delivered_at is not None or (mail.state == State.SENT and not mail.provider_id):
            return None  # a later mail was delivered
    return None


def unreachable(organiser: Combinable, email: Combinable, subject_uuid: Combinable) -> Exists:
    """Return ``latest_bounce`` as a condition for lists.

    Example: ``unreachable(OuterRef("organiser"), OuterRef("email"), OuterRef("subject_uuid"))``.
    """
    to_them = Mail.objects.filter(organiser=organiser, subject_uuid=subject_uuid, recipient__iexact=email)
    later = Mail.objects.filter(
        ARRIVED,
        organiser=OuterRef("organiser"),
        subject_uuid=OuterRef("subject_uuid"),
        recipient__iexact=OuterRef("recipient"),
        pk__gt=OuterRef("pk"),
    )
    return Exists(to_them.filter(~Exists(later), returned_at__isnull=False))


def troubled(rows: QuerySet[Mail]) -> QuerySet[Mail]:
    """Return those of these mails that failed, bounced or were marked as spam."""
    return rows.filter(TROUBLE)


def recently_troubled(rows: QuerySet[Mail], now: datetime) -> QuerySet[Mail]:
    """Return those of these mails in trouble that the start page of the back office counts: of the last 14 days."""
    return troubled(rows).filter(created_at__gte=now - timedelta(days=RECENT_DAYS))
