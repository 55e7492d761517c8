"""Invitations of staff: sent by an owner, accepted once, by the owner of the invited mailbox."""

import html
import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.staff import invitations
from tests.at_once import at_once, meet
from tests.factories.accounts import BACKEND, PASSWORD, UserFactory
from tests.factories.organisers import (
    OrganiserFactory,
    PointOfSaleFactory,
    StaffInvitationFactory,
    StaffMembershipFactory,
    make_staff,
)
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffInvitation, StaffMembership

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("STF-01")]
CHOSEN = "paper-lantern-at-dusk"
ADD = f"{listing(StaffInvitation)}add/"


@pytest.fixture
def theatre(pos):
    return pos.organiser


@pytest.fixture
def owner(theatre):
    return Staff(make_staff(theatre, email="owner@example.org"))


def role_named(page, name: str) -> str:
    """Return the value of a role in the form of the page."""
    found = re.search(rf'<option value="(\d+)"[^>]*>{name}</option>', page.source)
    assert found, page.text
    return found[1]


def invite(owner, email: str, role: str = "box office"):
    owner.open(ADD)
    return owner.save(email=email, role=role_named(owner.page, role))


def link_of(letter) -> str:
    return re.findall(r"http://testserver(/accounts/staff-invitation/\S+)", letter.body)[-1]


def works_at(email: str) -> list[tuple[str, str]]:
    rows = StaffMembership.objects.filter(user__email=email).select_related("organiser", "role")
    return [(row.organiser.name, row.role.name) for row in rows]


# --- inviting -----------------------------------------------------------------------------------------
def test_new_person_signs_up_through_the_mailed_link_and_works_at_once(owner, theatre, post):
    invite(owner, "New@Example.org")
    letter = post()[-1]
    assert letter.to == ["new@example.org"]
    assert "“box office”" in letter.body
    person = TestClientVisitor()
    person.open(link_of(letter))
    page = person.fill("^password1$", {"password1": CHOSEN}, button=("answer", "join"))
    assert page.url == "/admin/"
    assert works_at("new@example.org") == [(theatre.name, "box office")]
    assert person.open(link_of(letter)).url == "/admin/"


def test_existing_log_in_accepts_after_logging_in_with_that_address(owner, theatre, post):
    UserFactory(email="known@example.org")
    invite(owner, "known@example.org", "accounting")
    person = TestClientVisitor()
    page = person.open(link_of(post()[-1]))
    assert "password1" not in page.source
    person.open(
        html.unescape(
            re.search(r'href="(/accounts/login/\?next=[^"]*staff-invitation[^"]*)"', page.source)[1]
        )
    )
    person.fill("^login$", {"login": "known@example.org", "password": PASSWORD})
    assert "/accounts/staff-invitation/" in person.page.url
    assert works_at("known@example.org") == []
    form = next(form for form in person.page.forms if form.action == "")
    person.submit(form, button=("answer", "accept"))
    assert works_at("known@example.org") == [(theatre.name, "accounting")]


def test_role_entry_control_leads_to_the_door(owner, post):
    invite(owner, "door@example.org", "entry control")
    person = TestClientVisitor()
    person.open(link_of(post()[-1]))
    page = person.fill("^password1$", {"password1": CHOSEN}, button=("answer", "join"))
    assert page.url == "/door/"


def test_answer_is_the_same_whether_the_address_has_a_log_in_or_not(owner):
    UserFactory(email="aaaaa@example.org")
    pages = [invite(owner, f"{name}@example.org") for name in ("aaaaa", "bbbbb")]
    assert StaffInvitation.objects.count() == 2
    first, second = (re.sub(r"aaaaa|bbbbb", "NAME", " ".join(page.messages)) for page in pages)
    assert first == second
    assert "NAME@example.org is invited" in pages[0].text.replace("aaaaa", "NAME")


def test_only_roles_of_organisers_can_be_given(owner):
    platform = Group.objects.create(name="platform")
    owner.open(ADD)
    assert str(platform.pk) not in owner.page.form("^_save$").choices["role"]
    owner.save(email="new@example.org", role=platform.pk)
    assert owner.errors
    assert not StaffInvitation.objects.exists()


def test_other_roles_and_other_organisers_can_not_invite(theatre):
    other = OrganiserFactory()
    for user in (make_staff(theatre, "back office"), make_staff(theatre, "accounting")):
        assert Staff(user).open(ADD).status == 403
    stranger = Staff(make_staff(other))
    role = role_named(stranger.open(ADD), "owner")
    form = stranger.page.form("^_save$")
    form.names |= {"organiser"}
    stranger.submit(
        form,
        {"email": "x@example.org", "role": role, "organiser": theatre.pk},
        button=("_save", "Save"),
    )
    assert not StaffInvitation.objects.filter(organiser=theatre).exists()


def test_member_and_invited_address_are_not_invited_again(owner, theatre):
    StaffMembershipFactory(organiser=theatre, user__email="box@example.org", role="box office")
    invite(owner, "BOX@example.org")
    assert any("is a member of your staff" in error for error in owner.errors)
    invite(owner, "new@example.org")
    assert StaffInvitation.objects.count() == 1
    invite(owner, "New@example.org")
    assert StaffInvitation.objects.count() == 1
    assert "invited already" in owner.page.text


def test_invitations_to_one_address_are_limited(owner):
    invite(owner, "new@example.org")
    invitation = StaffInvitation.objects.get()
    for _ in range(3):
        owner.press(invitation, "send-again")
    assert "Too many invitations" in owner.page.text
    assert Mail.objects.filter(kind="staff_invited").count() == 3
    owner.press(invitation, "take-back")
    invite(owner, "new@example.org")
    assert any("Too many invitations" in error for error in owner.errors)
    assert owner.page.form("^_save$").values["email"] == "new@example.org"


def test_invitation_sent_again_replaces_the_earlier_link(owner, theatre, post):
    invite(owner, "new@example.org")
    first = link_of(post()[-1])
    owner.press(StaffInvitation.objects.get(), "send-again")
    second = link_of(post()[-1])
    person = TestClientVisitor()
    assert person.open(first).status == 410
    assert person.open(second).status == 200


def test_invitation_taken_back_opens_nothing(owner, post):
    invite(owner, "new@example.org")
    link, queued = link_of(post()[-1]), StaffInvitation.objects.get()
    assert "new@example.org" in owner.open(listing(StaffInvitation)).source
    owner.press(queued, "take-back")
    page = TestClientVisitor().open(link)
    assert page.status == 410
    assert "ask the person who invited you" in page.text
    assert "new@example.org" not in owner.open(listing(StaffInvitation)).source


def test_mail_of_an_invitation_taken_back_before_it_left_is_not_sent(owner, post):
    invite(owner, "new@example.org")
    owner.press(StaffInvitation.objects.get(), "take-back")
    assert post() == []


# --- the link -----------------------------------------------------------------------------------------
@pytest.fixture
def token(theatre):
    return invitations.new_token(StaffInvitationFactory(organiser=theatre, email="new@example.org"))


def page_of(token: str) -> str:
    return f"/accounts/staff-invitation/{token}/"


def test_forged_and_expired_links_show_what_to_do(token):
    person = TestClientVisitor()
    assert person.open(page_of(token)).status == 200
    assert person.open(page_of("x" * 32)).status == 410
    StaffInvitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = person.open(page_of(token))
    assert page.status == 410
    assert "send it again" in page.text


def test_other_log_in_can_not_accept(token):
    """Neither by the button, nor by a log-in that has the address without having proved it."""
    other = UserFactory(email="other@example.org")
    visitor = TestClientVisitor()
    visitor.client.force_login(other, backend=BACKEND)
    page = visitor.open(page_of(token))
    assert "other@example.org is logged in" in page.text
    form = next(form for form in page.forms if form.action == "")
    visitor.submit(form, button=("answer", "accept"))
    User.objects.filter(pk=other.pk).update(email="new@example.org")
    EmailAddress.objects.filter(user=other).update(email="new@example.org", verified=False)
    visitor.submit(form, button=("answer", "accept"))
    assert not StaffMembership.objects.filter(user=other).exists()


def test_used_link_adds_no_member_again(token, theatre):
    user = UserFactory(email="new@example.org")
    invitation, now = StaffInvitation.objects.get(), timezone.now()
    membership = invitations.accept(invitation, user, now=now)
    assert membership is not None
    make_staff(theatre)
    membership.delete()
    assert invitations.accept(invitation, user, now=now) is None
    visitor = TestClientVisitor()
    visitor.client.force_login(user, backend=BACKEND)
    assert visitor.open(page_of(token)).status == 410
    assert works_at("new@example.org") == []


def test_declined_invitation_is_deleted(token):
    person = TestClientVisitor()
    page = person.open(page_of(token))
    person.submit([form for form in page.forms if form.action == ""][-1], button=("answer", "decline"))
    assert "Invitation declined" in person.page.text
    assert not StaffInvitation.objects.exists()
    assert Event.objects.filter(action="staff_invitation_declined").exists()


def test_switched_off_log_in_gets_no_new_password(token):
    UserFactory(email="new@example.org", is_active=False)
    page = TestClientVisitor().open(page_of(token))
    assert "password1" not in page.source


def test_password_that_is_refused_leaves_the_invitation_open(token):
    person = TestClientVisitor()
    person.open(page_of(token))
    page = person.fill("^password1$", {"password1": "short"}, button=("answer", "join"))
    assert "at least 8 characters" in page.text
    assert StaffInvitation.objects.get().accepted_at is None


def test_history_tells_who_did_what_without_addresses(owner, theatre, post):
    invite(owner, "new@example.org")
    person = TestClientVisitor()
    person.open(link_of(post()[-1]))
    person.fill("^password1$", {"password1": CHOSEN}, button=("answer", "join"))
    records = Event.objects.filter(organiser_id=theatre.pk).order_by("pk")
    assert [record.action for record in records] == ["staff_invited", "staff_joined"]
    assert "example.org" not in str([record.details for record in records])
    assert "Role: box office" in owner.open(listing(Event)).text


def test_list_of_invitations_needs_the_same_queries_for_one_and_three(owner, theatre):
    counts = []
    for number in (1, 2):
        StaffInvitationFactory.create_batch(number, organiser=theatre)
        owner.open(listing(StaffInvitation))
        with CaptureQueriesContext(connection) as queries:
            owner.open(listing(StaffInvitation))
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- at the same time ------------------------------------------------------------------------------------
def press_twice(monkeypatch, token) -> tuple[list, int]:
    """Two clicks on *Accept* with a password meet after both have read the invitation."""
    of_token = invitations.of_token

    def read(token, now):
        invited = of_token(token, now)
        meet()
        return invited

    monkeypatch.setattr(invitations, "of_token", read)
    users = type(User.objects)
    create = users.create_user

    def meet_and_create(manager, email, password):
        meet()  # both have found no log-in, unless one waits for the other's lock
        return create(manager, email, password)

    monkeypatch.setattr(users, "create_user", meet_and_create)

    def press():
        person = Client(raise_request_exception=False)
        return person.post(page_of(token), {"answer": "join", "password1": CHOSEN}).status_code

    statuses = at_once(press, press)
    return statuses, StaffMembership.objects.filter(user__email="new@example.org").count()


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_log_in_and_both_lead_on(monkeypatch):
    pos = PointOfSaleFactory()
    token = invitations.new_token(StaffInvitationFactory(organiser=pos.organiser, email="new@example.org"))
    assert press_twice(monkeypatch, token) == ([302, 302], 1)
    assert Event.objects.filter(action="staff_joined").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_fail_without_the_lock_on_the_invitation(monkeypatch):
    pos = PointOfSaleFactory()
    token = invitations.new_token(StaffInvitationFactory(organiser=pos.organiser, email="new@example.org"))
    rows = StaffInvitation.objects.select_related("role")
    monkeypatch.setattr(invitations, "_lock", lambda **conditions: rows.all().filter(**conditions).first())
    statuses, _members = press_twice(monkeypatch, token)
    assert sorted(statuses) == [302, 500]


def test_change_page_of_an_invitation_shows_it_and_changes_nothing(owner, theatre):
    invitation = StaffInvitationFactory(organiser=theatre, email="new@example.org")
    page = owner.open(change(invitation))
    assert "new@example.org" in page.source
    assert 'name="_save"' not in page.source
