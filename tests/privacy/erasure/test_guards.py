"""After an erasure has begun, every page refuses to write about the person and explains why."""

import pytest
from django.utils import timezone

from accounts.links import claiming
from contacts import contacts, locking, merging
from contacts.linking import adding, links, staff_links
from contacts.models import Contact, ContactLink, LinkType
from tests.accounts.pages import ACCOUNT, LIST, NEW, browser_of
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order, place
from tests.friends import BOB, friendly_pos, linked, make_visitor
from tests.staff import Staff, change
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Ticket
from ticketshop.sales.orders import orders

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S39")]

SAID = "The data of this person are being erased, or have just been joined with another entry of the same person."


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def being_erased(contact: Contact) -> dict:
    """The erasure of ``contact`` has begun; what its row holds from now on."""
    Contact.objects.filter(pk=contact.pk).update(erasing_at=timezone.now())
    return Contact.objects.filter(pk=contact.pk).values().get()


def row(contact: Contact) -> dict:
    return Contact.objects.filter(pk=contact.pk).values().get()


def refused(page) -> bool:
    return page.status == 409 and SAID in page.text


# --- the person's own pages -------------------------------------------------------------------------------------


def test_profile_of_a_person_being_erased_is_not_saved(alice):
    browser = browser_of(alice)
    browser.open(f"{ACCOUNT}profile/")
    assert browser.fill("^first_name$", {"first_name": "Ann"}).status == 200, "before it is"
    browser.open(f"{ACCOUNT}profile/")
    before = being_erased(alice)
    assert refused(browser.fill("^first_name$", {"first_name": "Eve"}))
    assert row(alice) == before and before["first_name"] == "Ann"


def test_person_being_erased_can_not_add_people(alice, pos):
    browser = browser_of(alice)
    for typed in ({"email": BOB[2]}, {"no_email": "on", "birth_date": "2018-01-02"}):
        Contact.objects.filter(pk=alice.pk).update(erasing_at=None)
        browser.open(NEW)
        being_erased(alice)
        assert refused(browser.fill("^email$", {"first_name": "Bob", "last_name": "Miller", **typed}))
    assert not ContactLink.objects.exists() and Contact.objects.count() == 1


def test_person_being_erased_is_unknown_when_added(alice, pos):
    bob = ContactFactory(
        organiser=pos.organiser, first_name="Bob", last_name="Miller", email="bob@example.org"
    )
    before = being_erased(bob)
    link = linked(alice, pos, BOB)
    assert link.child != bob and link.child.email == BOB[2]
    assert row(bob) == before and not ContactLink.objects.filter(child=bob).exists()


def test_removal_by_a_person_being_erased_can_not_be_undone(alice, pos):
    link = linked(alice, pos)
    browser = browser_of(alice)
    browser.open(f"{LIST}{link.pk}/remove/")
    browser.fill(f"^{LIST}{link.pk}/remove|^$")
    undo = browser.page.form("undo")
    being_erased(alice)
    assert refused(browser.submit(undo))
    link.refresh_from_db()
    assert link.status == "ended"


def test_earlier_orders_are_not_joined_during_an_erasure(alice, pos):
    make_order(
        pos=pos, buyer={"first_name": "Alice", "last_name": "Martin", "email": "alice@example.org"}, paid=True
    )
    guest = Order.objects.get().buyer
    browser = browser_of(alice)
    browser.open(f"{ACCOUNT}orders/")
    being_erased(alice)
    assert refused(browser.submit(next(one for one in browser.page.forms if "join" in one.action)))
    assert Order.objects.get().buyer == guest


def test_person_being_erased_has_no_earlier_orders(alice, pos):
    make_order(
        pos=pos, buyer={"first_name": "Alice", "last_name": "Martin", "email": "alice@example.org"}, paid=True
    )
    assert "earlier order" in browser_of(alice).open(f"{ACCOUNT}orders/").text
    being_erased(Order.objects.get().buyer)
    assert "earlier order" not in browser_of(alice).open(f"{ACCOUNT}orders/").text


def test_log_in_for_a_person_being_erased_is_not_created(alice, pos):
    child = linked(alice, pos).child
    being_erased(child)
    with pytest.raises(locking.Gone):
        claiming.claim(child, "a-long-test-password", now=timezone.now())
    child.refresh_from_db()
    assert child.user is None


# --- what others do about the person ----------------------------------------------------------------------------


def test_no_mail_is_queued_about_either_end_of_a_link(alice, pos):
    now, asked = timezone.now(), adding.Requester(by=alice.user, pos=pos, network="", language="en")
    for end in ("parent", "child"):
        link = linked(alice, pos, ("Bob", end, f"{end}@example.org"))
        queued = Mail.objects.count()
        being_erased(getattr(link, end))
        assert not links.resend(link, asked, now=now)
        assert not links.not_me(link, by=None, now=now)
        assert Mail.objects.count() == queued
        Contact.objects.update(erasing_at=None)
        assert links.not_me(link, by=None, now=now), "otherwise it ends"


def test_staff_can_not_change_a_person_being_erased(staff, alice):
    staff.open(change(alice))
    before = being_erased(alice)
    assert staff.save(first_name="Eve").status in {200, 404, 409}
    with pytest.raises(locking.Gone):
        contacts.change(alice, {"first_name": "Eve"}, by=None, now=timezone.now())
    with pytest.raises(locking.Gone):
        contacts.block(alice, by=None, now=timezone.now())
    assert row(alice) == before


@pytest.mark.scenario("S38")
@pytest.mark.parametrize("end", ["keep", "lose"])
def test_person_being_erased_can_not_be_merged(staff, alice, end):
    lose = ContactFactory(organiser=alice.organiser)
    staff.open(f"{change(alice).removesuffix('change/')}merge/?with={lose.pk}")
    being_erased({"keep": alice, "lose": lose}[end])
    form = next(one for one in staff.page.forms if "keep" in one.names)
    assert staff.submit(form, {"keep": alice.pk}).status in {200, 404, 409}
    with pytest.raises(merging.CannotMerge):
        merging.merge(alice, lose, by=None, now=timezone.now())
    assert Contact.objects.filter(pk=lose.pk).exists()


def test_staff_can_not_link_a_person_being_erased(staff, alice):
    other = ContactFactory(organiser=alice.organiser)
    staff.open(f"{change(alice).removesuffix('change/')}add-connection/?with={other.pk}")
    being_erased(other)
    form = next(one for one in staff.page.forms if "direction" in one.names)
    assert staff.submit(form, {"direction": "child"}).status in {200, 404, 409}
    kind = LinkType.objects.get(code=LinkType.FRIENDS_FAMILY)
    with pytest.raises(locking.Gone):
        staff_links.add(parent=alice, child=other, link_type=kind, by=None, now=timezone.now())
    assert not ContactLink.objects.exists()


# --- orders -----------------------------------------------------------------------------------------------------


def test_person_being_erased_can_not_order_and_sees_why(alice, pos):
    cart = make_cart(pos=pos, user=alice.user)
    being_erased(alice)
    with pytest.raises(orders.CannotPlace) as refusal:
        place(cart, user=alice.user)
    assert refusal.value.code == "person"
    assert not Order.objects.exists()


def test_checkout_explains_why_nothing_was_ordered(alice, pos):
    offer = OfferFactory(pos=pos)
    PaymentMethodFactory(point_of_sale=pos)
    browser = browser_of(alice)
    browser.add(f"/theatre/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1})
    browser.to_details()
    browser.give_details(first_name="Alice", last_name="Martin")
    being_erased(alice)
    page = browser.place()
    assert page.status == 200 and "Your data in this shop are being erased. Nothing was ordered." in page.text
    assert not Order.objects.exists()


@pytest.mark.scenario("S42")
def test_guest_order_with_the_address_of_a_person_being_erased_is_a_new_contact(pos):
    known = make_order(pos=pos).buyer
    assert make_order(pos=pos).buyer == known, "otherwise it is the same one"
    being_erased(known)
    again = make_order(pos=pos).buyer
    assert again != known and again.subject_uuid != known.subject_uuid and again.number != known.number


def test_ticket_chosen_for_a_person_being_erased_has_no_beneficiary(alice, pos):
    bob, eve = linked(alice, pos), linked(alice, pos, ("Eve", "Miller", "eve@example.org"))
    holders = [
        {"first_name": link.entered_first_name, "last_name": "Miller", "person": str(link.pk)}
        for link in (bob, eve)
    ]
    being_erased(bob.child)
    make_order({OfferFactory(pos=pos): 2}, user=alice.user, holders=holders)
    found = {ticket.holder_first_name: ticket.beneficiary for ticket in Ticket.objects.all()}
    assert found == {"Bob": None, "Eve": eve.child}
