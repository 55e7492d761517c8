"""Whom a ticket is for: the buyer, somebody they connected to their profile, or somebody else."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from django.db.models import Count, Q, QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts import links
from contacts.models import Contact, ContactLink
from registration_forms.field_types import address
from ticketshop.catalogue.models import Session
from ticketshop.lib.phones import readable_phone
from ticketshop.lib.text import fold, number_in, readable_email

from ..access import NOBODY_ELSES
from ..cart.contents import Contents, per_unit
from ..models import Admission, CartLine, IssuedPass, Ticket

ME = "me"


@dataclass(frozen=True)
class Person:
    """One choice at the checkout: ``value`` is what is posted; the rest is what the buyer may know.

    ``known``: known field of a form -> the text that stands in it, such as "birth_date" -> "2018-05-01".
    """

    value: str
    label: str
    first_name: str
    last_name: str
    birth_date: date | None
    known: dict[str, str] = field(default_factory=dict, compare=False)


def of(contact: Contact, pos) -> list[Person]:
    """The buyer and the people they may choose for tickets; empty where the function is off. One query."""
    if not pos.friends_family_enabled:
        return []
    found = list(links.choosable(contact))
    people = [me(contact), *(_of_link(link) for link in found)]
    return _told_apart(people, [contact, *found])


def me(contact: Contact) -> Person:
    """The buyer, with what they told of themselves."""
    known = {
        "birth_date": contact.birth_date.isoformat() if contact.birth_date else "",
        "phone": readable_phone(contact.phone) if contact.phone else "",
        "email": readable_email(contact.email or ""),
        "company": contact.company,
        "address": address.joined([getattr(contact, part) for part in address.PARTS]),
    }
    return Person(
        ME,
        _("Me – %(name)s") % {"name": contact.full_name or contact.email},
        contact.first_name,
        contact.last_name,
        contact.birth_date,
        {ref: text for ref, text in known.items() if text},
    )


def as_typed(person: Person, buyer: dict, answers: dict[str, str]) -> Person:
    """The buyer as they are on the page: the names typed there, and answers to known fields of the order's forms."""
    names = {name: buyer.get(name, "").strip() for name in ("first_name", "last_name")}
    if any(names.values()) and names != {name: getattr(person, name) for name in names}:
        label = _("Me – %(name)s") % {"name": " ".join(filter(None, names.values()))}
        person = replace(person, label=label, **names)
    return replace(person, known={**person.known, **answers})


def _of_link(link: ContactLink) -> Person:
    born = links.seen_by_parent(link).birth_date
    known = {"birth_date": born.isoformat()} if born else {}
    if email := links.seen_by_parent(link).email:
        known["email"] = readable_email(email)
    return Person(
        str(link.pk), link.entered_name, link.entered_first_name, link.entered_last_name, born, known
    )


def _told_apart(people: list[Person], rows: Iterable[Contact | ContactLink]) -> list[Person]:
    """Those of one name with what tells them apart: when they were born, the address that was typed, or since when."""
    by_name: dict[str, list[tuple[Person, Contact | ContactLink]]] = {}
    for person, row in zip(people, rows, strict=True):
        by_name.setdefault(fold(f"{person.first_name} {person.last_name}"), []).append((person, row))
    marks: dict[str, str] = {}
    for alike in by_name.values():
        if len(alike) > 1:
            years = Counter(person.birth_date.year for person, _row in alike if person.birth_date)
            marks |= {person.value: _mark(person, row, years) for person, row in alike}
    return [
        replace(one, label=_("%(name)s (%(more)s)") % {"name": one.label, "more": marks[one.value]})
        if marks.get(one.value)
        else one
        for one in people
    ]


def _mark(person: Person, row: Contact | ContactLink, years: Counter) -> str:
    if person.birth_date:
        born = person.birth_date
        if years[born.year] == 1:
            return _("born in %(year)d") % {"year": born.year}
        return _("born on %(day)s") % {"day": date_format(born, "DATE_FORMAT")}
    if isinstance(row, Contact):
        return ""
    if email := links.seen_by_parent(row).email:
        return email
    return _("added on %(day)s") % {"day": date_format(localtime(row.started_at), "DATE_FORMAT")}


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
    limited = [line for line in whole.lines if contents_of(line).max_per_person]
    if not limited:
        return []
    me = buyer.pk if buyer else None
    others = set(whom.values()) - {me}
    known = {me, *_connected(buyer, others)} if buyer else set()
    found = []
    for line_group in _by_thing(limited):
        thing = contents_of(line_group[0])
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
