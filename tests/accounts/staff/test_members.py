"""Members of staff: another role, removed, leaving; an organiser keeps an owner."""

from contextlib import suppress

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.staff import invitations
from tests.at_once import at_once, meet
from tests.factories.accounts import SuperuserFactory
from tests.factories.organisers import (
    OrganiserFactory,
    StaffInvitationFactory,
    StaffMembershipFactory,
    make_staff,
)
from tests.staff import Staff, change, listing
from ticketshop.history.models import Event
from ticketshop.organisers import staff
from ticketshop.organisers.models import Organiser, StaffInvitation, StaffMembership

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("STF-01")]


@pytest.fixture
def theatre():
    return OrganiserFactory(name="The Theatre")


@pytest.fixture
def owner(theatre):
    return Staff(make_staff(theatre, email="owner@example.org"))


@pytest.fixture
def member(theatre):
    return StaffMembershipFactory(organiser=theatre, user__email="box@example.org", role="box office")


def test_removed_member_is_refused_at_the_next_request(owner, member):
    at_work = Staff(member.user)
    assert at_work.open("/admin/sales/order/").status == 200
    assert at_work.open("/door/").status == 200
    owner.press(member, "remove")
    assert "is not a member of your staff any more" in owner.page.text
    assert at_work.open("/admin/sales/order/").status == 403
    assert at_work.open("/door/").status == 403
    assert Event.objects.get(action="staff_removed").organiser_id == member.organiser_id


def test_new_role_holds_from_the_next_request(owner, member):
    at_work = Staff(member.user)
    at_work.open("/admin/sales/order/")
    owner.open(f"{change(member).removesuffix('change/')}change-role/")
    owner.fill("^role$", {"role": Group.objects.get(name="door").pk})
    assert at_work.open("/admin/sales/order/").url == "/door/"
    assert "Role: box office → entry control" in owner.open(change(member)).text


def test_member_leaves_by_themselves(owner, member):
    at_work = Staff(member.user)
    page = at_work.open("/accounts/security/")
    assert "The Theatre (box office)" in page.text
    at_work.open(page.link("Leave"))
    at_work.submit(next(form for form in at_work.page.forms if form.action == ""))
    assert not StaffMembership.objects.filter(pk=member.pk).exists()
    assert at_work.open("/admin/").status == 403
    assert Event.objects.filter(action="staff_left", by=member.user).exists()


def test_membership_of_another_person_can_not_be_left(owner, member):
    assert owner.open(f"/accounts/staff/{member.pk}/leave/").status == 404


def test_last_owner_stays(owner, theatre, member):
    """An owner whose log-in is switched off does not count."""
    StaffMembershipFactory(organiser=theatre, user__is_active=False)
    own = StaffMembership.objects.get(user=owner.user)
    owner.press(own, "remove")
    assert "Make another member owner first" in owner.page.text
    assert "Remove from the staff: This is the only owner" in owner.page.text
    address = f"{change(own).removesuffix('change/')}change-role/"
    assert "Make another member owner first" in owner.open(address).text
    # The page was opened while there was another owner.
    other = StaffMembershipFactory(organiser=theatre)
    form = owner.open(address).form("^role$")
    other.delete()
    owner.submit(form, {"role": Group.objects.get(name="door").pk})
    assert "Make another member owner first" in owner.page.text
    owner.open(f"/accounts/staff/{own.pk}/leave/")
    page = owner.submit(next(form for form in owner.page.forms if form.action == ""))
    assert page.status == 409
    assert "Make another member owner first" in page.text
    own.refresh_from_db()
    assert own.role.name == "owner"
    StaffMembershipFactory(organiser=theatre)
    owner.press(own, "remove")
    assert not StaffMembership.objects.filter(pk=own.pk).exists()


def test_open_invitations_of_a_removed_owner_end(owner, theatre):
    former = StaffMembershipFactory(organiser=theatre)
    StaffInvitationFactory(organiser=theatre, invited_by=former.user)
    other = StaffInvitationFactory(organiser=theatre, invited_by=owner.user)
    elsewhere = StaffInvitationFactory(invited_by=former.user)
    owner.press(former, "remove")
    assert set(StaffInvitation.objects.all()) == {other, elsewhere}


def test_staff_of_another_organiser_are_not_there(owner):
    foreign = StaffMembershipFactory(role="box office")
    StaffMembershipFactory(
        user=foreign.user, organiser=StaffMembership.objects.get(user=owner.user).organiser
    )
    for button in ("remove", "change-role"):
        assert owner.open(f"{change(foreign).removesuffix('change/')}{button}/").status == 404
    own = StaffMembership.objects.exclude(pk=foreign.pk).get(user=foreign.user)
    owner.press(own, "remove")
    assert StaffMembership.objects.filter(pk=foreign.pk).exists()


def test_other_roles_have_no_buttons_for_staff(theatre, member):
    staff_member = Staff(make_staff(theatre, "back office"))
    assert staff_member.open(listing(StaffMembership)).status == 403
    assert staff_member.open(f"{change(member).removesuffix('change/')}remove/").status == 404
    assert Staff(SuperuserFactory()).open(f"{change(member).removesuffix('change/')}remove/").status == 200


# --- at the same time ------------------------------------------------------------------------------------
def remove_each_other(monkeypatch) -> int:
    """Two owners remove each other; return how many owners are left. They meet after both have counted the owners."""
    theatre = OrganiserFactory()
    first, second = (StaffMembershipFactory(organiser=theatre) for _ in range(2))
    count = staff._check_owner_stays

    def count_and_meet(membership):
        count(membership)
        meet()

    monkeypatch.setattr(staff, "_check_owner_stays", count_and_meet)

    def remove(membership, by):
        try:
            staff.remove(membership, by=by, now=timezone.now())
        except (staff.LastOwner, PermissionDenied):
            return False
        return True

    at_once(lambda: remove(second, first.user), lambda: remove(first, second.user))
    return StaffMembership.objects.filter(organiser=theatre).count()


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_at_once_leave_one(monkeypatch):
    assert remove_each_other(monkeypatch) == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_at_once_leave_none_without_the_lock(monkeypatch):
    rows = Organiser.objects
    monkeypatch.setattr(rows, "select_for_update", lambda **options: rows.all(), raising=False)
    assert remove_each_other(monkeypatch) == 0


def invite_while_removed(monkeypatch) -> int:
    """An owner invites a staff member while another owner removes the first. Return the number of open invitations afterwards.

    Both have been found to be owners; the removal has deleted the invitations before the new one is stored.
    """
    theatre = OrganiserFactory()
    stays, leaves = (StaffMembershipFactory(organiser=theatre) for _ in range(2))
    wanted = StaffInvitation(organiser=theatre, email="back@example.org", role=leaves.role)
    withdraw, lock = staff._withdraw_invitations_of, staff.lock

    def withdraw_and_meet(membership):
        withdraw(membership)
        meet()

    def meet_and_lock(organiser_id, *, by):
        if by == leaves.user:
            meet()
        lock(organiser_id, by=by)

    monkeypatch.setattr(staff, "_withdraw_invitations_of", withdraw_and_meet)
    monkeypatch.setattr(staff, "lock", meet_and_lock)

    def invite():
        with suppress(PermissionDenied):
            invitations.invite(wanted, by=leaves.user, language="en", now=timezone.now())

    at_once(invite, lambda: staff.remove(leaves, by=stays.user, now=timezone.now()))
    assert not StaffMembership.objects.filter(pk=leaves.pk).exists()
    return StaffInvitation.objects.filter(organiser=theatre).count()


@pytest.mark.django_db(transaction=True)
def test_invitation_by_an_owner_removed_at_the_same_moment_is_not_stored(monkeypatch):
    assert invite_while_removed(monkeypatch) == 0


@pytest.mark.django_db(transaction=True)
def test_invitation_by_an_owner_removed_at_the_same_moment_is_stored_without_the_lock(monkeypatch):
    monkeypatch.setattr(staff, "lock", lambda organiser_id, *, by: None)
    assert invite_while_removed(monkeypatch) == 1


def test_owner_who_was_removed_while_the_request_waited_changes_no_role(owner, theatre, member):
    StaffMembership.objects.filter(user=owner.user).delete()
    for change_staff in (
        lambda: staff.change_role(member, Group.objects.get(name="owner"), by=owner.user, now=timezone.now()),
        lambda: staff.remove(member, by=owner.user, now=timezone.now()),
    ):
        with pytest.raises(PermissionDenied):
            change_staff()
    member.refresh_from_db()
    assert member.role.name == "box office"
