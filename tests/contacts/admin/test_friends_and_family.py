"""Friends and family in the back office: switched on and set up; blocked contacts; types of connections."""

import pytest
from django.utils import timezone

from contacts.linking import adding
from contacts.models import ContactLink, LinkType
from tests.connections import (
    adding_page,
    button_page,
    kind,
    part,
    visitor_of,
)
from tests.factories.accounts import SuperuserFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.friends import add, linked, make_visitor
from tests.staff import Staff, change, listing
from ticketshop.history import history
from ticketshop.organisers.models import Organiser

pytestmark = pytest.mark.django_db


# --- the switch ---------------------------------------------------------------------------------------
@pytest.mark.scenario("FF-02")
def test_friends_and_family_is_switched_on_per_shop_and_visible_at_once():
    festival = PointOfSaleFactory(name="Festival")
    theatre = PointOfSaleFactory(name="Theatre", organiser=festival.organiser)
    owner = Staff(make_staff(festival.organiser, "owner", email="owner@example.org"))
    visitor = visitor_of(make_visitor(festival))
    home, page = f"/{festival.slug}/account/", f"/{festival.slug}/account/friends-and-family/"
    assert "Friends and family" not in visitor.open(home).text
    assert visitor.open(page).status == 404

    owner.open(change(festival))
    assert owner.save(friends_family_enabled="on").status == 200

    assert visitor.open(visitor.open(home).link("Friends and family")).status == 200
    assert visitor.page.url == page
    assert visitor.open(f"/{theatre.slug}/account/").status == 200
    assert "Friends and family" not in visitor.page.text
    assert visitor.open(f"/{theatre.slug}/account/friends-and-family/").status == 404


@pytest.mark.scenario("FF-02")
@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "Friends and family: no → yes"), ("fr", "Amis et famille : non → oui")],
)
def test_switching_on_is_in_the_history_with_user_and_time(language, line):
    pos = PointOfSaleFactory()
    owner = Staff(make_staff(pos.organiser, "owner", email="owner@example.org"), language)
    before = timezone.now()
    owner.open(change(pos))
    owner.save(friends_family_enabled="on")
    event = history.of(pos).first()
    assert (event.by, event.details) == (owner.user, {"changes": {"friends_family_enabled": [False, True]}})
    assert before <= event.at <= timezone.now()
    text = owner.open(change(pos)).text
    assert line in text
    assert "owner@example.org" in text[text.index(line) :]


@pytest.mark.scenario("FF-02")
def test_unchanged_texts_sent_by_a_browser_are_no_change():
    """Browsers send CR LF as the end of a line, and spaces at the end of a text are removed."""
    pos = PointOfSaleFactory(terms="One\n\nTwo\n", imprint="The\nStage")
    owner = Staff(make_staff(pos.organiser, "owner"))
    owner.open(change(pos))
    owner.save(friends_family_enabled="on", terms_en="One\r\n\r\nTwo", imprint_en="The\r\nNew\r\nStage")
    pos.refresh_from_db()
    assert (pos.friends_family_enabled, pos.terms, pos.imprint) == (True, "One\n\nTwo\n", "The\nNew\nStage")
    assert history.of(pos).first().details["changes"] == {
        "friends_family_enabled": [False, True],
        "imprint_en": ["The\nStage", "The\nNew\nStage"],
    }


@pytest.mark.scenario("FF-02")
def test_switching_on_needs_the_permission_to_change_the_shop():
    pos = PointOfSaleFactory()
    form = Staff(make_staff(pos.organiser, "owner")).open(change(pos)).form("^_save$")
    assert "friends_family_enabled" in form.names
    for role in ("back office", "box office", "accounting"):
        staff = Staff(make_staff(pos.organiser, role))
        page = staff.open(change(pos))
        assert page.status == (200 if role == "back office" else 403)
        assert not any("friends_family_enabled" in form.names for form in page.forms)
        token = staff.open("/admin/").form("csrf").values["csrfmiddlewaretoken"]
        answer = staff.send(
            "POST", change(pos), {**form.values, "friends_family_enabled": "on", "csrfmiddlewaretoken": token}
        )
        assert answer.status == 403
        pos.refresh_from_db()
        assert not pos.friends_family_enabled


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            [
                "a person who knows an e-mail address and the name can tell",
                "nobody can tell whether a person is known here",
            ],
        ),
        (
            "fr",
            [
                "une personne qui connaît une adresse e-mail et le nom peut savoir",
                "personne ne peut savoir si quelqu’un est connu ici",
            ],
        ),
    ],
)
def test_modes_explain_what_they_reveal(pos, language, sentences):
    owner = Staff(make_staff(pos.organiser, "owner"), language)
    page = owner.open(change(pos))
    for sentence in sentences:
        assert sentence in page.text
    owner.save(friends_family_mode="discreet")
    pos.refresh_from_db()
    assert pos.friends_family_mode == "discreet"


@pytest.mark.scenario("FF-03")
def test_links_stay_in_the_back_office_when_switched_off(pos, alice):
    link = linked(alice, pos)
    owner, visitor = Staff(make_staff(pos.organiser, "owner")), visitor_of(alice)
    page = f"/{pos.slug}/account/friends-and-family/"
    shown = visitor.open(page).text
    assert "Bob Miller" in shown

    owner.open(change(pos))
    form = owner.page.form("^_save$")
    del form.values["friends_family_enabled"]
    owner.submit(form, button=("_save", "Save"))
    pos.refresh_from_db()
    assert not pos.friends_family_enabled
    for address in (page, f"{page}new/", f"{page}{link.pk}/remove/"):
        assert visitor.open(address).status == 404, address
    assert "Friends and family" not in visitor.open(f"/{pos.slug}/account/").text
    link.refresh_from_db()
    assert link.status == ContactLink.Status.ACTIVE
    assert "Bob Miller" in part(owner.open(change(alice)), "children")

    owner.open(change(pos))
    owner.save(friends_family_enabled="on")
    assert visitor.open(page).text == shown


def test_settings_of_the_organiser_are_on_one_page_and_in_the_history(pos):
    owner = Staff(make_staff(pos.organiser, "owner"))
    owner.open(change(pos.organiser))
    owner.save(link_consent_required="on", link_adds_per_day=7, unclaimed_purge_days=60)
    organiser = Organiser.objects.get(pk=pos.organiser_id)
    assert (organiser.link_consent_required, organiser.link_adds_per_day) == (True, 7)
    assert history.of(organiser).first().details["changes"] == {
        "link_consent_required": [False, True],
        "link_adds_per_day": [20, 7],
        "unclaimed_purge_days": [30, 60],
    }
    names = set(owner.open(change(organiser)).form("^_save$").names)
    assert {"single_part_names", "link_adds_per_hour", "link_mismatches_per_hour"} <= names
    assert {"link_mails_per_day", "link_mails_per_week", "link_request_days"} <= names


# --- block ------------------------------------------------------------------------------------------------
def test_blocked_contact_can_not_add_or_be_added(staff, pos, alice, cleo):
    page = staff.open(staff.open(change(alice)).link("Block"))
    assert "can add nobody" in page.text
    alice.refresh_from_db()
    assert alice.blocked_at is None, "a look blocks nobody"
    assert "The contact is blocked." in staff.press(alice, "block").text
    alice.refresh_from_db()
    assert alice.blocked_at is not None
    assert (history.of(alice).first().action, history.of(alice).first().by) == ("blocked", staff.user)
    assert add(alice, pos).code == adding.BLOCKED
    since = alice.blocked_at
    assert "blocked already" in staff.press(alice, "block").text
    alice.refresh_from_db()
    assert alice.blocked_at == since

    staff.press(cleo, "block")
    assert add(make_visitor(pos), pos, ("Cleo", "Dupont", "cleo@example.org")).code == adding.MISMATCH
    page = staff.open(change(alice))
    assert "Unblock" in page.text
    staff.press(alice, "unblock")
    alice.refresh_from_db()
    assert (alice.blocked_at, history.of(alice).first().action) == (None, "unblocked")
    assert add(alice, pos).code == adding.LINKED
    assert "not blocked" in staff.press(alice, "unblock").text


# --- kinds ------------------------------------------------------------------------------------------------
def test_administrator_can_rename_link_types_and_switch_them_off(alice, cleo, staff):
    root = Staff(SuperuserFactory())
    root.open(change(kind("partner")))
    assert root.page.form("^_save$").names.isdisjoint({"code", "reserved"})
    root.save(
        label_parent_to_child_en="spouse",
        label_parent_to_child_fr="conjoint",
        label_child_to_parent_en="spouse",
    )
    assert "spouse" in staff.open(adding_page(alice, cleo)).text
    assert "conjoint" in Staff(staff.user, "fr").open(adding_page(alice, cleo)).text
    form = root.open(change(kind("partner"))).form("^_save$")
    del form.values["active"]
    root.submit(form, button=("_save", "Save"))
    assert "spouse" not in staff.open(adding_page(alice, cleo)).text
    assert staff.open(change(kind("partner"))).status in {403, 404}


def test_code_of_a_reserved_link_type_can_not_change():
    root = Staff(SuperuserFactory())
    reserved = kind("friends_family")
    form = root.open(change(reserved)).form("^_save$")
    form.names |= {"code", "reserved"}
    root.submit(
        form,
        {"code": "other", "reserved": "", "label_parent_to_child_en": "close one"},
        button=("_save", "Save"),
    )
    reserved.refresh_from_db()
    assert (reserved.code, reserved.reserved, reserved.label_parent_to_child_en) == (
        "friends_family",
        True,
        "close one",
    )
    for code in ("friends_family", "partner"):
        assert root.open(button_page(kind(code), "delete")).status == 403
    assert "delete_selected" not in root.open(listing(LinkType)).source
