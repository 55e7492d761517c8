"""The upcoming tickets and passes of other people, as far as they let the visitor see them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from contacts.linking import links
from contacts.models import Contact, ContactLink
from ticketshop.organisers.models import Organiser
from ticketshop.sales.access import WITHOUT_BENEFICIARY, upcoming_passes, upcoming_tickets
from ticketshop.sales.admission_lists import WITH_PASS, WITH_TICKET
from ticketshop.sales.models import IssuedPass, Ticket

MOST = 50


@dataclass(frozen=True)
class Managed:
    """A person the visitor manages: the link, the name as the visitor typed it, and upcoming tickets and passes."""

    link: ContactLink
    name: str
    tickets: list[Ticket]
    passes: list[IssuedPass]

    @property
    def has_any(self) -> bool:
        """Whether there is an upcoming ticket or pass."""
        return bool(self.tickets or self.passes)


def of_child(link: ContactLink) -> list[Ticket]:
    """Return the upcoming tickets of the child of ``link``, at most ``MOST``; none if the child does not allow it."""
    if not links.seen_by_parent(link).tickets:
        return []
    return list(_tickets(_of([link.child_id]), timezone.now())[:MOST])


def managed_by(parent: Contact, now: datetime) -> list[Managed]:
    """Return the people ``parent`` manages who have upcoming tickets or passes, by name; three queries. Not the tickets
    that the parent gave to them.

    ``mine`` of a ticket is true if the parent bought it: only the buyer and the beneficiary may see its code.
    """
    managed = [link for link in links.all_of_parent(parent) if links.seen_by_parent(link).manages]
    children = [link.child_id for link in managed]
    if not children:
        return []
    tickets = _by_child(_tickets(_of(children) & ~_given_by(parent), now), parent)
    passes = _by_child(_passes(_of(children), parent.organiser, now), parent)
    people = [
        Managed(link, links.name_for_parent(link), tickets(link.child_id), passes(link.child_id))
        for link in managed
    ]
    return [person for person in people if person.has_any]


def of_managed(link: ContactLink, now: datetime) -> list[Ticket | IssuedPass]:
    """Return the upcoming tickets and passes of the child of ``link``, with the rows needed to change their names.

    Without the tickets that the parent gave to the child: the giver does not see the name on them any more.
    """
    along = ("order__buyer", "order__point_of_sale__organiser")
    theirs = _of([link.child_id])
    tickets = _tickets(theirs & ~_given_by(link.parent), now).select_related(*WITH_TICKET, *along)
    passes = _passes(_of([link.child_id]), link.organiser, now).select_related(*WITH_PASS, *along)
    return [*tickets[:MOST], *passes[:MOST]]


def _of(children: Iterable[int]) -> Q:
    """Return the condition for tickets whose beneficiary is one of ``children``, or which they bought for themselves."""
    ids = list(children)
    return Q(beneficiary__in=ids) | WITHOUT_BENEFICIARY & Q(order__buyer__in=ids)


def _given_by(parent: Contact) -> Q:
    """Return the condition for tickets that ``parent`` gave away: the giver sees no name and no code of them any more."""
    return Q(gift__isnull=False, order__buyer=parent)


def _tickets(theirs: Q, now: datetime) -> QuerySet[Ticket]:
    rows = upcoming_tickets(Ticket.objects.filter(theirs), now)
    return rows.select_related(*WITH_TICKET, "order__point_of_sale", "order__buyer").order_by(
        "session__starts_at", "pk"
    )


def _passes(theirs: Q, organiser: Organiser, now: datetime) -> QuerySet[IssuedPass]:
    rows = upcoming_passes(IssuedPass.objects.filter(theirs), organiser, now)
    return rows.select_related(*WITH_PASS, "order__point_of_sale", "order__buyer").order_by(
        "valid_until", "pk"
    )


def _by_child(rows: QuerySet, parent: Contact) -> Callable[[int], list]:
    """Return a function from a child's key to the child's rows.

    Each row gets ``mine`` (the parent bought it) and ``buyer_left`` (the buyer is erased, and with them the code).
    """
    by_child: dict[int, list[Model]] = {}
    for row in rows[: 4 * MOST]:
        buyer = row.order.buyer
        row.mine = row.order.buyer_id == parent.pk
        row.buyer_left = buyer is None or buyer.erased_at is not None
        by_child.setdefault(row.beneficiary_id or row.order.buyer_id, []).append(row)
    return lambda child: by_child.get(child, [])
