"""Earlier e-mail addresses of a person: their mails and requests are erased with the person."""

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from contacts import contacts
from privacy.declarations import subjects
from privacy.erasure import erasing
from privacy.models import MailboxProof
from privacy.requests import requests
from tests.factories.accounts import UserFactory
from tests.factories.sales import make_cart
from tests.friends import friendly_pos, make_visitor
from tests.privacy.scanner import Needles, Token, scan_database
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S19", "S24")]
OLD, NEW = "vera.old@zweig.example", "vera@zweig.example"


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def vera(pos):
    """Corrected by staff: mails went to the old address, and a link to her data was asked for from there."""
    made = make_visitor(pos, "Vera", "Zweig", email=NEW)
    contacts.change(made, {"email": OLD}, by=None, now=timezone.now())
    outbox.queue(
        "link_known", to=OLD, language="en", now=timezone.now(), pos=pos, subject_uuid=made.subject_uuid
    )
    requests.send_link(OLD, pos=pos, language="en", now=timezone.now())
    requests.new_proof(pos.organiser, OLD, timezone.now())
    make_cart(pos=pos, buyer={"first_name": "Vera", "last_name": "Zweig", "email": OLD})
    contacts.change(made, {"email": NEW}, by=None, now=timezone.now())
    EmailAddress.objects.create(user=made.user, email="vera.third@zweig.example", verified=True)
    made.refresh_from_db()
    return made


def traces_of(*addresses: str) -> set:
    return {hit.place for hit in scan_database(Needles(Token(one, one, "email") for one in addresses))}


def test_earlier_addresses_are_found_by_mails(vera):
    assert set(subjects.subject_of(vera).addresses) == {NEW, OLD, "vera.third@zweig.example"}


def test_nothing_is_left_of_earlier_addresses(vera):
    assert {"mail_mail.recipient", "privacy_mailboxproof.address", "sales_cart.details"} <= traces_of(OLD)
    assert erasing.erase(vera, by=None, now=timezone.now()).state == "closed"
    assert traces_of(OLD, NEW, "vera.third@zweig.example") == set()


@pytest.mark.parametrize("whose", ["a contact", "a log-in"])
def test_earlier_address_of_another_person_today_is_not_erased(vera, pos, whose):
    if whose == "a contact":
        contacts.create(
            organiser=pos.organiser,
            via="back_office",
            now=timezone.now(),
            first_name="W",
            last_name="Alike",
            email=OLD,
        )
    else:
        UserFactory(email=OLD)
    assert OLD not in subjects.subject_of(vera).addresses
    erasing.erase(vera, by=None, now=timezone.now())
    assert MailboxProof.objects.filter(address=OLD).exists()
    assert Mail.objects.get(kind="data_link").recipient == OLD
    assert not Mail.objects.filter(kind="link_known", recipient=OLD).exists(), (
        "what was written to her is hers"
    )


def test_person_with_one_address_takes_at_most_one_query_more(pos, django_assert_num_queries):
    contact = make_visitor(pos, "Vera", "Zweig", email=NEW)
    contact.user  # noqa: B018 -- read before
    with django_assert_num_queries(3):
        subjects.subject_of(contact)
