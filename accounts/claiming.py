"""From an added person to a log-in: only whoever reads the mailbox can claim, and they choose the password."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction

from contacts import locking
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
    return not EmailAddress.objects.filter(
        email__iexact=normalise_email(contact.email), verified=True
    ).exists()


def remember(request, link: ContactLink, now: datetime) -> None:
    """The mailbox is proved in this browser, for half an hour."""
    request.session[SESSION_KEY] = {"link": link.pk, "until": now.timestamp() + SECONDS}


def remembered(request, now: datetime) -> ContactLink | None:
    proof = request.session.get(SESSION_KEY)
    if not proof or proof["until"] < now.timestamp():
        return None
    return (
        ContactLink.objects.filter(pk=proof["link"])
        .select_related("child", "parent", "organiser", "origin_pos__organiser")
        .first()
    )


def forget(request) -> None:
    request.session.pop(SESSION_KEY, None)


@transaction.atomic
def claim(contact: Contact, password: str, *, now: datetime) -> User:
    """Make the log-in of a contact whose mailbox was just proved. Raises HasLogIn.

    Somebody who signed up with the address before, without proving it, gains nothing: their password is
    replaced, and other addresses they noted are dropped.
    """
    contact = locking.hold(contact.pk)
    if not may_claim(contact):
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
