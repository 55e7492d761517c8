"""Contacts with the visitor's e-mail address from before they had an account here, and their orders.

One button merges those of the visitor's own name into the visitor's contact. The others are listed by name, and the
visitor chooses each of them separately, because a mailbox may be shared. If the visitor has no name here yet, the person
who ordered with the address counts as the visitor, provided that the names on the orders are those of one person.
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
class EarlierContact:
    """A contact without a log-in that has the visitor's e-mail address.

    ``orders``: number of orders. ``mine``: its name is the visitor's. ``shown``: the ``merging.fingerprint`` that a form
    sends back, so that the merge is refused if one of the contacts has changed since.
    """

    contact: Contact
    orders: int
    mine: bool
    shown: str


@dataclass(frozen=True)
class EarlierContacts:
    """All earlier contacts. ``me`` is the visitor's contact; it may have no name yet."""

    me: Contact
    contacts: list[EarlierContact]

    @property
    def orders(self) -> int:
        """Number of orders of all earlier contacts."""
        return sum(earlier.orders for earlier in self.contacts)

    @property
    def mine(self) -> list[EarlierContact]:
        """The contacts of the visitor's name."""
        return [earlier for earlier in self.contacts if earlier.mine]

    @property
    def others(self) -> list[EarlierContact]:
        """The contacts of other names."""
        return [earlier for earlier in self.contacts if not earlier.mine]

    @property
    def my_orders(self) -> int:
        """Number of orders of the contacts of the visitor's name."""
        return sum(earlier.orders for earlier in self.mine)

    @property
    def my_name(self) -> str:
        """The visitor's name; that on the earlier orders if the visitor has none yet."""
        return self.me.full_name or self.mine[0].contact.full_name

    @property
    def must_answer(self) -> bool:
        """Whether to ask the visitor: there are contacts of the same name, or the visitor has no name yet."""
        return bool(self.mine) or bool(self.contacts and not self.me.full_name)


def unclaimed(user, organiser: Organiser) -> QuerySet[Contact]:
    """Return the contacts without a log-in that have an e-mail address which ``user`` has proved."""
    return contacts.unclaimed(organiser, proved_address(user))


def find(user, me: Contact) -> EarlierContacts:
    """Return the earlier contacts with the proved e-mail address of ``user``, whose contact is ``me``; sorted by name."""
    rows = list(
        unclaimed(user, me.organiser).annotate(number_of_orders=Count("orders")).order_by("sort_key", "pk")
    )
    mine = _mine(me, rows)
    return EarlierContacts(
        me,
        [
            EarlierContact(
                contact, contact.number_of_orders, contact in mine, merging.fingerprint(me, contact)
            )
            for contact in rows
        ],
    )


def _mine(me: Contact, rows: list[Contact]) -> list[Contact]:
    if me.full_name:
        return [contact for contact in rows if mailbox.same_name(me, contact)]
    # Only contacts with orders: staff may have entered a child under its parent's e-mail address.
    ordered = [contact for contact in rows if contact.number_of_orders and contact.full_name]
    return [] if mailbox.names_differ(ordered) else ordered


@transaction.atomic
def join(user, organiser: Organiser, *, language: str, now: datetime) -> int:
    """Merge the contacts of the visitor's own name into the visitor's. Return the number of their orders.

    Raises locking.Gone.
    """
    me = contacts.for_user(organiser, user, language=language, now=now)
    # Locked in one statement, so that pressing the button twice can't deadlock; the second press finds nothing left.
    locked = locking.lock_all(
        [me.pk, *unclaimed(user, organiser).values_list("pk", flat=True)], needed=[me.pk]
    )
    # Compare names only now that they can't change any more.
    me = locked[me.pk]
    mine = [earlier.contact for earlier in find(user, me).mine if earlier.contact.pk in locked]
    number = _orders_of(mine)
    for contact in mine:
        merging.merge(me, contact, by=user, now=now)
    return number


@transaction.atomic
def join_chosen(user, me: Contact, chosen: Contact, *, shown: str, now: datetime) -> int:
    """Merge a contact that the visitor has chosen by its name. Return the number of its orders.

    ``shown`` is ``EarlierContact.shown`` of the page on which it was chosen. Raises merging.CannotMerge if the visitor's
    mailbox no longer covers the contact, or one of the two has changed; locking.Gone.
    """
    locking.lock_all([me.pk, chosen.pk], needed=[me.pk])
    if not shown or not unclaimed(user, me.organiser).filter(pk=chosen.pk).exists():
        raise merging.CannotMerge("no contact of this mailbox")
    number = _orders_of([chosen])
    merging.merge(me, chosen, by=user, now=now, shown=shown)
    return number


def _orders_of(people: list[Contact]) -> int:
    return Order.objects.filter(buyer__in=people).count()
