"""The contact that an order belongs to: each rule of ``contacts.for_guest`` and ``for_user``."""

from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from tests.at_once import at_once, meet
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory
from tests.factories.sales import make_order
from ticketshop.history import history
from ticketshop.lib.database import writing

GRACE = {"email": "grace@example.org", "first_name": "Grace", "last_name": "Müller"}


def guest(organiser, **typed) -> Contact:
    """Return the contact, inserted as an order inserts it."""
    with transaction.atomic():
        now = timezone.now()
        contact = contacts.for_guest(organiser, language="en", now=now, **{**GRACE, **typed})
        if contact.pk is None:
            writing.insert([contact])
            writing.insert(contacts.records_of_new(contact, now=now))
        return contact


def columns(contact: Contact) -> dict:
    return Contact.objects.filter(pk=contact.pk).values().get()


@pytest.fixture
def organiser(db):
    return OrganiserFactory()


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"email": " Grace@Example.ORG "},
        {"first_name": "GRACE", "last_name": "mueller"},
        {"last_name": "Muller"},
        {"first_name": "Grace Brewster"},
        {"first_name": "Müller", "last_name": "Grace"},
    ],
)
def test_guest_with_a_known_address_and_matching_name_is_the_known_contact(organiser, typed):
    known = ContactFactory(organiser=organiser, phone="+41791234567", **GRACE)
    before = columns(known)
    assert guest(organiser, **typed) == known
    assert columns(known) == before, "nothing on it is overwritten"
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        {"last_name": "Hopper"},
        {"first_name": "Gracie"},
        {"email": "grace+tickets@example.org"},
        {"email": "gracé@example.org"},
    ],
)
def test_guest_with_another_name_or_address_is_a_new_contact(organiser, typed):
    known = ContactFactory(organiser=organiser, **GRACE)
    before = columns(known)
    new = guest(organiser, **typed)
    assert new != known
    assert columns(known) == before
    assert (new.created_via, new.user, new.claimed_at) == (Contact.CreatedVia.GUEST_ORDER, None, None)
    assert guest(organiser, **typed) == new, "and is known the next time"


def test_guest_is_never_a_contact_of_another_organiser(organiser):
    elsewhere = ContactFactory(**GRACE)
    assert guest(organiser) != elsewhere
    assert guest(elsewhere.organiser) == elsewhere


def test_guest_is_never_an_organisation(organiser):
    ContactFactory(organiser=organiser, kind=Contact.Kind.STRUCTURE, **GRACE)
    assert guest(organiser).kind == Contact.Kind.INDIVIDUAL


def test_guest_order_never_belongs_to_a_contact_with_a_log_in(organiser):
    pos = PointOfSaleFactory(organiser=organiser)
    user = UserFactory(email=GRACE["email"])
    claimed = ContactFactory(organiser=organiser, user=user, **GRACE | {"first_name": ""})
    before = columns(claimed)
    offer = OfferFactory(pos=pos)
    mine = make_order({offer: 1}, user=user, buyer=None)
    assert mine.buyer == claimed, "signed in, the order is the user's"
    before = columns(claimed)
    order = make_order({offer: 1}, buyer=dict(GRACE))
    assert order.buyer != claimed
    assert columns(claimed) == before
    assert list(claimed.orders.all()) == [mine]


def test_contact_of_a_user_is_created_once_on_first_use(organiser):
    user = UserFactory()
    unclaimed = ContactFactory(organiser=organiser, email=user.email)
    own = partial(contacts.for_user, organiser, user, language="fr", now=timezone.now())
    contact = own()
    assert contact != unclaimed, "what a guest left behind is joined by its own button"
    assert (contact.user, contact.email, contact.language) == (user, user.email, "fr")
    assert contact.claimed_at is not None
    assert own() == contact
    assert contacts.for_user(OrganiserFactory(), user, language="en", now=timezone.now()) != contact
    assert [event.action for event in history.of(contact)] == ["created"]


# --- at once ------------------------------------------------------------------------------------------


@pytest.fixture
def slowly(monkeypatch):
    """Let all threads wait for each other between finding and creating a contact. Return how many met, each time."""
    new, met = contacts._new, []

    def made(*arguments, **values):
        met.append(meet())
        return new(*arguments, **values)

    monkeypatch.setattr(contacts, "_new", made)
    return met


@pytest.mark.django_db(transaction=True)
def test_same_guest_twice_at_once_is_one_contact(slowly):
    organiser = OrganiserFactory()
    one, other = at_once(partial(guest, organiser), partial(guest, organiser, email="GRACE@example.org"))
    assert one == other
    assert Contact.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_same_guest_twice_at_once_is_two_contacts(slowly, monkeypatch):
    monkeypatch.setattr(contacts, "lock_address", lambda *address: None)
    organiser = OrganiserFactory()
    one, other = at_once(partial(guest, organiser), partial(guest, organiser))
    assert one != other, "the race above is a real one"


@pytest.mark.django_db(transaction=True)
def test_guests_with_different_addresses_do_not_wait_for_each_other(slowly):
    organiser = OrganiserFactory()
    one, other = at_once(partial(guest, organiser), partial(guest, organiser, email="ada@example.org"))
    assert one != other
    assert slowly == [2, 2]


@pytest.mark.django_db(transaction=True)
def test_contact_of_a_user_is_created_once_when_several_pages_open_at_once(slowly):
    organiser, user = OrganiserFactory(), UserFactory()
    own = partial(contacts.for_user, organiser, user, language="en", now=timezone.now())
    assert len(set(at_once(own, own, own))) == 1
    assert Contact.objects.get().user == user
    assert history.of(Contact.objects.get()).count() == 1
