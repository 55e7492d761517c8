"""Telling an added person, and how often an address may be told at all."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from ticketshop.lib.text import normalise_email
from ticketshop.limits import limits
from ticketshop.mail import outbox
from ticketshop.organisers.models import Organiser

from .models import AddressSuppression, Contact, ContactLink, LinkRequest

YES, LIMITED, SUPPRESSED = "yes", "limited", "suppressed"
SUPPRESSED_FOR = timedelta(days=3 * 365)
MARK = 16


def canonical(email: str) -> str:
    """The mailbox behind an address as limits see it: without +tag and dots in the local part."""
    local, _at, domain = normalise_email(email).rpartition("@")
    return f"{local.split('+')[0].replace('.', '')}@{domain}"


def address_hash(email: str) -> bytes:
    """A keyed hash of the canonical address; useless without the installation's secret."""
    return hmac.digest(settings.SECRET_KEY.encode(), f"address|{canonical(email)}".encode(), hashlib.sha256)


def lock_mailbox(email: str) -> None:
    """Until the end of the caller's transaction nobody else counts tries or mails for this mailbox."""
    limits.lock("link_mailbox", canonical(email))


def may_send(organiser: Organiser, email: str, parent: Contact, now: datetime) -> str:
    """YES, LIMITED (enough mails for this address, from whomever) or SUPPRESSED (it said "this is not me").

    A mail that does not go out does not count: else others could keep an address from ever being told.
    Call within a transaction.
    """
    said_no = AddressSuppression.objects.filter(
        Q(parent=parent) | Q(parent=None),
        organiser=organiser,
        address_hash=address_hash(email),
        expires_at__gt=now,
    ).exists()
    if said_no:
        return SUPPRESSED
    mailbox = canonical(email)
    lock_mailbox(email)
    today = limits.reached("link_mail_day", mailbox, now, count=organiser.link_mails_per_day)
    this_week = limits.reached("link_mail_week", mailbox, now, count=organiser.link_mails_per_week)
    if today or this_week:
        return LIMITED
    limits.note("link_mail_day", mailbox, now)
    limits.note("link_mail_week", mailbox, now)
    return YES


def suppress(link: ContactLink, *, now: datetime) -> None:
    """This address gets no more mail started by this parent."""
    invited = LinkRequest.objects.filter(link=link).values_list("email", flat=True)
    for email in {link.child.email or "", link.entered_email, *invited} - {""}:
        AddressSuppression.objects.create(
            organiser_id=link.organiser_id,
            address_hash=address_hash(email),
            parent_id=link.parent_id,
            reason="not_me",
            created_at=now,
            expires_at=now + SUPPRESSED_FOR,
        )


def queue(link: ContactLink, asked, now: datetime, *, send: bool) -> None:
    """Queue the mail to the child, in the caller's transaction: to the address the organiser knows, or to the invited one."""
    child = link.child
    to = link.request.email or child.email
    if not send or not to:
        return
    offered = asked.pos.languages
    language = child.language or (asked.language if asked.language in offered else offered[0])
    kind = "link_new" if link.request.new_contact else "link_known"
    outbox.queue(
        "link_invited" if link.request.email else kind,
        to=to,
        language=language,
        now=now,
        about={"link": link.pk},
        pos=asked.pos,
        subject_uuid=child.subject_uuid,
    )


def new_token(request: LinkRequest, *, days: int, now: datetime) -> str:
    """A fresh token for a mail that leaves now; an earlier one dies. Only its hash is kept."""
    nonce = secrets.token_urlsafe(24)
    token = nonce + mark(nonce, request.address_key)
    request.token_hash = hash_token(token)
    request.sent_at, request.expires_at = now, now + timedelta(days=days)
    request.delivery_state = LinkRequest.Delivery.SENT
    request.save(update_fields=["token_hash", "sent_at", "expires_at", "delivery_state"])
    return token


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def mark(nonce: str, email_key: str) -> str:
    """What binds a proof to the address it was sent to, without naming it."""
    text = f"link|{nonce}|{email_key}"
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hex()[:MARK]


def is_for(token: str, email_key: str) -> bool:
    """Whether a token was sent to this address, which is the one it counts for now: whoever had it before proves nothing."""
    nonce = token[:-MARK]
    return hmac.compare_digest(token.encode(), (nonce + mark(nonce, email_key)).encode())
