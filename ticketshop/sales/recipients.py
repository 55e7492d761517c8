"""The recipients of mails about a ticket besides the buyer: the beneficiary, or a parent who manages a person
without an e-mail address.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Q

from contacts.linking.links import name_for_parent
from contacts.models import Contact, ContactLink

from .models import OPEN_STATES, IssuedPass, Order, Ticket

Row = TypeVar("Row", Ticket, IssuedPass, Ticket | IssuedPass)


@dataclass(frozen=True)
class Recipient:
    """``to`` gets the mail about the tickets of ``person`` in ``order``; both are the same unless the person has
    no e-mail address.

    ``name``: the name by which ``to`` knows the person.
    """

    order: Order
    person: Contact
    to: Contact
    name: str

    @property
    def is_person(self) -> bool:
        """Return whether the mail goes to the beneficiary: only they get the code."""
        return self.to.pk == self.person.pk


def has_left(buyer: Contact | None) -> bool:
    """Return whether a buyer is erased or being erased: then no mail about them is sent."""
    return buyer is None or buyer.erasing_at is not None


def is_given(admission: Ticket | IssuedPass) -> bool:
    """Return whether a person of the buyer's friends and family has the ticket: the buyer sees nothing of it any more."""
    return getattr(admission, "gift_id", None) is not None


def of_buyer(admissions: Iterable[Row]) -> list[Row]:
    """Return the tickets or passes whose code, name and answers the buyer may see: all but those that are given."""
    return [admission for admission in admissions if not is_given(admission)]


def of_orders(orders: Iterable[Order], also: Q | None = None) -> list[Recipient]:
    """Return the recipients for the tickets and passes of these orders besides the buyers. At most four queries.

    Tickets and passes that are neither used nor cancelled count, and those that fulfil ``also``.

    A chosen person gets mails while their link is active. After the buyer's erasure the links are gone too:
    then the beneficiaries of the tickets get them. A person to whom a ticket was given gets them in any case.
    """
    by_id = {order.pk: order for order in orders}
    given = _chosen(by_id, Q(state__in=OPEN_STATES) | (also or Q(pk=None)))
    if not given:
        return []
    people = Contact.objects.known().in_bulk({person for _order, person in given})
    active = _active_links(by_id.values(), people)
    recipients = []
    for (order_id, person_id), has_given_ticket in sorted(given.items()):
        order, person = by_id[order_id], people.get(person_id)
        if person is not None and (
            has_given_ticket or has_left(order.buyer) or (order.buyer_id, person_id) in active
        ):
            recipients.append((order, person))
    managers = _managers([person for _order, person in recipients if not person.email])
    return [
        Recipient(order, person, to, name)
        for order, person in recipients
        for to, name in ([(person, person.full_name)] if person.email else managers.get(person.pk, []))
        if to.pk != order.buyer_id
    ]


def _chosen(orders: Iterable[int], where: Q) -> dict[tuple[int, int], bool]:
    """Return (order id, contact id of a beneficiary other than the buyer) -> whether a ticket was given to them."""
    chosen: dict[tuple[int, int], bool] = {}
    for model, gift in ((Ticket, "gift"), (IssuedPass, None)):
        columns = ("order", "beneficiary", "order__buyer", *([gift] if gift else []))
        rows = model.objects.filter(where, order__in=list(orders), beneficiary__isnull=False)
        for order_id, person, buyer, *given in rows.values_list(*columns):
            if person != buyer:
                pair = (order_id, person)
                chosen[pair] = chosen.get(pair, False) or any(pk is not None for pk in given)
    return chosen


def _active_links(orders: Iterable[Order], people: Iterable[int]) -> set[tuple[int, int]]:
    """Return pairs of parent and child, for active links from these buyers to these people."""
    rows = ContactLink.objects.filter(
        parent__in={order.buyer_id for order in orders if order.buyer_id},
        child__in=list(people),
        status=ContactLink.Status.ACTIVE,
    )
    return set(rows.values_list("parent", "child"))


def _managers(people: list[Contact]) -> dict[int, list[tuple[Contact, str]]]:
    """Return contact id -> the parents who manage the person and have an e-mail address, with the name they use;
    the earliest link first.
    """
    if not people:
        return {}
    links = ContactLink.objects.filter(
        child__in=people, status=ContactLink.Status.ACTIVE, permission_parent=ContactLink.Permission.MANAGE
    ).exclude(parent__email=None)
    by_child: dict[int, list[tuple[Contact, str]]] = {}
    for link in links.select_related("parent").order_by("pk"):
        by_child.setdefault(link.child_id, []).append((link.parent, name_for_parent(link)))
    return by_child
