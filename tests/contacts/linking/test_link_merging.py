"""The links of two contacts that are merged."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.friends import tickets
from contacts import merging
from contacts.linking import adding, link_mail, links, staff_links
from contacts.models import AddressSuppression, Contact, ContactLink, LinkRequest
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import add, friendly_pos, linked, make_visitor
from ticketshop.history import history

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("FF-36")]
LATER = timedelta(days=2)


@pytest.fixture
def pos():
    return friendly_pos()


@pytest.fixture
def alice(pos):
    return make_visitor(pos)


def merge(keep: Contact, lose: Contact, by=None) -> None:
    merging.merge(keep, lose, by=by, now=timezone.now())


def two_bobs(pos, alice, *, first="active", second="active") -> tuple[ContactLink, ContactLink]:
    """Return Alice's links to two contacts of Bob, with these statuses."""
    found = []
    for email, status in (("bob@example.org", first), ("bob@work.example", second)):
        link = linked(alice, pos, ("Bob", "Miller", email))
        ContactLink.objects.filter(pk=link.pk).update(status=status)
        link.refresh_from_db()
        found.append(link)
    return found[0], found[1]


def two_alices(pos) -> tuple[Contact, Contact]:
    """Two contacts of Alice: one with her log-in, and one that staff entered."""
    return make_visitor(pos), ContactFactory(organiser=pos.organiser, first_name="Alice", last_name="Martin")


def state(link: ContactLink) -> tuple:
    link.refresh_from_db()
    return link.parent_id, link.child_id, link.status, link.end_reason


def test_links_point_to_the_contact_that_stays(pos, alice):
    carol = make_visitor(pos, "Carol", "Ray")
    kept, lost = ContactFactory(organiser=pos.organiser), make_child(pos, alice)
    theirs = staff_links.add(parent=lost.child, child=carol, link_type=lost.type, by=None, now=timezone.now())
    merge(kept, lost.child)
    assert state(lost) == (alice.pk, kept.pk, "active", "")
    assert state(theirs) == (kept.pk, carol.pk, "active", "")


def make_child(pos, parent) -> ContactLink:
    return linked(parent, pos, ("Bob", "Miller", "bob@example.org"))


def test_of_duplicate_links_one_ends(pos, alice):
    first, second = two_bobs(pos, alice)
    merge(first.child, second.child, by=alice.user)
    assert state(first) == (alice.pk, first.child_id, "active", "")
    assert state(second) == (alice.pk, first.child_id, "ended", "merged")
    assert (second.ended_by, second.entered_email) == (alice.user, "bob@work.example")
    assert second.ended_at is not None
    assert list(links.of_parent(alice)) == [first]
    assert "link_merged" in [event.action for event in history.of(alice)]


def test_ended_links_move_too(pos, alice):
    first, second = two_bobs(pos, alice)
    links.remove(second, by=alice.user, now=timezone.now())
    merge(first.child, second.child)
    assert state(second) == (alice.pk, first.child_id, "ended", "removed")
    assert state(first)[2] == "active"


def test_links_between_the_two_contacts_are_deleted(pos):
    keep, lose = two_alices(pos)
    bob = ContactFactory(organiser=pos.organiser)
    kind = linked(keep, pos).type
    for parent, child in [(keep, lose), (lose, keep)]:
        staff_links.add(parent=parent, child=child, link_type=kind, by=None, now=timezone.now())
    other = staff_links.add(parent=lose, child=bob, link_type=kind, by=None, now=timezone.now())
    over = staff_links.add(parent=lose, child=keep, link_type=kind_of("partner"), by=None, now=timezone.now())
    links.remove(over, by=None, now=timezone.now())
    merge(keep, lose)
    assert state(other) == (keep.pk, bob.pk, "active", "")
    assert set(links.of_parent(keep).values_list("child__email", flat=True)) == {"bob@example.org", bob.email}
    assert not ContactLink.objects.filter(parent=keep, child=keep).exists()


def kind_of(code: str):
    return ContactLink._meta.get_field("type").related_model.objects.get(code=code)


@pytest.mark.parametrize(
    ("first", "second"), [("pending", "active"), ("pending", "pending"), ("active", "pending")]
)
def test_pending_link_does_not_become_active(pos, alice, first, second):
    """The request to the contact that stays is not answered by the consent of the contact that goes."""
    kept, lost = two_bobs(pos, alice, first=first, second=second)
    merge(kept.child, lost.child)
    assert state(kept)[2] == first
    assert state(lost)[2:] == ("ended", "merged")


def test_single_pending_link_stays_pending(pos, alice):
    _kept, lost = two_bobs(pos, alice, second="pending")
    stays = ContactFactory(organiser=pos.organiser)
    merge(stays, lost.child)
    assert state(lost) == (alice.pk, stays.pk, "pending", "")


@pytest.mark.parametrize(("agreed", "left"), [(True, "active"), (False, "pending")])
def test_consent_to_one_of_two_merged_parents_counts_for_both(pos, agreed, left):
    keep, lose = two_alices(pos)
    bob = make_visitor(pos, "Bob", "Miller", email="bob@example.org")
    asked = linked(keep, pos)
    ContactLink.objects.filter(pk=asked.pk).update(status="pending")
    before = staff_links.add(parent=lose, child=bob, link_type=asked.type, by=None, now=timezone.now())
    if agreed:
        links.accept(before, by=bob.user, now=timezone.now())
    merge(keep, lose)
    (link,) = links.of_parent(keep)
    assert (link.status, link == before) == (left, agreed)
    assert sorted(state(one)[2] for one in (asked, before)) == sorted([left, "ended"])


def test_token_of_a_sent_mail_stops_working(pos, alice):
    _kept, lost = two_bobs(pos, alice)
    request = LinkRequest.objects.select_related("link__child").get(link=lost)
    token = link_mail.new_token(request, days=30, now=timezone.now())
    assert links.request_of(token, timezone.now()).link == lost
    merge(ContactFactory(organiser=pos.organiser, email=lost.child.email), lost.child)
    assert links.request_of(token, timezone.now()) is None


def test_orders_for_the_other_contact_do_not_prevent_the_merge(pos, alice):
    link = make_child(pos, alice)
    person = {"first_name": "Bob", "last_name": "Miller", "person": str(link.pk)}
    order = make_order({OfferFactory(pos=pos): 1}, user=alice.user, holders=[person], paid=True)
    assert order.tickets.get().beneficiary == link.child
    keep = ContactFactory(organiser=pos.organiser)
    merge(keep, link.child)
    ticket = order.tickets.get()
    assert (ticket.beneficiary, ticket.holder, order.buyer) == (keep, "Bob Miller", alice)


def test_suppressed_address_stays_suppressed_for_the_contact_that_stays(pos):
    keep, asker = make_visitor(pos), make_visitor(pos, "A.", "Martin")
    links.not_me(linked(asker, pos), by=None, now=timezone.now())
    Contact.objects.filter(pk=asker.pk).update(user=None)
    merge(keep, asker)
    assert AddressSuppression.objects.get().parent == keep
    assert linked(keep, pos, now=timezone.now() + LATER).status == "pending"


def test_purge_date_is_cleared_if_one_contact_has_none(pos, alice):
    keep = make_child(pos, alice).child
    assert keep.purge_after is not None
    merge(keep, linked(alice, pos, ("B.", "Miller", "b@example.org")).child)
    assert keep.purge_after is not None, "nobody but visitors brought either of them"
    merge(keep, ContactFactory(organiser=pos.organiser))
    assert keep.purge_after is None


def test_merged_person_is_in_the_list_once(pos, alice):
    first, second = two_bobs(pos, alice)
    merge(first.child, second.child)
    assert add(alice, pos, ("Bob", "Miller", "bob@example.org")).code == adding.ALREADY
    assert links.of_parent(alice).count() == 1


@pytest.mark.parametrize("child_stays", [True, False])
def test_parent_loses_the_right_to_manage_a_child_merged_with_a_person_with_address(pos, alice, child_stays):
    link = linked(alice, pos, adding.Person("Tim", "Martin", no_email=True))
    adult = ContactFactory(organiser=pos.organiser, first_name="Tim", last_name="Martin")
    order = make_order({OfferFactory(pos=pos): 1}, buyer=adult, paid=True)
    assert links.seen_by_parent(link).manages, "before"
    merge(*((link.child, adult) if child_stays else (adult, link.child)))
    link = ContactLink.objects.get(pk=link.pk)
    order.refresh_from_db()
    assert order.buyer == link.child
    assert tickets.of_child(link) == []
    assert tickets.managed_by(alice, timezone.now()) == []
    assert (link.status, link.permission_parent) == ("active", "assign")
    assert "link_permission" in [event.action for event in history.of(alice)]


def test_permission_with_consent_and_of_a_child_without_address_stays(pos, alice):
    agreed = linked(alice, pos, adding.Person("Tim", "Martin", no_email=True))
    links.accept(agreed, permission="view", by=None, now=timezone.now())
    merge(ContactFactory(organiser=pos.organiser), agreed.child)
    child = linked(alice, pos, adding.Person("Zoé", "Martin", no_email=True))
    merge(ContactFactory(organiser=pos.organiser, email=None), child.child)
    for link, permission in ((agreed, "view"), (child, "manage")):
        link.refresh_from_db()
        assert link.permission_parent == permission
