"""Orders placed as a guest: found by whoever has proven the mailbox, joined by one button."""

from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import earlier_orders
from contacts.models import Contact
from tests.at_once import at_once
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.visitor import TestClientVisitor

ACCOUNT = "/theatre/account/"
FOUND = "We found 3 earlier orders with this address."


@pytest.fixture
def orders(pos):
    """Three orders of guests with one address: two of Ada, one of Charles who shares her mailbox."""
    offer = OfferFactory(pos=pos)
    guests = [
        ("Ada", "Lovelace", "Ada@example.org"),
        ("Ada", "Lovelace", "ada@EXAMPLE.org"),
        ("Charles", "Babbage", "ada@example.org"),
    ]
    return [
        make_order({offer: 1}, buyer={"first_name": first, "last_name": last, "email": email})
        for first, last, email in guests
    ]


@pytest.mark.django_db
def test_one_button_brings_them_into_the_account(pos, orders, visitor):
    visitor.log_in(UserFactory(email="ada@example.org").email, PASSWORD)
    assert FOUND in visitor.open(ACCOUNT).text
    page = visitor.open(f"{ACCOUNT}orders/")
    assert FOUND in page.text
    assert not any(order.reference in page.text for order in orders), (
        "nothing is joined before it is asked for"
    )
    page = visitor.submit(page.form("orders/join/"))
    assert page.messages == ["3 earlier orders are now here."]
    assert all(order.reference in page.text for order in orders)
    assert FOUND not in page.text
    assert Contact.objects.get().user.email == "ada@example.org"


@pytest.mark.django_db
def test_an_unproven_mailbox_finds_nothing(pos, orders, visitor):
    user = UserFactory(email="ada@example.org")
    EmailAddress.objects.update(verified=False)
    visitor.client.force_login(user)
    assert "We found" not in visitor.open(ACCOUNT).text
    token = visitor.page.form("logout").values["csrfmiddlewaretoken"]
    visitor.send("POST", f"{ACCOUNT}orders/join/", {"csrfmiddlewaretoken": token})
    assert Contact.objects.filter(user=None, orders__isnull=False).distinct().count() == 2
    EmailAddress.objects.update(verified=True)
    assert FOUND in visitor.open(ACCOUNT).text


@pytest.mark.django_db
def test_what_is_somebody_elses_stays_so(pos, orders, visitor):
    user = UserFactory(email="ada@example.org")
    offer = OfferFactory(pos=pos)
    other_address = make_order(
        {offer: 1}, buyer={"first_name": "Ada", "last_name": "Lovelace", "email": "ada+x@example.org"}
    )
    elsewhere = make_order(buyer={"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org"})
    child = ContactFactory(organiser=pos.organiser, first_name="Byron", email="ada@example.org")
    claimed = ContactFactory(organiser=pos.organiser, email="ada@example.org", user=UserFactory())
    theirs = make_order({offer: 1}, user=claimed.user)

    assert earlier_orders.count(user, pos.organiser) == 3
    assert earlier_orders.join(user, pos.organiser, language="en", now=timezone.now()) == 3
    for order in (other_address, elsewhere, theirs):
        before = order.buyer
        order.refresh_from_db()
        assert order.buyer == before
    assert Contact.objects.filter(pk=child.pk).exists(), "a contact that never ordered is no earlier order"
    assert earlier_orders.count(user, pos.organiser) == 0
    assert earlier_orders.count(user, elsewhere.organiser) == 1


@pytest.mark.django_db
def test_opening_the_address_joins_nothing(pos, orders, visitor):
    visitor.log_in(UserFactory(email="ada@example.org").email, PASSWORD)
    assert visitor.open(f"{ACCOUNT}orders/join/").status == 405
    assert FOUND in visitor.open(ACCOUNT).text
    assert TestClientVisitor().open(f"{ACCOUNT}orders/join/").url.startswith("/accounts/login/")


@pytest.mark.django_db(transaction=True)
def test_the_button_pressed_twice_at_once_joins_once():
    pos = PointOfSaleFactory()
    user = UserFactory(email="ada@example.org")
    make_order({OfferFactory(pos=pos): 1}, buyer={"first_name": "Ada", "last_name": "L", "email": user.email})
    press = partial(earlier_orders.join, user, pos.organiser, language="en", now=timezone.now())
    assert sorted(at_once(press, press, press)) == [0, 0, 1]
    assert Contact.objects.get().orders.count() == 1
