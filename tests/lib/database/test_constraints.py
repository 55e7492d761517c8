"""Violated constraints of the database are recognised by their names."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory
from tests.factories.sales import PaymentMethodFactory, make_cart
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.values import references
from ticketshop.sales.cart import contents
from ticketshop.sales.models import Order
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db


def test_violated_constraint_is_named_by_the_database_for_all_values():
    first, second = ContactFactory(), ContactFactory()
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        for contact in (first, second):
            Contact.objects.filter(pk=contact.pk).update(organiser=first.organiser, number="link_once")
    assert "link_once" in str(raised.value), "the text quotes the value"
    assert violated_constraint(raised.value) == "contact_number_once"


def test_violated_constraint_of_an_error_without_the_database_is_none():
    assert violated_constraint(IntegrityError("contact_number_once")) is None


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("sales_order", orders.CHECKOUT_KEY_ONCE),
        ("sales_order", orders.REFERENCE_ONCE),
        ("contacts_contact", "contact_number_once"),
        ("contacts_contact", "contact_once_per_user"),
        ("contacts_contactlink", "link_once"),
    ],
)
def test_constraint_that_the_code_recognises_exists(table, name):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    assert found[name]["unique"]


def next_random_reference_is(reference: str, monkeypatch) -> list[str]:
    """Let the next random reference be this one; return a list that is empty once it was used."""
    make, rigged = references.readable, [reference]
    monkeypatch.setattr(references, "readable", lambda *length: rigged.pop() if rigged else make(*length))
    return rigged


def test_contact_whose_random_number_is_taken_gets_another_one(monkeypatch):
    values = {"organiser": OrganiserFactory(), "via": Contact.CreatedVia.IMPORT, "now": timezone.now()}
    first = contacts.create(**values)
    rigged = next_random_reference_is(first.number, monkeypatch)
    second = contacts.create(**values)
    assert not rigged
    assert first.number != second.number


def test_order_whose_random_reference_is_taken_gets_another_one(monkeypatch):
    offer = OfferFactory()
    PaymentMethodFactory(point_of_sale=offer.session.event.points_of_sale.get())
    first = place(offer)
    # The same guest again: no number of a new contact is made before the order's reference.
    rigged = next_random_reference_is(first.reference, monkeypatch)
    second = place(offer)
    assert not rigged
    assert first.reference != second.reference
    assert first.buyer == second.buyer


def place(offer) -> Order:
    cart = make_cart({offer: 1})
    return orders.place(
        cart,
        method="on_site",
        content_hash=contents.read(cart).content_hash,
        user=AnonymousUser(),
        language="en",
        now=timezone.now(),
    )
