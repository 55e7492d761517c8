"""The back-office pages of organisers and staff."""

import re

import pytest

from tests.factories.accounts import SuperuserFactory, UserFactory
from tests.factories.catalogue import EventFactory
from tests.factories.organisers import OrganiserFactory, StaffMembershipFactory, make_staff
from tests.staff import Staff, change, listing
from ticketshop.backoffice import ORDER
from ticketshop.history import history
from ticketshop.history.models import Event
from ticketshop.organisers.models import Organiser, StaffMembership

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser():
    return OrganiserFactory(name="The Theatre")


@pytest.fixture
def owner(organiser):
    return Staff(make_staff(organiser, email="owner@example.org"))


@pytest.fixture
def root():
    return Staff(SuperuserFactory())


def test_change_by_an_owner_is_saved_and_recorded(owner, organiser):
    owner.open(change(organiser))
    owner.save(city="Geneva", bank_expiry_days=12, time_zone="Europe/Paris")
    organiser.refresh_from_db()
    assert (organiser.city, organiser.bank_expiry_days, organiser.time_zone) == ("Geneva", 12, "Europe/Paris")
    changes = history.of(organiser).get().details["changes"]
    assert changes == {
        "city": ["", "Geneva"],
        "bank_expiry_days": [10, 12],
        "time_zone": ["Europe/Zurich", "Europe/Paris"],
    }


def test_owner_cannot_add_an_organiser(owner):
    assert owner.open(f"{listing(Organiser)}add/").status == 403


def test_unknown_time_zone_is_refused(owner, organiser):
    owner.open(change(organiser))
    owner.save(time_zone="Europe/Atlantis")
    assert any("valid choice" in error for error in owner.errors)


def test_owner_sees_the_staff_and_can_not_add_to_it_by_hand(owner, organiser):
    membership = StaffMembershipFactory(organiser=organiser, user__email="box@example.org", role="box office")
    StaffMembershipFactory(user__email="elsewhere@example.org")
    assert "box@example.org" in owner.open(listing(StaffMembership)).source
    assert "elsewhere@example.org" not in owner.page.source
    assert "box@example.org" in owner.open(change(membership)).source
    assert "box@example.org" in owner.open(change(organiser)).source
    assert 'name="memberships-0-role"' not in owner.page.source
    form = owner.page.form("^_save$")
    tampered = {
        "memberships-TOTAL_FORMS": 1,
        "memberships-0-email": "owner@example.org",
        "memberships-0-role": 1,
    }
    form.names |= set(tampered)
    owner.submit(form, tampered, button=("_save", "Save"))
    assert StaffMembership.objects.filter(organiser=organiser).count() == 2


def test_administrator_adds_staff_by_the_address_of_the_log_in(root, organiser):
    user = UserFactory(email="new@example.org")
    form = root.open(change(organiser)).form("^_save$")
    role = form.choices["memberships-__prefix__-role"][1]
    form.names |= {"memberships-0-email", "memberships-0-role"}
    values = {"memberships-TOTAL_FORMS": 1, "memberships-0-role": role}
    root.submit(form, {**values, "memberships-0-email": "nobody@example.org"}, button=("_save", "Save"))
    assert any("Nobody logs in with this address" in error for error in root.errors)
    root.submit(form, {**values, "memberships-0-email": "NEW@example.org"}, button=("_save", "Save"))
    assert StaffMembership.objects.get(user=user).organiser == organiser
    root.open(change(organiser))
    again = {
        "memberships-TOTAL_FORMS": 2,
        "memberships-1-role": role,
        "memberships-1-email": "new@example.org",
    }
    form = root.page.form("^_save$")
    form.names |= set(again)
    page = root.submit(form, again, button=("_save", "Save"))
    assert page.status == 200
    assert root.errors, "one membership for each log-in and organiser"
    assert StaffMembership.objects.count() == 1


def test_second_staff_member_is_added_and_a_duplicate_is_refused(root, organiser):
    for role in ("owner", "box office"):
        StaffMembershipFactory(organiser=organiser, role=role)
    for address in ("first@example.org", "second@example.org"):
        UserFactory(email=address)
    form = root.open(change(organiser)).form("^_save$")
    role = form.choices["memberships-0-role"][1]
    added = {f"memberships-{number}-role": role for number in (2, 3)}
    form.names |= {"memberships-2-email", "memberships-3-email", *added}
    values = {"memberships-TOTAL_FORMS": 4, "vat_number": "CHE-1", **added}
    twice = {"memberships-2-email": "first@example.org", "memberships-3-email": "First@example.org"}
    root.submit(form, values | twice, button=("_save", "Save"))
    assert root.errors
    assert organiser.memberships.count() == 2
    root.submit(
        form,
        values | {"memberships-2-email": "first@example.org", "memberships-3-email": "second@example.org"},
        button=("_save", "Save"),
    )
    assert root.errors == []
    organiser.refresh_from_db()
    assert (organiser.memberships.count(), organiser.vat_number) == (4, "CHE-1")


def test_administrator_ends_a_membership(root, organiser):
    membership = StaffMembershipFactory(organiser=organiser)
    root.open(f"{listing(StaffMembership)}{membership.pk}/delete/")
    root.submit(root.page.form("^post$"))
    assert not StaffMembership.objects.exists()
    assert Event.objects.get(action="deleted").organiser_id == organiser.pk


def test_history_shows_only_records_of_the_own_organiser(owner, organiser):
    other = OrganiserFactory(name="Other")
    Staff(make_staff(other, email="other@example.org")).open(change(other))
    owner.open(change(organiser))
    owner.save(city="Geneva")
    page = owner.open(listing(Event))
    assert "Town: empty → Geneva" in page.text
    assert "owner@example.org" in page.source
    assert "other@example.org" not in page.source
    event = Event.objects.get()
    assert owner.open(change(event)).status == 200
    assert owner.open(f"{listing(Event)}add/").status == 403


def test_box_office_sees_no_history(organiser):
    staff = Staff(make_staff(organiser, "box office"))
    assert staff.open(listing(Event)).status == 403


# --- time zones ----------------------------------------------------------------------------------------------
def test_pages_state_the_time_zone_when_the_organisers_of_a_person_have_several_or_there_is_none():
    def shown(user) -> str:
        source = Staff(user).open("/admin/").source
        found = re.search(r"Time zone:\s*([\w/]+)", source)
        return found[1] if found else ""

    administrator = SuperuserFactory()
    assert shown(administrator) == "UTC"
    first = OrganiserFactory(time_zone="Europe/Zurich")
    user = make_staff(first)
    assert shown(user) == ""
    other = OrganiserFactory(time_zone="Europe/London")
    StaffMembershipFactory(user=user, organiser=other)
    assert shown(user) == "Europe/Zurich"
    page = Staff(user).open(change(EventFactory(organiser=other)))
    assert "Europe/London" in page.source
    assert "Europe/Zurich" not in page.source


def test_menu_leads_to_the_lists_that_the_role_may_open_in_their_order(organiser):
    """Other packages add lists: of the owner only the order of the packages is written down here."""
    menus = {}
    for role in ("box office", "owner"):
        source = Staff(make_staff(organiser, role)).open("/admin/").source
        menu = source[source.index('id="menu-') : source.index("</nav>", source.index('id="menu-'))]
        menus[role] = re.findall(r'<a href="/admin/(\w+/\w+)/"', menu)
    assert menus["box office"] == [
        *(f"sales/{name}" for name in ("order", "ticket", "issuedpass", "customer", "payment", "refund")),
        *(f"contacts/{name}" for name in ("contact", "contactlink")),
        "registration_forms/registrationform",
        *(f"catalogue/{name}" for name in ("event", "seasonpass", "allotment", "venue", "category")),
        "jobs/failure",
    ]
    assert set(menus["box office"]) < set(menus["owner"])
    assert list(dict.fromkeys(entry.split("/")[0] for entry in menus["owner"])) == [
        label for label in ORDER if label != "accounts"
    ]
