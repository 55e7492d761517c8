"""Connect a person to a contact, as a visitor does in friends and family.

``add`` normalises what was typed, checks the limits, looks for a contact with the e-mail address, compares the names,
creates the contact or takes the existing one, links the two and queues a mail. It returns an outcome code; a page turns
it into a message. An unknown person and a known one take the same SQL statements, so that neither the answer nor its
duration shows which of them it was.

Locks are always taken in this order: the visitor's contact, the network, the mailbox, the e-mail address, then the
contacts by primary key.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from contacts import contacts, locking, names
from contacts.models import Contact, ContactLink, LinkRequest, LinkType
from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.values.text import normalise_email, normalise_line
from ticketshop.limits import limits
from ticketshop.organisers.models import PointOfSale

from . import link_mail

logger = logging.getLogger("ticketshop.links")

LINKED, SAME_CHILD, MISMATCH, OWN_ADDRESS, ALREADY, FULL, TRY_LATER, UNVERIFIED, BLOCKED = (
    "linked", "same_child", "mismatch", "own_address", "already", "full", "try_later", "unverified", "blocked",
)  # fmt: skip


OWN_LIMIT, SHARED_LIMIT = "own", "shared"
# Many people share a network, such as that of a school, a theatre or a mobile carrier: its limit is so much higher.
NETWORK_FACTOR = 10


@dataclass(frozen=True)
class Person:
    """A person as a visitor typed them: with an e-mail address, or with ``no_email`` and perhaps a date of birth."""

    first_name: str
    last_name: str
    email: str = ""
    no_email: bool = False
    birth_date: date | None = None

    @property
    def key(self) -> str:
        """The e-mail address in the form in which addresses are compared; empty without one."""
        return normalise_email(self.email)


@dataclass(frozen=True)
class Requester:
    """The user who adds a person, and the circumstances of the web request.

    ``network`` is the client's network as ``ticketshop.lib.web.network`` returns it; ``language`` the code of the page's
    language, such as "fr".
    """

    by: object
    pos: PointOfSale
    network: str
    language: str


@dataclass(frozen=True)
class Outcome:
    """The result of ``add``: ``code`` is one of the constants above.

    ``link`` is set with LINKED, ALREADY and SAME_CHILD. ``limit`` is set with TRY_LATER: OWN_LIMIT if the visitor has
    reached their own limit, SHARED_LIMIT if it is that of a network or of an e-mail address, which other people use too.
    """

    code: str
    link: ContactLink | None = None
    limit: str = ""


def add(
    parent: Contact, person: Person, requester: Requester, *, now: datetime, confirmed: bool = False
) -> Outcome:
    """Connect ``person`` to ``parent`` as a friend or relative, and return the outcome.

    Only with the outcome LINKED something is created and a mail queued. ``confirmed``: the visitor was warned that a
    person of the same name and date of birth is in the list already. Raises locking.Gone if the parent is being erased;
    a child that is being erased counts as unknown.
    """
    person = _normalised(person)
    if refusal := refusal_without_look_up(parent, person, requester):
        return refusal
    with transaction.atomic():
        if refusal := refusal_by_limit(parent, person, requester, now):
            return refusal
        if person.no_email:
            return _add_without_address(parent, person, requester, now, confirmed)
        return _add_with_address(parent, person, requester, now)


def refusal_without_look_up(parent: Contact, person: Person, requester: Requester) -> Outcome | None:
    """Return BLOCKED, OWN_ADDRESS or UNVERIFIED, which need no look-up of the person; None if the parent may go on."""
    if parent.blocked_at is not None:
        return Outcome(BLOCKED)
    if person.key and person.key in _own_addresses(parent, requester):
        return Outcome(OWN_ADDRESS)
    if parent.email_verified_at is None:
        return Outcome(UNVERIFIED)
    return None


def refusal_by_limit(parent: Contact, person: Person, requester: Requester, now: datetime) -> Outcome | None:
    """Return TRY_LATER if a limit is reached; else count this try and return None. Call within a transaction."""
    if limit := _limit_reached(parent, person, requester, now):
        logger.warning("link tries limited contact=%s limit=%s", parent.pk, limit)
        history.record(parent, "link_throttled", by=requester.by, now=now)
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


def _own_addresses(parent: Contact, requester: Requester) -> set[str]:
    """Return the visitor's own e-mail addresses: that of their contact, and that of their log-in."""
    logs_in = requester.by is not None and parent.user_id is not None and parent.user_id == requester.by.pk
    return {parent.email_key, normalise_email(requester.by.email) if logs_in else ""}


def _limit_reached(parent: Contact, person: Person, requester: Requester, now: datetime) -> str:
    """Return OWN_LIMIT or SHARED_LIMIT if a limit is reached; else count this try and return "".

    Call it before any look-up of the person. The locks let no other request count between the check and the count.
    """
    organiser, who = requester.pos.organiser, f"contact:{parent.pk}"
    limits.lock("link_add", who)
    limits.lock("link_add", requester.network)
    if person.key:
        link_mail.lock_mailbox(person.email)
    adds = [
        ("link_add_hour", who, organiser.link_adds_per_hour),
        ("link_add_day", who, organiser.link_adds_per_day),
        ("link_network", requester.network, None),
    ]
    tries = [*adds, *_mismatch_limits(parent, person, requester)]
    reached = [key for kind, key, count in tries if limits.reached(kind, key, now, count=count)]
    if reached:
        return OWN_LIMIT if who in reached else SHARED_LIMIT
    for kind, key, _count in adds:
        limits.note(kind, key, now)
    return ""


def _mismatch_limits(parent: Contact, person: Person, requester: Requester) -> list[tuple[str, str, int]]:
    """Return (kind, key, maximum) of the limits on names that do not match the e-mail address."""
    allowed = requester.pos.organiser.link_mismatches_per_hour
    network = f"network:{requester.network}"
    return [
        ("link_mismatch", key, allowed * NETWORK_FACTOR if key == network else allowed)
        for key in _mismatch_keys(parent, person, requester)
    ]


def _mismatch_keys(parent: Contact, person: Person, requester: Requester) -> list[str]:
    visitor = [f"contact:{parent.pk}", f"network:{requester.network}"]
    if not person.key:
        return visitor
    return [*visitor, f"address:{parent.organiser_id}:{link_mail.canonical(person.email)}"]


def _add_with_address(parent: Contact, person: Person, requester: Requester, now: datetime) -> Outcome:
    contacts.lock_address(parent.organiser_id, person.key)
    same_address = Contact.objects.filter(organiser=parent.organiser_id, email_key=person.key)
    ids = [parent.pk, *same_address.values_list("pk", flat=True)]
    locked = locking.lock_all(ids, needed=[parent.pk])
    parent = locked.pop(parent.pk)
    known = [contact for contact in locked.values() if contact.email_key == person.key]
    open_links = _open_links(parent)
    if len(open_links) >= requester.pos.friends_family_max:
        return Outcome(FULL)
    discreet = requester.pos.friends_family_mode == PointOfSale.FriendsFamilyMode.DISCREET
    if already := _existing_link(open_links, person, discreet=discreet):
        return Outcome(ALREADY, already)
    child = _only_matching(known, person)
    if child is None and known and not discreet:
        for key in _mismatch_keys(parent, person, requester):
            limits.note("link_mismatch", key, now)
        history.record(parent, "link_mismatch", by=requester.by, now=now)
        return Outcome(MISMATCH)
    if child is None and discreet:
        child = _contact_for_discreet_mode([contact for contact in known if _is_a_person(contact)])
    if already := next((link for link in open_links if child and link.child_id == child.pk), None):
        return Outcome(ALREADY, already)
    return Outcome(LINKED, _connect(parent, person, child, requester, now, discreet=discreet))


def _open_links(parent: Contact) -> list[ContactLink]:
    links = ContactLink.objects.filter(parent=parent, status__in=ContactLink.OPEN)
    return list(links.select_related("child").order_by("pk"))


def _existing_link(open_links: list[ContactLink], person: Person, *, discreet: bool) -> ContactLink | None:
    """Return the open link under which the visitor has typed this person before; else None.

    In the discreet mode the e-mail address alone decides: the answer must not show whether the organiser knows a second
    name at this address.
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


def _only_matching(known: list[Contact], person: Person) -> Contact | None:
    """Return the only contact with the address whose name matches; None if there is none, or more than one."""
    matching = [
        contact
        for contact in known
        if _is_a_person(contact) and _same_name(person, contact.first_name, contact.last_name)
    ]
    return matching[0] if len(matching) == 1 else None


def _contact_for_discreet_mode(people: list[Contact]) -> Contact | None:
    """Return the contact that the discreet mode asks where no name matches.

    It is the only contact of the mailbox, else the only one with a log-in. None if that is ambiguous: then a new contact
    is made with the name as typed.
    """
    if len(people) > 1:
        people = [contact for contact in people if contact.user_id is not None]
    return people[0] if len(people) == 1 else None


def _connect(
    parent: Contact,
    person: Person,
    child: Contact | None,
    requester: Requester,
    now: datetime,
    *,
    discreet: bool,
) -> ContactLink:
    organiser = requester.pos.organiser
    is_new = child is None
    # Run for a known child too, so that the duration does not show whether the child is known.
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
    declined_before = _declined_before(parent, child)
    mailable = link_mail.may_send(organiser, person.email, parent, now)
    is_pending = (
        discreet or organiser.link_consent_required or declined_before or mailable == link_mail.SUPPRESSED
    )
    status = ContactLink.Status.PENDING if is_pending else ContactLink.Status.ACTIVE
    link = _write_link(parent, child, person, requester, now, status=status)
    delivery = LinkRequest.Delivery.QUEUED if mailable == link_mail.YES else LinkRequest.Delivery.SUPPRESSED
    LinkRequest.objects.create(link=link, new_contact=is_new, delivery_state=delivery)
    link_mail.queue(link, requester, now, send=mailable == link_mail.YES)
    return link


def _declined_before(parent: Contact, child: Contact) -> bool:
    """Return whether the child declined the last link of this parent: a new one waits until the child agrees."""
    all_links = ContactLink.objects.filter(parent=parent, child=child).order_by("-pk")
    return all_links.values_list("status", flat=True).first() == ContactLink.Status.DECLINED


def _add_without_address(
    parent: Contact, person: Person, requester: Requester, now: datetime, confirmed: bool
) -> Outcome:
    parent = locking.lock(parent.pk)
    open_links = _open_links(parent)
    if len(open_links) >= requester.pos.friends_family_max:
        return Outcome(FULL)
    # Compared with what this parent typed only: else a visitor could find out the date of birth of another contact.
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
        organiser=requester.pos.organiser,
        via=Contact.CreatedVia.FRIENDS_FAMILY,
        now=now,
        by=requester.by,
        first_name=person.first_name,
        last_name=person.last_name,
        birth_date=person.birth_date,
    )
    link = _write_link(
        parent,
        child,
        person,
        requester,
        now,
        status=ContactLink.Status.ACTIVE,
        permission=ContactLink.Permission.MANAGE,
    )
    return Outcome(LINKED, link)


def _write_link(
    parent, child, person, requester, now, *, status, permission=ContactLink.Permission.ASSIGN
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
        origin_pos=requester.pos,
        created_by=requester.by,
        started_at=now,
    )
    record_on_both(link, "link_added", by=requester.by, now=now, status=status)
    return link


def record_on_both(link: ContactLink, action: str, *, by, now: datetime, **details) -> None:
    """Write a history record about a link on both of its contacts."""
    for contact_id in (link.parent_id, link.child_id):
        history.record(
            Contact(pk=contact_id, organiser_id=link.organiser_id),
            action,
            by=by,
            now=now,
            link=link.pk,
            **details,
        )
