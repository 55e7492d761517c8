"""The mail to an added person: whether an address may get one, queueing it, and the token in its link."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from contacts.models import AddressSuppression, Contact, ContactLink, LinkRequest
from ticketshop.lib.values.text import normalise_email
from ticketshop.limits import limits
from ticketshop.mail import outbox
from ticketshop.organisers.models import Organiser

YES, LIMITED, SUPPRESSED = "yes", "limited", "suppressed"
SUPPRESSED_FOR = timedelta(days=3 * 365)
MARK = 16


def canonical(email: str) -> str:
    """Return the e-mail address as limits count it: lower case, without +tag and without dots in the local part."""
    local, _at, domain = normalise_email(email).rpartition("@")
    return f"{local.split('+')[0].replace('.', '')}@{domain}"


def address_hash(email: str) -> bytes:
    """Return the HMAC-SHA256 (32 bytes) of the canonical address, keyed with SECRET_KEY."""
    return hmac.digest(settings.SECRET_KEY.encode(), f"address|{canonical(email)}".encode(), hashlib.sha256)


def lock_mailbox(email: str) -> None:
    """Lock the counters of tries and mails of a mailbox until the end of the caller's transaction."""
    limits.lock("link_mailbox", canonical(email))


def may_send(organiser: Organiser, email: str, parent: Contact, now: datetime) -> str:
    """Return whether a mail started by ``parent`` may go to an address: YES, LIMITED or SUPPRESSED; YES counts it.

    LIMITED: the address got the maximum of such mails, from any parent. SUPPRESSED: its owner answered "this is not me".
    Only a mail that goes out is counted: else tries of others could keep an address from ever getting one. Call within a
    transaction.
    """
    suppressed = AddressSuppression.objects.filter(
        Q(parent=parent) | Q(parent=None),
        organiser=organiser,
        address_hash=address_hash(email),
        expires_at__gt=now,
    ).exists()
    if suppressed:
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
    """Suppress further mails started by the parent of ``link`` to every address of its child, for three years."""
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


def queue(link: ContactLink, requester, now: datetime, *, send: bool) -> None:
    """Queue the mail to the child in the caller's transaction; nothing if not ``send``, or without an address.

    It goes to the address of the invitation, if the request is one, else to that of the contact; in the contact's
    language, else in the language of the requester's page.
    """
    child = link.child
    to = link.request.email or child.email
    if not send or not to:
        return
    offered = requester.pos.languages
    language = child.language or (requester.language if requester.language in offered else offered[0])
    kind = "link_new" if link.request.new_contact else "link_known"
    outbox.queue(
        "link_invited" if link.request.email else kind,
        to=to,
        language=language,
        now=now,
        about={"link": link.pk},
        pos=requester.pos,
        subject_uuid=child.subject_uuid,
    )


def new_token(request: LinkRequest, *, days: int, now: datetime) -> str:
    """Return a new token for a mail that leaves now; the previous one stops working. Only the hash is stored.

    The token is valid for ``days`` days.
    """
    nonce = secrets.token_urlsafe(24)
    token = nonce + mark(nonce, request.address_key)
    request.token_hash = hash_token(token)
    request.sent_at, request.expires_at = now, now + timedelta(days=days)
    request.delivery_state = LinkRequest.Delivery.SENT
    request.save(update_fields=["token_hash", "sent_at", "expires_at", "delivery_state"])
    return token


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token as hex digits: a token is 24 random bytes, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def mark(nonce: str, email_key: str) -> str:
    """Return 16 hex digits that bind a nonce to the e-mail address it was sent to, without containing the address."""
    text = f"link|{nonce}|{email_key}"
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hex()[:MARK]


def is_for(token: str, email_key: str) -> bool:
    """Return whether a token was sent to this e-mail address.

    A contact's address may have changed since: then a token sent to the former address proves nothing.
    """
    nonce = token[:-MARK]
    return hmac.compare_digest(token.encode(), (nonce + mark(nonce, email_key)).encode())
