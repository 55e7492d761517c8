"""Helpers for friends and family: a shop with the function switched on, visitors, and adding people."""

from datetime import datetime

from django.utils import timezone

from contacts import contacts
from contacts.linking import adding
from contacts.models import Contact, ContactLink, LinkType
from tests.factories.accounts import UserFactory
from tests.factories.organisers import PointOfSaleFactory
from ticketshop.organisers.models import PointOfSale

BOB = ("Bob", "Miller", "bob@example.org")


def friendly_pos(**values) -> PointOfSale:
    """Return a shop with friends and family switched on."""
    return PointOfSaleFactory(friends_family_enabled=True, **values)


def make_visitor(pos: PointOfSale, first_name="Alice", last_name="Martin", **user) -> Contact:
    """Return the contact of a new log-in, created like at the first visit of the account."""
    user = UserFactory(**user)
    now = timezone.now()
    contact = contacts.for_user(pos.organiser, user, language="en", now=now)
    contacts.change(contact, {"first_name": first_name, "last_name": last_name}, by=user, now=now)
    return contact


def add(
    parent: Contact,
    pos: PointOfSale,
    person: tuple[str, str, str] | adding.Person = BOB,
    *,
    now: datetime | None = None,
    network: str = "192.0.2.1",
    language: str = "en",
    confirmed: bool = False,
) -> adding.Outcome:
    """Add a person as ``parent`` and return the outcome. ``person`` is first name, last name and e-mail address."""
    if not isinstance(person, adding.Person):
        person = adding.Person(*person)
    requester = adding.Requester(by=parent.user, pos=pos, network=network, language=language)
    return adding.add(parent, person, requester, now=now or timezone.now(), confirmed=confirmed)


def linked(parent: Contact, pos: PointOfSale, person=BOB, **how) -> ContactLink:
    """Like ``add``, for a person whose adding must succeed."""
    outcome = add(parent, pos, person, **how)
    assert outcome.code == adding.LINKED, outcome
    return outcome.link


def managing(parent: Contact, child: Contact) -> ContactLink:
    """Return an active link by which ``parent`` manages ``child``, an existing contact, as a second parent has it."""
    return ContactLink.objects.create(
        organiser=parent.organiser,
        parent=parent,
        child=child,
        type=LinkType.objects.get(code=LinkType.FRIENDS_FAMILY),
        status=ContactLink.Status.ACTIVE,
        permission_parent=ContactLink.Permission.MANAGE,
        entered_first_name=child.first_name,
        entered_last_name=child.last_name,
        origin=ContactLink.Origin.BACK_OFFICE,
        started_at=timezone.now(),
    )
