"""What the organiser knew under the visitor's e-mail address before they had an account here.

Contacts of the visitor's own name are joined to theirs by one button. All others are listed by name, and each one is
joined only after the visitor has chosen it alone: a mailbox may be shared. A visitor without a name here is whoever
ordered with the address, as long as that is one person by name.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet

from contacts import contacts, locking, mailbox, merging
from contacts.models import Contact
from ticketshop.organisers.models import Organiser
from ticketshop.sales.models import Order

from .claiming import proved_address


@dataclass(frozen=True)
class Known:
    """A contact without a log-in that has the visitor's e-mail address.

    ``mine``: it is the visitor's by name. ``shown``: what a form sends back, so that a contact which was changed
    after the page was drawn is looked at again.
    """

    contact: Contact
    orders: int
    mine: bool
    shown: str


@dataclass(frozen=True)
class Earlier:
    """All of them. ``me`` is the visitor's contact; it may have no name yet."""

    me: Contact
    known: list[Known]

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.known)

    @property
    def mine(self) -> list[Known]:
        return [one for one in self.known if one.mine]

    @property
    def others(self) -> list[Known]:
        return [one for one in self.known if not one.mine]

    @property
    def my_orders(self) -> int:
        return sum(one.orders for one in self.mine)

    @property
    def my_name(self) -> str:
        """The name under which those orders were placed."""
        return self.me.full_name or self.mine[0].contact.full_name

    @property
    def waits(self) -> bool:
        """Whether the visitor is asked: there is something of their own name, or they have no name here yet."""
        return bool(self.mine) or bool(self.known and not self.me.full_name)


def unclaimed(user, organiser: Organiser) -> QuerySet[Contact]:
    """Return the contacts without a log-in that have an e-mail address which ``user`` has proved."""
    return contacts.unclaimed(organiser, proved_address(user))


def found(user, me: Contact) -> Earlier:
    """Return what is known under the proved e-mail address of ``user`` beside their own contact ``me``."""
    rows = list(
        unclaimed(user, me.organiser).annotate(number_of_orders=Count("orders")).order_by("sort_key", "pk")
    )
    mine = _mine(me, rows)
    return Earlier(
        me,
        [
            Known(contact, contact.number_of_orders, contact in mine, merging.fingerprint(me, contact))
            for contact in rows
        ],
    )


def _mine(me: Contact, rows: list[Contact]) -> list[Contact]:
    if me.full_name:
        return [contact for contact in rows if mailbox.same_name(me, contact)]
    # A contact without orders stays apart: staff may have entered a child under its parent's address.
    ordered = [contact for contact in rows if contact.number_of_orders and contact.full_name]
    return [] if mailbox.names_differ(ordered) else ordered


@transaction.atomic
def join(user, organiser: Organiser, *, language: str, now: datetime) -> int:
    """Merge the contacts of the visitor's own name into theirs. Return the number of orders that came along.

    Raises locking.Gone.
    """
    me = contacts.for_user(organiser, user, language=language, now=now)
    # All at once: the button pressed twice finds nothing left, and nobody waits crosswise.
    locked = locking.lock_all(
        [me.pk, *unclaimed(user, organiser).values_list("pk", flat=True)], needed=[me.pk]
    )
    # Names count as they are now that nobody can change them.
    me = locked[me.pk]
    mine = [one for one in found(user, me).mine if one.contact.pk in locked]
    number = _orders_of([one.contact for one in mine])
    for one in mine:
        merging.merge(me, one.contact, by=user, now=now)
    return number


@transaction.atomic
def join_chosen(user, me: Contact, chosen: Contact, *, shown: str, now: datetime) -> int:
    """Merge one contact that the visitor chose by its name. Return the number of orders that came along.

    ``shown`` is the ``Known.shown`` of the page on which it was chosen. Raises merging.CannotMerge where the contact is
    no longer covered by the visitor's mailbox, or one of the two has changed; locking.Gone.
    """
    locking.lock_all([me.pk, chosen.pk], needed=[me.pk])
    if not shown or not unclaimed(user, me.organiser).filter(pk=chosen.pk).exists():
        raise merging.CannotMerge("no contact of this mailbox")
    number = _orders_of([chosen])
    merging.merge(me, chosen, by=user, now=now, shown=shown)
    return number


def _orders_of(people: list[Contact]) -> int:
    return Order.objects.filter(buyer__in=people).count()
