"""Log-in sessions as their owner sees them, and how they are ended."""

from datetime import UTC, datetime

import pytest

from accounts.log_in import devices
from accounts.models import Session
from tests.factories.accounts import BACKEND, PASSWORD, UserFactory
from tests.factories.organisers import (
    OrganiserFactory,
    PointOfSaleFactory,
    StaffMembershipFactory,
    make_staff,
)
from tests.staff import Staff
from tests.visitor import TestClientVisitor
from ticketshop.history.models import Event

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("STF-03")]
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
SECURITY = "/accounts/security/"


def logged_in(user, agent: str) -> TestClientVisitor:
    visitor = TestClientVisitor(**{"user-agent": agent})
    visitor.open(f"/accounts/login/?next={SECURITY}")
    visitor.fill("^login$", {"login": user.email, "password": PASSWORD})
    assert visitor.page.url == SECURITY
    return visitor


@pytest.fixture
def user():
    return UserFactory(email="ada@example.org")


@pytest.fixture
def phone(user):
    return logged_in(user, PHONE)


@pytest.fixture
def laptop(user, phone):
    return logged_in(user, LAPTOP)


def test_own_devices_are_listed_in_plain_words_without_keys(laptop, phone):
    page = laptop.open(SECURITY)
    assert "Firefox on Linux (this device)" in page.text
    assert "Safari on iPhone" in page.text
    assert "Last used:" in page.text
    for key in Session.objects.values_list("session_key", flat=True):
        assert key not in page.source
    assert "Mozilla" not in str(list(Session.objects.values_list("device", flat=True)))


def test_the_last_use_is_shown_with_its_time_zone(laptop, user):
    Session.objects.update(used_at=datetime(2026, 1, 5, 7, 14, tzinfo=UTC))
    assert "5 January 2026, 07:14 (UTC)" in laptop.open(SECURITY).text
    StaffMembershipFactory(user=user, organiser=OrganiserFactory(time_zone="Europe/Zurich"))
    assert "5 January 2026, 08:14 (Europe/Zurich)" in laptop.open(SECURITY).text
    shop = PointOfSaleFactory(organiser__time_zone="Europe/London")
    page = laptop.open(f"{SECURITY}?next=/{shop.slug}/account/")
    assert "5 January 2026, 07:14 (Europe/London)" in page.text


def test_one_device_is_logged_out_there(laptop, phone):
    page = laptop.open(SECURITY)
    form = next(form for form in page.forms if form.action.startswith("/accounts/security/sessions/"))
    laptop.submit(form, button=("session", devices.mark(phone.client.session.session_key)))
    assert "That device is logged out" in laptop.page.text
    assert phone.open(SECURITY).url.startswith("/accounts/login/")
    assert laptop.open(SECURITY).url == SECURITY


def test_session_of_another_person_can_not_be_ended(laptop):
    other = logged_in(UserFactory(), PHONE)
    form = next(form for form in laptop.open(SECURITY).forms if "security/sessions" in form.action)
    laptop.submit(form, button=("session", devices.mark(other.client.session.session_key)))
    assert "was logged out already" in laptop.page.text
    assert other.open(SECURITY).url == SECURITY


def test_new_password_logs_out_the_other_devices(laptop, phone):
    laptop.open("/accounts/password/change/")
    if "reauthenticate" in laptop.page.url:
        laptop.fill("^password$", {"password": PASSWORD})
    new = "paper-lantern-at-dusk"
    names = laptop.page.form("^oldpassword$").names
    values = {"oldpassword": PASSWORD, "password1": new} | (
        {"password2": new} if "password2" in names else {}
    )
    laptop.fill("^oldpassword$", values)
    assert laptop.open(SECURITY).url == SECURITY
    assert phone.open(SECURITY).url.startswith("/accounts/login/")
    assert "Safari on iPhone" not in laptop.page.text


def test_owner_logs_a_member_out_everywhere(user, phone):
    membership = StaffMembershipFactory(user=user, role="door")
    owner = Staff(make_staff(membership.organiser))
    stranger = Staff(make_staff(OrganiserFactory()))
    assert stranger.open(f"/admin/organisers/staffmembership/{membership.pk}/end-sessions/").status == 404
    assert phone.open(SECURITY).url == SECURITY
    owner.press(membership, "end-sessions")
    assert "is logged out on all devices" in owner.page.text
    assert phone.open(SECURITY).url.startswith("/accounts/login/")
    assert Event.objects.get(action="sessions_ended").by == owner.user


@pytest.mark.parametrize(
    ("agent", "words"), [(PHONE, "Safari on iPhone"), (LAPTOP, "Firefox on Linux"), ("", "Unknown device")]
)
def test_device_in_plain_words(agent, words):
    assert devices.text_of(devices.name_of(agent)) == words


def test_use_is_noted_once_an_hour(user):
    visitor = TestClientVisitor()
    visitor.client.force_login(user, backend=BACKEND)
    visitor.open(SECURITY)
    first = Session.objects.get(user=user).used_at
    visitor.open(SECURITY)
    assert Session.objects.get(user=user).used_at == first
    session = visitor.client.session
    session[devices.USED] -= 3700
    session.save()
    visitor.open(SECURITY)
    assert Session.objects.get(user=user).used_at > first
