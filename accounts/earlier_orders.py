"""Orders placed as a guest, found by whoever proves the mailbox, and joined by one button."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from contacts import contacts, locking, merging
from contacts.models import Contact
from ticketshop.organisers.models import Organiser
from ticketshop.sales.models import Order

from .claiming import proved_address


def found(user, organiser: Organiser) -> QuerySet[Contact]:
    """The unclaimed contacts that ordered with an address that ``user`` has proved.

    A contact without orders stays apart: staff may have entered a child under its parent's address.
    """
    unclaimed = contacts.unclaimed(organiser, proved_address(user))
    return unclaimed.filter(Exists(Order.objects.filter(buyer=OuterRef("pk"))))


def count(user, organiser: Organiser) -> int:
    """How many orders wait to be joined."""
    return Order.objects.filter(buyer__in=found(user, organiser)).count()


@transaction.atomic
def join(user, organiser: Organiser, *, language: str, now: datetime) -> int:
    """Merge those contacts into the user's own; returns how many orders came along. Raises locking.Gone."""
    mine = contacts.for_user(organiser, user, language=language, now=now)
    # All at once: the button pressed twice finds nothing left, and nobody waits crosswise.
    locking.hold_all([mine.pk, *found(user, organiser).values_list("pk", flat=True)], needed=[mine.pk])
    number = count(user, organiser)
    for earlier in found(user, organiser).order_by("pk"):
        merging.merge(mine, earlier, by=user, now=now)
    return number
