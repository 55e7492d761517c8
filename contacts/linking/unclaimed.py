"""Contacts that only a connection made known: a visitor added them, and they have no log-in.

The person did not ask for such a contact, so it is erased some days after its last connection has ended: ``purge_after``.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from contacts.models import Contact, ContactLink
from ticketshop.lib.database.compiled import Parameter

_OPEN = Q(status__in=ContactLink.OPEN)
_CONNECTED = ContactLink.objects.filter(_OPEN, child=OuterRef("pk"))


def added_people() -> QuerySet[Contact]:
    """Return the contacts that visitors added and that have no log-in, of all organisers."""
    return Contact.objects.known().filter(user=None, created_via=Contact.CreatedVia.FRIENDS_FAMILY)


def only_added_by(parent_id: int | Parameter) -> QuerySet[Contact]:
    """Return the added people whom this parent has, or had, in their list, and no other parent has now."""
    others = ContactLink.objects.filter(_OPEN, child=OuterRef("pk")).exclude(parent=parent_id)
    own = ContactLink.objects.filter(parent=parent_id).values("child")
    return added_people().filter(~Exists(others), pk__in=own)


def without_purge_date(known_otherwise: Q | Exists) -> QuerySet[Contact]:
    """Return the added people whose last connection has ended and whose ``purge_after`` is not set yet.

    ``known_otherwise`` matches contacts that stay all the same, for instance because they have an order.
    """
    rows = added_people().filter(~known_otherwise, ~Exists(_CONNECTED), purge_after=None)
    return rows.select_related("organiser")


def connected_with_purge_date() -> QuerySet[Contact]:
    """Return the added people without an e-mail address who are connected (again) and have a ``purge_after``.

    They keep none while a parent has them in the list. Others keep theirs until they claim the account.
    """
    return added_people().filter(Exists(_CONNECTED), email_key="").exclude(purge_after=None)


def set_purge_date(contact: Contact, now: datetime) -> None:
    """Set ``purge_after``: the organiser's ``unclaimed_purge_days`` after the end of the last connection.

    Counted from ``now`` where no connection is left; a day in the organiser's time zone. No change if the contact was
    connected or claimed meanwhile.
    """
    ended = contact.links_as_child.aggregate(last=Max("ended_at"))["last"] or now
    day = timezone.localdate(ended, ZoneInfo(contact.organiser.time_zone))
    day += timedelta(days=contact.organiser.unclaimed_purge_days)
    unchanged = added_people().filter(~Exists(_CONNECTED), pk=contact.pk, purge_after=None)
    unchanged.update(purge_after=day)


def clear_purge_date(contact: Contact, now: datetime) -> None:
    """Clear ``purge_after`` of a contact that is connected again."""
    connected_with_purge_date().filter(pk=contact.pk).update(purge_after=None)
