"""Tickets of a person, as far as they let somebody else see them."""

from django.db.models import Q
from django.utils import timezone

from contacts import links
from contacts.models import ContactLink
from ticketshop.sales.access import NOBODY_ELSES
from ticketshop.sales.models import Ticket


def of_child(link: ContactLink) -> list[Ticket]:
    """The tickets still to come of the child of ``link`` if it allows to see them: no price, no other holder."""
    if not links.seen_by_parent(link).tickets:
        return []
    theirs = Q(beneficiary=link.child_id) | NOBODY_ELSES & Q(order__buyer=link.child_id)
    return list(
        Ticket.objects.filter(theirs, state__in=["valid", "reserved"], session__ends_at__gt=timezone.now())
        .select_related("session__event__venue", "line")
        .order_by("session__starts_at", "pk")[:50]
    )
