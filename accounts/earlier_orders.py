"""Orders placed as a guest, found by whoever proves the mailbox, and joined by one button."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from contacts import contacts, locking, merging
from contacts.models import Contact
from ticketshop.lib.text import normalise_email
from ticketshop.organisers.models import Organiser
from ticketshop.sales.models import Order


def found(user, organiser: Organiser) -> QuerySet[Contact]:
    """The unclaimed contacts that ordered with an address that ``user`` has proved.

    A contact without orders stays apart: staff may have entered a child under its parent's address.
    """
    proved = EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()
    unclaimed = contacts.unclaimed(organiser, normalise_email(user.email) if proved else "")
    return unclaimed.filter(Exists(Order.objects.filter(buyer=OuterRef("pk"))))


def count(user, organiser: Organiser) -> int:
    """How many orders wait to be joined."""
    return Order.objects.filter(buyer__in=found(user, organiser)).count()


@transaction.atomic
def join(user, organiser: Organiser, *, language: str, now: datetime) -> int:
    """Merge those contacts into the user's own; returns how many orders came along."""
    mine = contacts.for_user(organiser, user, language=language, now=now)
    locking.hold(mine.pk)  # the button pressed twice at once: the second finds nothing left
    number = count(user, organiser)
    for earlier in found(user, organiser).order_by("pk"):
        merging.merge(mine, earlier, by=user, now=now)
    return number
