"""After an erasure derived data do not find the person, and the same person is a new contact."""

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.links import earlier_orders
from contacts import contacts
from contacts.models import Contact
from privacy.erasure import erasing
from tests.accounts.pages import browser_of
from tests.factories.accounts import UserFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.staff import Staff, listing
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Order, Ticket

pytestmark = pytest.mark.django_db
TYPED = {"first_name": "Zoe", "last_name": "Grey", "email": "zoe@example.org"}


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    zoe = make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")
    Contact.objects.filter(pk=zoe.pk).update(phone="+41795550177", blocked_at=None)
    make_order(pos=pos, user=zoe.user)
    Order.objects.update(state="cancelled")
    Ticket.objects.update(state="cancelled")
    return zoe


def erase(contact: Contact) -> None:
    assert erasing.erase(contact, by=None, now=timezone.now()).state == "closed"


@pytest.mark.scenario("S25")
@pytest.mark.parametrize("words", ["zoe", "grey zoe", "zoe@example.org", "0795550177", "number"])
def test_search_does_not_find_an_erased_person(zoe, pos, words):
    zoe.refresh_from_db()
    words = zoe.number if words == "number" else words
    staff = Staff(make_staff(pos.organiser, "owner"))
    assert Contact.objects.search(words).exists()
    assert "Grey" in staff.open(f"{listing(Contact)}?q={words}").text
    erase(zoe)
    assert not Contact.objects.search(words).exists()
    assert "Grey" not in staff.open(f"{listing(Contact)}?q={words}").text
    with connection.cursor() as cursor:
        cursor.execute("SELECT sort_key, search::text FROM contacts_contact WHERE id = %s", [zoe.pk])
        assert [text.strip() for text in cursor.fetchone()] == ["", ""]


@pytest.mark.scenario("S25")
def test_personal_pages_are_not_cached(zoe, pos):
    order = make_order(pos=pos, buyer={**TYPED, "email": "other@example.org"})
    page = Client().get(order_path(order))
    assert page.status_code == 200 and "no-store" in page.headers["Cache-Control"]
    assert "no-store" in browser_of(zoe).open("/theatre/account/profile/").headers["Cache-Control"]


@pytest.mark.scenario("S42")
def test_new_log_in_with_the_same_address_is_a_new_contact(zoe, pos):
    contacts.block(zoe, by=None, now=timezone.now())
    reference = Order.objects.get().reference
    erase(zoe)
    user = UserFactory(email="zoe@example.org")
    again = contacts.for_user(pos.organiser, user, language="en", now=timezone.now())
    assert again.pk != zoe.pk and again.subject_uuid != zoe.subject_uuid and again.number
    assert (again.full_name, again.phone, again.blocked_at, again.erasing_at) == ("", "", None, None)
    assert earlier_orders.unclaimed(user, pos.organiser).count() == 0
    page = browser_of(again).open("/theatre/account/orders/")
    assert page.status == 200 and reference not in page.text and "earlier order" not in page.text


@pytest.mark.scenario("S42")
def test_new_guest_order_gets_a_new_customer_number(pos):
    first = make_order(pos=pos, buyer=TYPED)
    before = first.buyer
    Order.objects.update(state="cancelled")
    Ticket.objects.update(state="cancelled")
    number = before.number
    erase(before)
    second = make_order(pos=pos, buyer=TYPED)
    assert second.buyer != before and second.buyer.number != number
    assert list(second.buyer.orders.all()) == [second]
    user = UserFactory(email="zoe@example.org")
    assert list(earlier_orders.unclaimed(user, pos.organiser)) == [second.buyer], "the new order alone"


@pytest.mark.scenario("S42", "FF-37")
def test_person_added_again_is_a_new_contact(zoe, pos):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    assert linked(ann, pos, ("Zoe", "Grey", "zoe@example.org")).child == zoe
    erase(zoe)
    link = linked(ann, pos, ("Zoe", "Grey", "zoe@example.org"))
    assert link.child != zoe and link.request.new_contact
