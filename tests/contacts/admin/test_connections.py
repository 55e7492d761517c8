"""Connections in the back office: seen on both contacts, and made by staff."""

from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from contacts.linking import links
from contacts.models import Contact, ContactLink, LinkType
from tests.connections import (
    adding_page,
    button_page,
    connect,
    kind,
    part,
    said_at,
    visitor_of,
)
from tests.factories.contacts import ContactFactory
from tests.friends import linked
from tests.staff import change, listing
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser

pytestmark = pytest.mark.django_db


# --- what is shown --------------------------------------------------------------------------------------
@pytest.mark.scenario("FF-34")
def test_link_made_in_the_shop_is_shown_on_both_contacts(staff, pos, alice):
    visitor = visitor_of(alice)
    visitor.open(f"/{pos.slug}/account/friends-and-family/new/")
    visitor.fill("^last_name$", {"email": "bob@example.org", "last_name": "Miller", "first_name": "Bob"})
    link = ContactLink.objects.get()
    day = f"{timezone.localtime(timezone=ZoneInfo(pos.organiser.time_zone)):%-d %b %Y}"
    facts = ["friend or relative", "Connected", "choose for tickets", "Shop (The Stage)",
             "alice@example.org", day]  # fmt: skip

    page = staff.open(change(alice))
    for fact in ["Bob Miller", link.child.number, *facts]:
        assert fact in part(page, "children"), fact
    assert part(page, "parents").endswith("None.")
    assert page.link("Bob Miller") == change(link.child)

    page = staff.open(change(link.child))
    for fact in ["Alice Martin", alice.number, "has connected them", *facts[1:]]:
        assert fact in part(page, "parents"), fact
    assert part(page, "children").endswith("None.")


@pytest.mark.scenario("FF-34")
def test_link_made_in_the_back_office_is_shown_in_the_shop(staff, pos, alice, cleo):
    visitor = visitor_of(alice)
    page = f"/{pos.slug}/account/friends-and-family/"
    assert "Cleo Dupont" not in visitor.open(page).text
    connect(staff, alice, cleo)
    assert "Cleo Dupont" in visitor.open(page).text
    shown = part(staff.open(change(alice)), "children")
    for fact in ("Cleo Dupont", "partner", "Back office", "office@example.org"):
        assert fact in shown


@pytest.mark.scenario("FF-34")
def test_ended_connections_are_folded_with_their_end(staff, pos, alice):
    removed, gone = linked(alice, pos), linked(alice, pos, ("Dan", "Old", "dan@example.org"))
    links.remove(removed, by=alice.user, now=timezone.now())
    links.decline(gone, by=None, now=timezone.now())
    page = staff.open(change(alice))
    assert "Bob Miller" not in part(page, "children")
    ended = part(page, "ended")
    for fact in (
        "Bob Miller",
        "Dan Old",
        "removed by the parent",
        "declined or left by the child",
        "Declined",
        "Ended",
    ):
        assert fact in ended
    assert "<details>" in page.source[: page.source.index('id="connections-ended"')]
    assert "<details open" not in page.source
    assert "End the connection" not in ended


@pytest.mark.scenario("FF-34")
def test_page_of_connections_takes_the_same_queries_for_more_of_them(
    staff, pos, alice, django_assert_max_num_queries
):
    for number in range(2):
        linked(alice, pos, ("Bob", f"Miller{number}", f"bob{number}@example.org"))
    staff.open(change(alice))
    with django_assert_max_num_queries(40) as few:
        staff.open(change(alice))
    for number in range(2, 6):
        linked(alice, pos, ("Bob", f"Miller{number}", f"bob{number}@example.org"))
    with django_assert_max_num_queries(len(few)):
        assert "Miller5" in staff.open(change(alice)).text


def test_page_of_a_connection_shows_everything_and_the_history(staff, pos, alice):
    link = linked(alice, pos)
    links.change_permission(link, "view", by=staff.user, now=timezone.now())
    page = staff.open(staff.open(change(alice)).link(f"#{link.pk}"))
    for fact in (
        "Alice Martin",
        "Bob Miller",
        "friend or relative",
        "see tickets",
        "The Stage",
        "bob@example.org",
    ):
        assert fact in page.text
    assert "Connection: what the parent may do changed" in page.text
    assert "Alice Martin" in staff.open(listing(ContactLink)).text


# --- adding -----------------------------------------------------------------------------------------------
@pytest.mark.scenario("FF-35")
def test_staff_connect_a_contact_found_by_search(staff, pos, alice, cleo):
    ContactFactory(last_name="Duponthier")  # another organiser's
    page = staff.open(staff.open(change(alice)).link("Add connection"))
    assert page.url == adding_page(alice)
    found = staff.fill("^q$", {"q": "dupont"})
    assert "Cleo Dupont" in found.text
    assert "Duponthier" not in found.text
    page = staff.open(f"{adding_page(alice)}{found.link('Cleo Dupont')}")
    form = page.form("^direction$")
    assert "Alice Martin" in page.text
    assert "Cleo Dupont" in page.source
    page = staff.submit(form, {"direction": "child", "type": kind("parent_child").pk, "permission": "view"})
    assert page.url == change(alice)
    assert "Connected. Nobody was told" in page.text
    link = ContactLink.objects.get()
    assert (link.parent, link.child, link.type.code) == (alice, cleo, "parent_child")
    assert (link.status, link.permission_parent) == ("active", "view")
    assert (link.origin, link.origin_pos, link.created_by) == ("back_office", None, staff.user)
    assert not Mail.objects.exists()


@pytest.mark.scenario("FF-35")
def test_staff_can_make_the_other_contact_the_parent(staff, alice, cleo):
    connect(staff, alice, cleo, direction="parent", type=kind("friends_family").pk)
    link = ContactLink.objects.get()
    assert (link.parent, link.child, link.type.code) == (cleo, alice, "friends_family")
    assert "Cleo Dupont" in part(staff.open(change(alice)), "parents")


@pytest.mark.scenario("FF-35")
def test_impossible_connection_is_refused_at_its_field_with_the_reason(staff, pos, alice, cleo):
    company = ContactFactory(organiser=pos.organiser, kind="structure", last_name="Works Ltd")
    page = connect(staff, alice, alice)
    assert "can’t be connected with itself" in said_at(page, "other")
    page = connect(staff, alice, company)
    assert "the parent must be a person, the child a person" in said_at(page, "type")
    assert not ContactLink.objects.exists()

    connect(staff, alice, cleo)
    page = connect(staff, alice, cleo, permission="manage")
    assert "connected in this way already" in said_at(page, "other")
    assert page.form("^direction$").values["permission"] == "manage", "what was chosen stays"
    assert ContactLink.objects.count() == 1
    # Another type, or the other direction, is another connection.
    connect(staff, alice, cleo, type=kind("parent_child").pk)
    connect(staff, alice, cleo, direction="parent")
    assert ContactLink.objects.count() == 3


@pytest.mark.scenario("FF-35")
def test_missing_choices_have_an_error_at_each_field(staff, alice, cleo):
    staff.open(adding_page(alice, cleo))
    page = staff.submit(staff.page.form("^direction$"))
    assert "Choose which of the two is the parent." in said_at(page, "direction")
    assert "Choose what they are to each other." in said_at(page, "type")
    assert not ContactLink.objects.exists()


@pytest.mark.scenario("FF-35")
def test_inactive_and_reserved_types_can_not_be_chosen(staff, alice, cleo):
    LinkType.objects.filter(code="partner").update(active=False)
    LinkType.objects.filter(code="parent_child").update(reserved=True)
    own = LinkType.objects.create(
        code="guardian", label_parent_to_child="ward", label_child_to_parent="guardian"
    )
    choices = staff.open(adding_page(alice, cleo)).form("^direction$").choices["type"]
    assert choices == [str(kind("friends_family").pk), str(own.pk)]
    for code in ("partner", "parent_child"):
        assert said_at(connect(staff, alice, cleo, type=kind(code).pk), "type")
    assert not ContactLink.objects.exists()


@pytest.mark.scenario("FF-35")
@pytest.mark.parametrize(("reason", "status"), [("", "pending"), ("Form of 3 May", "active")])
def test_where_consent_is_required_only_a_reason_connects_at_once(staff, pos, alice, cleo, reason, status):
    Organiser.objects.update(link_consent_required=True)
    connect(staff, alice, cleo, consent_reason=reason)
    link = ContactLink.objects.get()
    assert (link.status, link.consent_reason, link.consent_by) == (
        status,
        reason,
        "operator" if reason else "",
    )
    assert ("Waiting for an answer" in part(staff.page, "children")) == (status == "pending")


INVALID = ["", "\x00", "x\x00y", "9" * 5000, "é" * 300, "-1", "<b>", "\u202e"]


def test_invalid_posts_get_a_message_and_no_server_error(staff, alice, cleo):
    """The free text gets each value; of the three lists, and of the two searches, one or two do, the others get the next one."""
    connecting, merging = adding_page(alice, cleo), f"{button_page(alice, 'merge')}?with={cleo.pk}"
    form, choices = staff.open(connecting).form("^direction$"), staff.open(merging).form("^keep$")
    for number, value in enumerate(INVALID):
        search = button_page(alice, ("add-connection", "merge")[number % 2])
        assert staff.open(f"{search}?{urlencode({'q': value})}").status == 200
        for name in (*("direction", "type", "permission")[number % 2 :: 2], "consent_reason"):
            sound = {"direction": "child", "type": kind("partner").pk, "permission": "assign"}
            page = staff.submit_late(connecting, form, **sound | {name: value})
            assert page.status == 200
            assert name == "consent_reason" or said_at(page, name), (name, value)
        ContactLink.objects.all().delete()
        assert said_at(staff.submit_late(merging, choices, keep=value), "keep"), value
        assert Contact.objects.filter(pk=cleo.pk).exists()
