"""People whom only a connection made known: added by a visitor, never claimed. When they end, and with whom."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from .models import Contact, ContactLink

_OPEN = Q(status__in=ContactLink.OPEN)
_CONNECTED = ContactLink.objects.filter(_OPEN, child=OuterRef("pk"))


def people() -> QuerySet[Contact]:
    """Everybody a visitor added who has no log-in of their own."""
    return Contact.objects.known().filter(user=None, created_via=Contact.CreatedVia.FRIENDS_FAMILY)


def only_known_through(parent_id: int) -> QuerySet[Contact]:
    """Those whom this contact has, or had, in their list, and nobody else has now."""
    others = ContactLink.objects.filter(_OPEN, child=OuterRef("pk")).exclude(parent=parent_id)
    theirs = ContactLink.objects.filter(parent=parent_id).values("child")
    return people().filter(~Exists(others), pk__in=theirs)


def without_a_day(but: Q | Exists) -> QuerySet[Contact]:
    """Those whose last connection is over and who have no day yet. ``but``: who is known otherwise, such as by an order."""
    return people().filter(~but, ~Exists(_CONNECTED), purge_after=None).select_related("organiser")


def connected_again() -> QuerySet[Contact]:
    """Those without an address, who have no day of their own as long as somebody has them in their list."""
    return people().filter(Exists(_CONNECTED), email_key="").exclude(purge_after=None)


def give_a_day(contact: Contact, now: datetime) -> None:
    """So many days after the end of the last connection; from ``now`` where none is left to tell. As the organiser counts."""
    ended = contact.links_as_child.aggregate(last=Max("ended_at"))["last"] or now
    day = timezone.localdate(ended, ZoneInfo(contact.organiser.time_zone))
    day += timedelta(days=contact.organiser.unclaimed_purge_days)
    still = people().filter(~Exists(_CONNECTED), pk=contact.pk, purge_after=None)
    still.update(purge_after=day)


def take_the_day(contact: Contact, now: datetime) -> None:
    connected_again().filter(pk=contact.pk).update(purge_after=None)
