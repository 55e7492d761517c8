"""The beneficiaries of a cart's tickets, and the maximum number of tickets or passes per person."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from contacts.linking import links
from contacts.models import Contact, ContactLink
from ticketshop.catalogue.models import Session
from ticketshop.lib.values.text import number_in

from ..access import WITHOUT_BENEFICIARY
from ..cart.contents import Contents, per_unit
from ..models import Admission, CartLine, IssuedPass, Ticket

# The posted value for a ticket for the buyer; for other people it is the id of their link.
ME = "me"


def find_beneficiaries(buyer: Contact, holders: dict) -> dict[str, int]:
    """Return slot -> contact id, for the slots with a chosen person.

    A person whose link has ended since is left out: the ticket keeps the typed name. At most one query.
    """
    chosen = {slot: typed.get("person") for slot, typed in holders.items() if typed.get("person")}
    links_chosen = {slot: number_in(value, digits=18) for slot, value in chosen.items() if value != ME}
    numbers = {pk for pk in links_chosen.values() if pk is not None}
    children = {}
    if numbers:
        children = dict(links.choosable(buyer).filter(pk__in=numbers).values_list("pk", "child_id"))
    contact_ids = {
        slot: buyer.pk if value == ME else children.get(links_chosen[slot]) for slot, value in chosen.items()
    }
    return {slot: contact_id for slot, contact_id in contact_ids.items() if contact_id}


@dataclass(frozen=True)
class TooMany:
    """Too many tickets of a tariff, or passes, for one person. ``settings``: the tariff or season pass;
    ``slots``: the superfluous ones.

    ``person``: contact id; ``had``: how many the buyer has already, None for another person.
    """

    settings: object
    person: int | None
    slots: list[str]
    had: int | None

    @property
    def sentence(self) -> str:
        """Return a sentence for a page that shows no single ticket.

        It does not contain how many another person has already: the buyer must not learn that.
        """
        names = {"name": self.settings.name, "most": self.settings.max_per_person, "had": self.had}
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
        """Return a sentence for the superfluous ticket. ``others``: whether another person could be chosen for it."""
        names = {"name": self.settings.name, "most": self.settings.max_per_person, "had": self.had}
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


def problems(cart_contents: Contents, buyer: Contact | None, beneficiaries: dict[str, int]) -> list[str]:
    """Return a sentence for each tariff or pass that is too many for one person; see ``too_many``.

    The result is reliable only while the caller's transaction locks the contacts, so that other orders for
    them wait.
    """
    by_settings: dict[object, TooMany] = {}
    for exceeded in too_many(cart_contents, buyer, beneficiaries):
        if exceeded.settings not in by_settings or exceeded.had is not None:
            by_settings[exceeded.settings] = exceeded
    return [exceeded.sentence for exceeded in by_settings.values()]


def too_many(cart_contents: Contents, buyer: Contact | None, beneficiaries: dict[str, int]) -> list[TooMany]:
    """Return the lines with too many tickets or passes for one beneficiary, earlier orders included.

    A ticket without a beneficiary counts for the buyer. ``buyer`` is None, or not inserted yet, for a guest without a
    contact: then only this cart counts. At most three queries.
    """
    limited = [line for line in cart_contents.lines if line.product.settings.max_per_person]
    if not limited:
        return []
    if buyer is not None and buyer.pk is None:
        buyer = None
    me = buyer.pk if buyer else None
    others = set(beneficiaries.values()) - {me}
    known = {me, *_connected(buyer, others)} if buyer else set()
    exceeded = []
    for lines in _by_settings(limited):
        settings = lines[0].product.settings
        units = per_unit(lines[0])
        slots: dict[int | None, list[str]] = {}
        for line in lines:
            for slot in line.slots:
                slots.setdefault(beneficiaries.get(slot, me), []).append(slot)
        had = _had(buyer, others, known, lines[0]) if buyer else {}
        for person, theirs in slots.items():
            before = had.get(person, 0)
            if math.ceil((len(theirs) + before) / units) > settings.max_per_person:
                left = max(0, settings.max_per_person * units - before)
                own = math.ceil(before / units) if person == me else None
                exceeded.append(TooMany(settings, person, theirs[left:], own))
    return exceeded


def _by_settings(lines: list[CartLine]) -> list[list[CartLine]]:
    groups: dict[object, list[CartLine]] = {}
    for line in lines:
        groups.setdefault(line.product.settings, []).append(line)
    return list(groups.values())


def _connected(buyer: Contact, others: set[int]) -> set[int]:
    """Return those of the others whose link from the buyer is active.

    People who have not accepted the link stay out, so that not even a refusal reveals what they have.
    """
    if not others:
        return set()
    active = ContactLink.objects.filter(parent=buyer, child__in=others, status=ContactLink.Status.ACTIVE)
    return set(active.values_list("child", flat=True))


def _had(buyer: Contact, others: set[int], known: set[int], line: CartLine) -> dict[int, int]:
    """Return contact id -> tickets or passes of this kind, without cancelled ones and those of cancelled dates."""
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
    """Return the tickets or passes of these people; of those who are not ``known``, only the ones this buyer ordered."""
    theirs = Q(beneficiary__in=known) | WITHOUT_BENEFICIARY & Q(order__buyer__in=known)
    if others - known:
        theirs |= Q(beneficiary__in=others - known, order__buyer=buyer)
    return rows.exclude(state=Admission.State.CANCELLED).filter(theirs)


def had(buyer: Contact, values: Iterable[str], tariffs: Iterable[int]) -> dict[tuple[str, int], int]:
    """Return (person's value, tariff id) -> number of tickets, for tariffs with a maximum per person.

    Three queries; none if no tariff is given.
    """
    if not (wanted := list(tariffs)):
        return {}
    holders = {value: {"person": value} for value in values}
    contacts = find_beneficiaries(buyer, holders)
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
