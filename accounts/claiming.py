"""From an added person to a log-in: only whoever reads the mailbox can claim, and they choose the password."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction

from contacts import link_mail, locking, merging
from contacts.models import Contact, ContactLink
from ticketshop.history import history
from ticketshop.lib.text import normalise_email

from .models import User

SECONDS = 1800
SESSION_KEY = "claim"


class HasLogIn(Exception):
    """A log-in with this address exists and its owner has proved the mailbox: they log in instead."""


def may_claim(contact: Contact) -> bool:
    """Whether a password may be chosen for this contact: it has an address and no log-in of its own yet."""
    if contact.user_id is not None or not contact.email:
        return False
    email = normalise_email(contact.email)
    if EmailAddress.objects.filter(email__iexact=email, verified=True).exists():
        return False
    # A log-in that was switched off stays so, and one that is somebody here already is no added person's.
    user = User.objects.filter(email=email).first()
    return user is None or (
        user.is_active and not user.contacts.filter(organiser=contact.organiser_id).exists()
    )


def proved_address(user) -> str:
    """The address a log-in has proved, as compared; empty where it has not."""
    proved = EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()
    return normalise_email(user.email) if proved else ""


def remember(request, link: ContactLink, now: datetime) -> None:
    """The mailbox is proved in this browser, for half an hour, for the address the contact has now."""
    request.session[SESSION_KEY] = {
        "link": link.pk,
        "address": link_mail.mark(str(link.pk), link.child.email_key),
        "until": now.timestamp() + SECONDS,
    }


def remembered(request, now: datetime) -> ContactLink | None:
    """The link whose mailbox was proved in this browser; None once the time is over or the address is another."""
    proof = request.session.get(SESSION_KEY)
    if not proof or proof["until"] < now.timestamp():
        return None
    link = (
        ContactLink.objects.filter(pk=proof["link"])
        .select_related("child", "parent", "organiser", "origin_pos__organiser")
        .first()
    )
    if link is None or proof["address"] != link_mail.mark(str(link.pk), link.child.email_key):
        return None
    return link


def forget(request) -> None:
    request.session.pop(SESSION_KEY, None)


@transaction.atomic
def claim(contact: Contact, password: str, *, now: datetime) -> User:
    """Make the log-in of a contact whose mailbox was just proved. Raises HasLogIn.

    Somebody who signed up with the address before, without proving it, gains nothing: their password is
    replaced, and other addresses they noted are dropped.
    """
    proved = contact.email_key
    contact = locking.hold(contact.pk)
    if contact.email_key != proved or not may_claim(contact):
        raise HasLogIn
    email = normalise_email(contact.email)
    user = User.objects.select_for_update().filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password)
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
        EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    Contact.objects.filter(pk=contact.pk).update(
        user=user, email_verified_at=now, claimed_at=now, purge_after=None
    )
    history.record(contact, "claimed", by=user, now=now)
    return user


@transaction.atomic
def take(me: Contact, link: ContactLink, *, by, now: datetime) -> ContactLink | None:
    """A link made to the visitor's address before they had a log-in here becomes theirs: "this is me".

    Returns the link as it is afterwards; None where nothing is left of it.
    """
    merging.merge(me, link.child, by=by, now=now)
    return ContactLink.objects.filter(
        parent=link.parent_id, child=me.pk, type=link.type_id, status__in=ContactLink.OPEN
    ).first()
