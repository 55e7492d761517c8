"""Connecting somebody to a contact: normalise -> throttle -> find -> compare -> create or link -> queue mail.

The one function for shop, back office and import. It returns an outcome; only a page turns it into words.
What it does for a stranger and for a known person takes the same statements, so that neither the answer
nor its time tells them apart.

Locks, always in this order: the visitor, the network, the mailbox, the address, then the people by number.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from ticketshop.history import history
from ticketshop.lib import days
from ticketshop.lib.text import normalise_email, normalise_line
from ticketshop.limits import limits
from ticketshop.organisers.models import PointOfSale

from . import contacts, link_mail, locking, names
from .models import Contact, ContactLink, LinkRequest, LinkType

logger = logging.getLogger("ticketshop.links")

LINKED, SAME_CHILD, MISMATCH, OWN_ADDRESS, ALREADY, FULL, TRY_LATER, UNVERIFIED, BLOCKED = (
    "linked", "same_child", "mismatch", "own_address", "already", "full", "try_later", "unverified", "blocked",
)  # fmt: skip


OWN_LIMIT, SHARED_LIMIT = "own", "shared"
# A school, a theatre's Wi-Fi or a mobile carrier is one network.
NETWORK_FACTOR = 10


@dataclass(frozen=True)
class Person:
    """Somebody as typed: an address, or ``no_email`` with a date of birth."""

    first_name: str
    last_name: str
    email: str = ""
    no_email: bool = False
    birth_date: date | None = None

    @property
    def key(self) -> str:
        return normalise_email(self.email)


@dataclass(frozen=True)
class Asked:
    """Who asks, and from where: ``network`` as ``ticketshop.lib.network`` gives it, ``language`` of their page."""

    by: object
    pos: PointOfSale
    network: str
    language: str


@dataclass(frozen=True)
class Outcome:
    """One of the codes above; ``link`` with LINKED and ALREADY; ``limit`` with TRY_LATER: whose limit was reached.

    OWN_LIMIT: the visitor's. SHARED_LIMIT: that of a network or an e-mail address, to which others contribute.
    """

    code: str
    link: ContactLink | None = None
    limit: str = ""


def add(parent: Contact, person: Person, asked: Asked, *, now: datetime, confirmed: bool = False) -> Outcome:
    """Connect ``person`` to ``parent`` as a friend or relative.

    ``confirmed``: the visitor was warned that the same child is in the list already. Nothing is created
    and nothing sent with any outcome but LINKED. Raises locking.Gone when the parent is being erased; a child who is
    counts as unknown.
    """
    person = _normalised(person)
    if refused := refused_at_once(parent, person, asked):
        return refused
    with transaction.atomic():
        if refused := over_a_limit(parent, person, asked, now):
            return refused
        if person.no_email:
            return _add_without_address(parent, person, asked, now, confirmed)
        return _add_with_address(parent, person, asked, now)


def refused_at_once(parent: Contact, person: Person, asked: Asked) -> Outcome | None:
    """Refuse who may not add anybody, and their own address, without any look-up."""
    if parent.blocked_at is not None:
        return Outcome(BLOCKED)
    if person.key and person.key in _own_addresses(parent, asked):
        return Outcome(OWN_ADDRESS)
    if parent.email_verified_at is None:
        return Outcome(UNVERIFIED)
    return None


def over_a_limit(parent: Contact, person: Person, asked: Asked, now: datetime) -> Outcome | None:
    """Refuse a try beyond a limit; None where it may go on: then it is counted. Call within a transaction."""
    if limit := _limit_reached(parent, person, asked, now):
        logger.warning("friends and family: too many tries by contact=%s limit=%s", parent.pk, limit)
        history.record(parent, "link_throttled", by=asked.by, now=now)
        return Outcome(TRY_LATER, limit=limit)
    return None


def _normalised(person: Person) -> Person:
    email = "" if person.no_email else normalise_email(person.email)
    return Person(
        normalise_line(person.first_name),
        normalise_line(person.last_name),
        email,
        person.no_email,
        person.birth_date,
    )


def _own_addresses(parent: Contact, asked: Asked) -> set[str]:
    """Where the organiser writes to the visitor, and where they log in."""
    logs_in = asked.by is not None and parent.user_id is not None and parent.user_id == asked.by.pk
    return {parent.email_key, normalise_email(asked.by.email) if logs_in else ""}


def _limit_reached(parent: Contact, person: Person, asked: Asked, now: datetime) -> str:
    """Whose limit was reached, the visitor's or one that others share; empty where none was: then the try is counted.

    No look-up comes before this. The locks make looking and counting one, for as many connections as there are.
    """
    organiser, who = asked.pos.organiser, f"contact:{parent.pk}"
    limits.lock("link_add", who)
    limits.lock("link_add", asked.network)
    if person.key:
        link_mail.lock_mailbox(person.email)
    adds = [
        ("link_add_hour", who, organiser.link_adds_per_hour),
        ("link_add_day", who, organiser.link_adds_per_day),
        ("link_network", asked.network, None),
    ]
    tries = [*adds, *_mismatch_limits(parent, person, asked)]
    reached = [key for kind, key, count in tries if limits.reached(kind, key, now, count=count)]
    if reached:
        return OWN_LIMIT if who in reached else SHARED_LIMIT
    for kind, key, _count in adds:
        limits.note(kind, key, now)
    return ""


def _mismatch_limits(parent: Contact, person: Person, asked: Asked) -> list[tuple[str, str, int]]:
    """Kind, key and number of the limits on wrong names. Many people share a network: its number is much higher."""
    allowed = asked.pos.organiser.link_mismatches_per_hour
    network = f"network:{asked.network}"
    return [
        ("link_mismatch", key, allowed * NETWORK_FACTOR if key == network else allowed)
        for key in _mismatch_keys(parent, person, asked)
    ]


def _mismatch_keys(parent: Contact, person: Person, asked: Asked) -> list[str]:
    visitor = [f"contact:{parent.pk}", f"network:{asked.network}"]
    if not person.key:
        return visitor
    return [*visitor, f"address:{parent.organiser_id}:{link_mail.canonical(person.email)}"]


def _add_with_address(parent: Contact, person: Person, asked: Asked, now: datetime) -> Outcome:
    contacts.lock_address(parent.organiser_id, person.key)
    same_address = Contact.objects.filter(organiser=parent.organiser_id, email_key=person.key)
    ids = [parent.pk, *same_address.values_list("pk", flat=True)]
    held = locking.hold_all(ids, needed=[parent.pk])
    parent = held.pop(parent.pk)
    known = [contact for contact in held.values() if contact.email_key == person.key]
    open_links = _open_links(parent)
    if len(open_links) >= asked.pos.friends_family_max:
        return Outcome(FULL)
    discreet = asked.pos.friends_family_mode == PointOfSale.FriendsFamilyMode.DISCREET
    if already := _already(open_links, person, discreet=discreet):
        return Outcome(ALREADY, already)
    child = _the_one(known, person)
    if child is None and known and not discreet:
        for one in _mismatch_keys(parent, person, asked):
            limits.note("link_mismatch", one, now)
        history.record(parent, "link_mismatch", by=asked.by, now=now)
        return Outcome(MISMATCH)
    if child is None and discreet:
        child = _asked_whatever_the_name([contact for contact in known if _is_a_person(contact)])
    if already := next((link for link in open_links if child and link.child_id == child.pk), None):
        return Outcome(ALREADY, already)
    return Outcome(LINKED, _connect(parent, person, child, asked, now, discreet=discreet))


def _open_links(parent: Contact) -> list[ContactLink]:
    links = ContactLink.objects.filter(parent=parent, status__in=ContactLink.OPEN)
    return list(links.select_related("child").order_by("pk"))


def _already(open_links: list[ContactLink], person: Person, *, discreet: bool) -> ContactLink | None:
    """The link to this very person in the visitor's own list, told by what they typed before.

    Where the shop is discreet, by the address alone: whether a second name at an address is known there
    must not show.
    """
    for link in open_links:
        if person.key == link.entered_email and (
            discreet or _same_name(person, link.entered_first_name, link.entered_last_name)
        ):
            return link
    return None


def _same_name(person: Person, first_name: str, last_name: str) -> bool:
    return names.same_person(person.first_name, person.last_name, first_name, last_name)


def _is_a_person(contact: Contact) -> bool:
    return contact.kind == Contact.Kind.INDIVIDUAL and contact.blocked_at is None


def _the_one(known: list[Contact], person: Person) -> Contact | None:
    """The one contact with the address whose name matches; None for none or several."""
    matching = [
        contact
        for contact in known
        if _is_a_person(contact) and _same_name(person, contact.first_name, contact.last_name)
    ]
    return matching[0] if len(matching) == 1 else None


def _asked_whatever_the_name(people: list[Contact]) -> Contact | None:
    """Whom the discreet mode asks where no name matches: the only person of the mailbox, else its only log-in.

    Of several people without one nobody can tell who is meant: None, and the person as typed is somebody new.
    """
    if len(people) > 1:
        people = [contact for contact in people if contact.user_id is not None]
    return people[0] if len(people) == 1 else None


def _connect(
    parent: Contact, person: Person, child: Contact | None, asked: Asked, now: datetime, *, discreet: bool
) -> ContactLink:
    organiser = asked.pos.organiser
    is_new = child is None
    # The same statement either way: it inserts a row only where there was none.
    made = contacts.create_if(
        is_new,
        organiser=organiser,
        via=Contact.CreatedVia.FRIENDS_FAMILY,
        now=now,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        language="",
        purge_after=days.day_of(now, organiser.zone) + timedelta(days=organiser.unclaimed_purge_days),
    )
    child = child or made
    said_no = _said_no(parent, child)
    mailable = link_mail.may_send(organiser, person.email, parent, now)
    waits = discreet or organiser.link_consent_required or said_no or mailable == link_mail.SUPPRESSED
    status = ContactLink.Status.PENDING if waits else ContactLink.Status.ACTIVE
    link = _write_link(parent, child, person, asked, now, status=status)
    delivery = LinkRequest.Delivery.QUEUED if mailable == link_mail.YES else LinkRequest.Delivery.SUPPRESSED
    LinkRequest.objects.create(link=link, new_contact=is_new, delivery_state=delivery)
    link_mail.queue(link, asked, now, send=mailable == link_mail.YES)
    return link


def _said_no(parent: Contact, child: Contact) -> bool:
    """Whether the person declined this parent the last time: then they are not connected again without a yes."""
    all_links = ContactLink.objects.filter(parent=parent, child=child).order_by("-pk")
    return all_links.values_list("status", flat=True).first() == ContactLink.Status.DECLINED


def _add_without_address(
    parent: Contact, person: Person, asked: Asked, now: datetime, confirmed: bool
) -> Outcome:
    parent = locking.hold(parent.pk)
    open_links = _open_links(parent)
    if len(open_links) >= asked.pos.friends_family_max:
        return Outcome(FULL)
    # Only by what they typed: the birth date of anybody else is not the visitor's to guess.
    same = (
        link
        for link in open_links
        if link.typed_by_parent
        and not link.entered_email
        and _same_name(person, link.entered_first_name, link.entered_last_name)
        and link.entered_birth_date == person.birth_date
    )
    if not confirmed and (link := next(same, None)):
        return Outcome(SAME_CHILD, link)
    child = contacts.create(
        organiser=asked.pos.organiser,
        via=Contact.CreatedVia.FRIENDS_FAMILY,
        now=now,
        by=asked.by,
        first_name=person.first_name,
        last_name=person.last_name,
        birth_date=person.birth_date,
    )
    link = _write_link(
        parent,
        child,
        person,
        asked,
        now,
        status=ContactLink.Status.ACTIVE,
        permission=ContactLink.Permission.MANAGE,
    )
    return Outcome(LINKED, link)


def _write_link(
    parent, child, person, asked, now, *, status, permission=ContactLink.Permission.ASSIGN
) -> ContactLink:
    link = ContactLink.objects.create(
        organiser_id=parent.organiser_id,
        parent=parent,
        child=child,
        type=LinkType.objects.get(code=LinkType.FRIENDS_FAMILY),
        status=status,
        permission_parent=permission,
        entered_first_name=person.first_name,
        entered_last_name=person.last_name,
        entered_email=person.email,
        entered_birth_date=person.birth_date if person.no_email else None,
        origin=ContactLink.Origin.SHOP,
        origin_pos=asked.pos,
        created_by=asked.by,
        started_at=now,
    )
    record_on_both(link, "link_added", by=asked.by, now=now, status=status)
    return link


def record_on_both(link: ContactLink, action: str, *, by, now: datetime, **details) -> None:
    """Say on both contacts what happened to a link."""
    for contact_id in (link.parent_id, link.child_id):
        history.record(
            Contact(pk=contact_id, organiser_id=link.organiser_id),
            action,
            by=by,
            now=now,
            link=link.pk,
            **details,
        )
