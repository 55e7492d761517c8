"""For whom the tickets of a cart are, and how many tickets or passes of a kind one person may have."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from contacts import links
from contacts.models import Contact, ContactLink
from ticketshop.catalogue.models import Session
from ticketshop.lib.text import number_in

from ..access import NOBODY_ELSES
from ..cart.contents import Contents, per_unit
from ..models import Admission, CartLine, IssuedPass, Ticket

# What is posted for a ticket that is for the buyer; for others it is the id of their link.
ME = "me"


def beneficiaries(buyer: Contact, holders: dict) -> dict[str, int]:
    """Slot -> contact id, for the slots somebody was chosen for.

    A link that ended since it was chosen gives nobody: the ticket keeps the name that was typed. At most
    one query.
    """
    chosen = {slot: typed.get("person") for slot, typed in holders.items() if typed.get("person")}
    links_chosen = {slot: number_in(value, digits=18) for slot, value in chosen.items() if value != ME}
    numbers = {pk for pk in links_chosen.values() if pk is not None}
    children = {}
    if numbers:
        children = dict(links.choosable(buyer).filter(pk__in=numbers).values_list("pk", "child_id"))
    found = {
        slot: buyer.pk if value == ME else children.get(links_chosen[slot]) for slot, value in chosen.items()
    }
    return {slot: contact_id for slot, contact_id in found.items() if contact_id}


@dataclass(frozen=True)
class TooMany:
    """More of a tariff or pass for one person than one may have: ``slots`` are those that are too many.

    ``person``: contact id; ``had``: how many the buyer has already, None for another person.
    """

    thing: object
    person: int | None
    slots: list[str]
    had: int | None

    @property
    def sentence(self) -> str:
        """For a page that shows no single ticket. How many somebody else has already is not the buyer's to know."""
        names = {"name": self.thing.name, "most": self.thing.max_per_person, "had": self.had}
        if self.had is None:
            return (
                _(
                    "“%(name)s”: at most %(most)d per person, also for somebody you choose. Choose another person or lower the number to go on."
                )
                % names
            )
        return (
            _(
                "“%(name)s”: at most %(most)d per person, and %(had)d ordered before. Lower the number to go on."
            )
            % names
        )

    def at_ticket(self, *, others: bool) -> str:
        """For the ticket that is too many; ``others``: whether another person could be chosen for it."""
        names = {"name": self.thing.name, "most": self.thing.max_per_person, "had": self.had}
        if self.had:
            text = _("“%(name)s”: at most %(most)d per person, and you have %(had)d already.")
        elif self.had == 0:
            text = _(
                "“%(name)s”: at most %(most)d per person. Tickets for nobody in particular count as yours."
            )
        else:
            text = _("“%(name)s”: at most %(most)d for this person.")
        onward = (
            _("Choose another person, or remove this ticket.")
            if others
            else _("Remove this ticket to go on.")
        )
        return f"{text % names} {onward}"


def problems(whole: Contents, buyer: Contact, whom: dict[str, int]) -> list[str]:
    """What would be too much for one person, in sentences, one for each thing: see ``too_many``.

    Sure only while the caller's transaction keeps other orders for these people waiting.
    """
    found: dict[object, TooMany] = {}
    for one in too_many(whole, buyer, whom):
        if one.thing not in found or one.had is not None:
            found[one.thing] = one
    return [one.sentence for one in found.values()]


def too_many(whole: Contents, buyer: Contact | None, whom: dict[str, int]) -> list[TooMany]:
    """What is too much for one person: a maximum counts whom a ticket is for.

    A ticket for nobody in particular counts for the buyer, earlier orders count too. ``buyer`` is None for a guest who
    is not known yet: then only this cart counts. At most three queries.
    """
    limited = [line for line in whole.lines if line.product.settings.max_per_person]
    if not limited:
        return []
    me = buyer.pk if buyer else None
    others = set(whom.values()) - {me}
    known = {me, *_connected(buyer, others)} if buyer else set()
    found = []
    for line_group in _by_thing(limited):
        thing = line_group[0].product.settings
        units = per_unit(line_group[0])
        slots: dict[int | None, list[str]] = {}
        for line in line_group:
            for slot in line.slots:
                slots.setdefault(whom.get(slot, me), []).append(slot)
        had = _had(buyer, others, known, line_group[0]) if buyer else {}
        for person, theirs in slots.items():
            before = had.get(person, 0)
            if math.ceil((len(theirs) + before) / units) > thing.max_per_person:
                left = max(0, thing.max_per_person * units - before)
                own = math.ceil(before / units) if person == me else None
                found.append(TooMany(thing, person, theirs[left:], own))
    return found


def _by_thing(lines: list[CartLine]) -> list[list[CartLine]]:
    groups: dict[object, list[CartLine]] = {}
    for line in lines:
        groups.setdefault(line.product.settings, []).append(line)
    return list(groups.values())


def _connected(buyer: Contact, others: set[int]) -> set[int]:
    """Those of the others whose link is active; whoever has not agreed yet tells nothing, not even by a refusal."""
    if not others:
        return set()
    active = ContactLink.objects.filter(parent=buyer, child__in=others, status=ContactLink.Status.ACTIVE)
    return set(active.values_list("child", flat=True))


def _had(buyer: Contact, others: set[int], known: set[int], line: CartLine) -> dict[int, int]:
    """Contact id -> tickets or passes of this kind they have already, without those that are cancelled or whose date is."""
    if line.offer:
        rows = Ticket.objects.filter(line__offer__tariff=line.offer.tariff_id).exclude(
            session__state=Session.State.CANCELLED
        )
    else:
        rows = IssuedPass.objects.filter(season_pass=line.season_pass_id)
    counted: Counter = Counter()
    for beneficiary, bought_by, number in (
        _of_people(rows, buyer, others, known)
        .values_list("beneficiary", "order__buyer")
        .annotate(number=Count("pk"))
    ):
        counted[beneficiary or bought_by] += number
    return dict(counted)


def _of_people(rows: QuerySet, buyer: Contact, others: set[int], known: set[int]) -> QuerySet:
    """The tickets or passes of these people. Of those who are not ``known`` only what this buyer ordered for them."""
    theirs = Q(beneficiary__in=known) | NOBODY_ELSES & Q(order__buyer__in=known)
    if others - known:
        theirs |= Q(beneficiary__in=others - known, order__buyer=buyer)
    return rows.exclude(state=Admission.State.CANCELLED).filter(theirs)


def had(buyer: Contact, values: Iterable[str], tariffs: Iterable[int]) -> dict[tuple[str, int], int]:
    """(person's value, tariff id) -> tickets they have already, of tariffs with a maximum per person.

    Three queries; none where no tariff is given.
    """
    if not (wanted := list(tariffs)):
        return {}
    holders = {value: {"person": value} for value in values}
    contacts = beneficiaries(buyer, holders)
    others = set(contacts.values()) - {buyer.pk}
    known = {buyer.pk, *_connected(buyer, others)}
    rows = _of_people(Ticket.objects.filter(line__offer__tariff__in=wanted), buyer, others, known)
    counted: Counter = Counter()
    grouped = rows.values_list("beneficiary", "order__buyer", "line__offer__tariff")
    for beneficiary, bought_by, tariff, number in grouped.annotate(number=Count("pk")):
        counted[beneficiary or bought_by, tariff] += number
    return {
        (value, tariff): counted[contact, tariff] for value, contact in contacts.items() for tariff in wanted
    }
