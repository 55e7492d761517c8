"""The contacts that a proved e-mail address covers."""

import pytest

from contacts import mailbox
from tests.factories.accounts import UserFactory
from tests.factories.contacts import ContactFactory

pytestmark = pytest.mark.django_db


def test_address_covers_the_contact_with_it_and_the_contact_whose_log_in_has_it():
    user = UserFactory(email="ada@example.org")
    of_log_in = ContactFactory(user=user, email="elsewhere@example.org")
    organiser = of_log_in.organiser
    of_address = ContactFactory(organiser=organiser, email="ada@example.org")
    ContactFactory(organiser=organiser, email="other@example.org")

    covered = mailbox.contacts_of(organiser, "Ada@Example.org")

    assert list(covered) == [of_log_in, of_address]
    # The log-in is read first, as a single value. With a join PostgreSQL read all contacts among a million.
    assert "InitPlan" in covered.explain()


def test_unknown_address_covers_no_contact_although_others_have_no_log_in():
    contact = ContactFactory(email="ada@example.org")
    assert list(mailbox.contacts_of(contact.organiser, "nobody@example.org")) == []
