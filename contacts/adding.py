"""Connecting somebody to a contact: normalise -> throttle -> find -> compare -> create or link -> queue mail.

The one function for shop, back office and import. It returns an outcome; only a page turns it into words.
What it does for a stranger and for a known person takes the same statements, so that neither the answer
nor its time tells them apart.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction

from ticketshop.history import history
from ticketshop.lib.text import normalise_email, normalise_line
from ticketshop.limits import limits
from ticketshop.organisers.models import PointOfSale

from . import contacts, link_mail, locking, names
from .models import Contact, ContactLink, LinkRequest, LinkType

logger = logging.getLogger("ticketshop.links")

LINKED, SAME_CHILD, MISMATCH, OWN_ADDRESS, ALREADY, FULL, TRY_LATER, UNVERIFIED = (
    "linked", "same_child", "mismatch", "own_address", "already", "full", "try_later", "unverified",
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody as typed: an address, or ``no_email`` with a date of birth."""

    first_name: str
    last_name: str
    email: str = ""
    no_email: bool = False
    birth_date: date | None = None


@dataclass(frozen=True)
class Asked:
    """Who asks, and from where: ``network`` as ``ticketshop.lib.network`` gives it, ``language`` of their page."""

    by: object
    pos: PointOfSale
    network: str
    language: str


@dataclass(frozen=True)
class Outcome:
    """One of the codes above; ``link`` with LINKED and ALREADY."""

    code: str
    link: ContactLink | None = None


def add(parent: Contact, person: Person, asked: Asked, *, now: datetime, confirmed: bool = False) -> Outcome:
    """Connect ``person`` to ``parent`` as a friend or relative.

    ``confirmed``: the visitor was warned that the same child is in the list already. Nothing is created
    and nothing sent with any outcome but LINKED.
    """
    person = _normalised(person)
    refused = _refused_before_any_look_up(parent, person, asked, now)
    if refused is not None:
        return refused
    try:
        with transaction.atomic():
            return _add(parent, person, asked, now, confirmed)
    except IntegrityError as error:
        if "link_once" not in str(error):
            raise
        return Outcome(ALREADY)


def _normalised(person: Person) -> Person:
    email = "" if person.no_email else person.email.strip()
    return Person(
        normalise_line(person.first_name),
        normalise_line(person.last_name),
        email,
        person.no_email,
        person.birth_date,
    )


def _refused_before_any_look_up(
    parent: Contact, person: Person, asked: Asked, now: datetime
) -> Outcome | None:
    if parent.email_verified_at is None or parent.blocked_at is not None:
        return Outcome(UNVERIFIED)
    key = normalise_email(person.email)
    if key and key == parent.email_key:
        return Outcome(OWN_ADDRESS)
    organiser, who = asked.pos.organiser, f"contact:{parent.pk}"
    within = [
        limits.hit("link_add_hour", who, now, count=organiser.link_adds_per_hour),
        limits.hit("link_add_day", who, now, count=organiser.link_adds_per_day),
        limits.hit("link_network", asked.network, now),
    ]
    tried = [
        limits.reached("link_mismatch", one, now, count=organiser.link_mismatches_per_hour)
        for one in _mismatch_keys(parent, key, asked)
    ]
    if not all(within) or any(tried):
        logger.warning("friends and family: too many tries by contact=%s", parent.pk)
        history.record(parent, "link_throttled", by=asked.by, now=now)
        return Outcome(TRY_LATER)
    return None


def _mismatch_keys(parent: Contact, key: str, asked: Asked) -> list[str]:
    return [
        f"contact:{parent.pk}",
        f"network:{asked.network}",
        f"address:{parent.organiser_id}:{link_mail.canonical(key)}",
    ]


def _add(parent: Contact, person: Person, asked: Asked, now: datetime, confirmed: bool) -> Outcome:
    parent = locking.hold(parent.pk)
    open_links = list(
        ContactLink.objects.filter(parent=parent, status__in=ContactLink.OPEN).select_related("child")
    )
    if len(open_links) >= asked.pos.friends_family_max:
        return Outcome(FULL)
    if person.no_email:
        return _add_without_address(parent, person, open_links, asked, now, confirmed)
    key = normalise_email(person.email)
    contacts.lock_address(parent.organiser_id, key)
    known = list(Contact.objects.filter(organiser=parent.organiser_id, email_key=key).order_by("pk"))
    discreet = asked.pos.friends_family_mode == PointOfSale.FriendsFamilyMode.DISCREET
    already = _already(open_links, person, key)
    if already is not None:
        return Outcome(ALREADY, already)
    child = _the_one(known, person)
    if child is None and known and not discreet:
        for one in _mismatch_keys(parent, key, asked):
            limits.hit("link_mismatch", one, now)
        history.record(parent, "link_mismatch", by=asked.by, now=now)
        return Outcome(MISMATCH)
    if child is None and discreet:
        child = next((contact for contact in known if _is_a_person(contact)), None)
    return Outcome(LINKED, _connect(parent, person, child, asked, now, discreet=discreet))


def _already(open_links: list[ContactLink], person: Person, key: str) -> ContactLink | None:
    """The link to this very person in the visitor's own list, told by what they typed before or by a matching name."""
    for link in open_links:
        same_address = key in {normalise_email(link.entered_email), link.child.email_key}
        if same_address and names.same_person(
            person.first_name, person.last_name, link.entered_first_name, link.entered_last_name
        ):
            return link
    return None


def _is_a_person(contact: Contact) -> bool:
    return contact.kind == Contact.Kind.INDIVIDUAL and contact.blocked_at is None


def _the_one(known: list[Contact], person: Person) -> Contact | None:
    """The one contact with the address whose name matches; None for none or several."""
    matching = [
        contact
        for contact in known
        if _is_a_person(contact)
        and names.same_person(person.first_name, person.last_name, contact.first_name, contact.last_name)
    ]
    return matching[0] if len(matching) == 1 else None


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
        purge_after=now.date() + timedelta(days=organiser.unclaimed_purge_days),
    )
    child = child or made
    mailable = link_mail.may_send(organiser, person.email, parent, now)
    waits = discreet or organiser.link_consent_required or mailable == link_mail.SUPPRESSED
    status = ContactLink.Status.PENDING if waits else ContactLink.Status.ACTIVE
    link = _write_link(parent, child, person, asked, now, status=status)
    LinkRequest.objects.create(
        link=link, new_contact=is_new, delivery_state="queued" if mailable == link_mail.YES else "suppressed"
    )
    link_mail.queue(link, asked, now, send=mailable == link_mail.YES)
    return link


def _add_without_address(
    parent: Contact,
    person: Person,
    open_links: list[ContactLink],
    asked: Asked,
    now: datetime,
    confirmed: bool,
) -> Outcome:
    for link in open_links:
        same_name = names.same_person(
            person.first_name, person.last_name, link.child.first_name, link.child.last_name
        )
        if same_name and link.child.birth_date == person.birth_date and not confirmed:
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
