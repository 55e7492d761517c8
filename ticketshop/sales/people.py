"""Whom a ticket is for: the buyer, somebody they connected to their profile, or somebody else."""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from contacts import links
from contacts.models import Contact, ContactLink

from .access import NOBODY_ELSES
from .contents import Contents
from .models import Admission, CartLine, IssuedPass, Ticket

ME = "me"


@dataclass(frozen=True)
class Person:
    """One choice at the checkout: ``value`` is what is posted; the rest is what the buyer may know."""

    value: str
    label: str
    first_name: str
    last_name: str
    birth_date: date | None


def of(contact: Contact, pos) -> list[Person]:
    """The buyer and the people they may choose for tickets; empty where the function is off. One query."""
    if not pos.friends_family_enabled:
        return []
    label = _("Me – %(name)s") % {"name": contact.full_name or contact.email}
    found = links.choosable(contact)
    return [
        Person(ME, label, contact.first_name, contact.last_name, contact.birth_date),
        *(
            Person(
                str(link.pk),
                link.entered_name,
                link.entered_first_name,
                link.entered_last_name,
                links.seen_by_parent(link).birth_date,
            )
            for link in found
        ),
    ]


def beneficiaries(buyer: Contact, holders: dict) -> dict[str, int]:
    """Slot -> contact id, for the slots somebody was chosen for.

    A link that ended since it was chosen gives nobody: the ticket keeps the name that was typed. At most
    one query.
    """
    chosen = {slot: typed.get("person") for slot, typed in holders.items() if typed.get("person")}
    numbers = [int(value) for value in chosen.values() if value != ME and value.isdecimal()]
    children = {}
    if numbers:
        children = dict(links.choosable(buyer).filter(pk__in=numbers).values_list("pk", "child_id"))
    found = {slot: buyer.pk if value == ME else children.get(int(value)) for slot, value in chosen.items()}
    return {slot: contact_id for slot, contact_id in found.items() if contact_id}


def problems(whole: Contents, buyer: Contact, whom: dict[str, int]) -> list[str]:
    """What would be too much for one person, in sentences: a maximum counts whom a ticket is for.

    A ticket for nobody in particular counts for the buyer, earlier orders count too. Sure only while the
    caller's transaction keeps other orders for these people waiting. At most three queries.
    """
    limited = [line for line in whole.lines if contents_of(line).max_per_person]
    if not limited:
        return []
    others = set(whom.values()) - {buyer.pk}
    known = {buyer.pk, *_connected(buyer, others)}
    found = []
    for line_group in _by_thing(limited):
        thing = contents_of(line_group[0])
        per_unit = line_group[0].offer.tariff.tickets_per_unit if line_group[0].offer else 1
        wanted = Counter(whom.get(slot, buyer.pk) for line in line_group for slot in line.slots)
        had = _had(buyer, others, known, line_group[0])
        too_many = [
            person
            for person, count in wanted.items()
            if math.ceil((count + had.get(person, 0)) / per_unit) > thing.max_per_person
        ]
        if buyer.pk in too_many:
            found.append(_too_many_for_buyer(thing, math.ceil(had.get(buyer.pk, 0) / per_unit)))
        elif too_many:
            found.append(_too_many_for_another(thing))
    return found


def _too_many_for_buyer(thing, had: int) -> str:
    return _(
        "“%(name)s”: at most %(most)d per person, and %(had)d ordered before. Lower the number to go on."
    ) % {"name": thing.name, "most": thing.max_per_person, "had": had}


def _too_many_for_another(thing) -> str:
    """How many somebody else has already is not the buyer's to know."""
    return _(
        "“%(name)s”: at most %(most)d per person, also for somebody you choose. Choose another person or lower the number to go on."
    ) % {"name": thing.name, "most": thing.max_per_person}


def contents_of(line: CartLine):
    """The tariff or the season pass of a cart line."""
    return line.offer.tariff if line.offer else line.season_pass


def _by_thing(lines: list[CartLine]) -> list[list[CartLine]]:
    groups: dict[object, list[CartLine]] = {}
    for line in lines:
        groups.setdefault(contents_of(line), []).append(line)
    return list(groups.values())


def _connected(buyer: Contact, others: set[int]) -> set[int]:
    """Those of the others whose link is active; whoever has not agreed yet tells nothing, not even by a refusal."""
    if not others:
        return set()
    active = ContactLink.objects.filter(parent=buyer, child__in=others, status=ContactLink.Status.ACTIVE)
    return set(active.values_list("child", flat=True))


def _had(buyer: Contact, others: set[int], known: set[int], line: CartLine) -> dict[int, int]:
    """Contact id -> tickets or passes of this kind they have already, cancelled ones aside.

    Of people who are not ``known`` only what this buyer ordered for them counts.
    """
    if line.offer:
        rows = Ticket.objects.filter(line__offer__tariff=line.offer.tariff_id)
    else:
        rows = IssuedPass.objects.filter(season_pass=line.season_pass_id)
    theirs = Q(beneficiary__in=known) | NOBODY_ELSES & Q(order__buyer__in=known)
    if others - known:
        theirs |= Q(beneficiary__in=others - known, order__buyer=buyer)
    counted: Counter = Counter()
    mine = rows.exclude(state=Admission.State.CANCELLED).filter(theirs)
    for beneficiary, bought_by, number in mine.values_list("beneficiary", "order__buyer").annotate(
        number=Count("pk")
    ):
        counted[beneficiary or bought_by] += number
    return dict(counted)
