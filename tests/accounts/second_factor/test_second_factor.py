"""The second factor: set up, asked at the log-in, demanded of staff, reset when it is lost."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils import timezone

from accounts.models import Session
from tests.factories.accounts import PASSWORD, SuperuserFactory, UserFactory
from tests.factories.organisers import OrganiserFactory, StaffMembershipFactory, make_staff
from tests.staff import Staff
from tests.visitor import TestClientVisitor
from ticketshop.history.models import Event
from ticketshop.limits import limits
from ticketshop.limits.models import Counter
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, StaffMembership

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("STF-02")]
STRICT = {"second_factor_required": True}


@pytest.fixture
def theatre():
    return OrganiserFactory(name="The Theatre", **STRICT)


@pytest.fixture
def clock(monkeypatch):
    """Steps of 30 seconds, so that each code is a new one: a code is taken once."""
    now = {"at": time.time()}
    monkeypatch.setattr(totp.time, "time", lambda: now["at"])
    return now


def code_of(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time())))


def stands_before(page, name: str) -> bool:
    """Return whether the visitor was led to a page of the second factor, or to the password that is asked before it."""
    return f"/2fa/{name}/" in page.url or f"2fa%2F{name.replace('/', '%2F')}" in page.url


def log_in(visitor, email, next_page="/accounts/security/"):
    visitor.open(f"/accounts/login/?next={next_page}")
    return visitor.fill("^login$", {"login": email, "password": PASSWORD})


def set_up(visitor, clock) -> str:
    """Set up the codes on the current page or the page *Security*; return the secret."""
    if "/2fa/totp/activate/" not in visitor.page.url:
        visitor.open("/accounts/2fa/totp/activate/")
    secret = re.search(r'class="secret">(\w+)<', visitor.page.source)[1]
    with TestCase.captureOnCommitCallbacks(execute=True):
        visitor.fill("^code$", {"code": code_of(secret)})
    clock["at"] += 30
    return secret


@pytest.fixture
def person(clock):
    """A visitor with a second factor, and a session elsewhere: user, secret, recovery codes. No page is opened for it."""
    user, secret = UserFactory(email="ada@example.org"), totp.generate_totp_secret()
    TestClientVisitor().client.force_login(user)
    totp.TOTP.activate(user, secret)
    return user, secret, RecoveryCodes.activate(user).get_unused_codes()


def test_after_twenty_wrong_codes_in_a_day_even_the_right_one_waits(person, clock):
    user, secret, _codes = person
    visitor = TestClientVisitor()
    log_in(visitor, user.email)
    now = timezone.now()
    for _try in range(limits.LIMITS["second_factor"].count - 1):
        limits.note("second_factor", f"user {user.pk}", now)
    page = visitor.fill("^code$", {"code": "000000"})
    assert "This code is not right" in page.text
    clock["at"] += 30
    page = visitor.fill("^code$", {"code": code_of(secret)})
    assert "Too many wrong codes were typed. Try again tomorrow." in page.text
    assert "/2fa/authenticate/" in page.url
    Counter.objects.filter(kind="second_factor").delete()
    visitor.fill("^code$", {"code": code_of(secret)})
    assert visitor.open("/accounts/security/").status == 200
    assert "/login/" not in visitor.page.url


def test_right_codes_are_not_counted(person, clock):
    user, secret, _codes = person
    visitor = TestClientVisitor()
    log_in(visitor, user.email)
    visitor.fill("^code$", {"code": code_of(secret)})
    assert not Counter.objects.filter(kind="second_factor").exists()


# --- visitors -----------------------------------------------------------------------------------------
def test_log_in_with_a_factor_asks_for_the_code_after_the_password(person, clock):
    user, secret, _codes = person
    visitor = TestClientVisitor()
    page = log_in(visitor, user.email)
    assert "/2fa/authenticate/" in page.url
    assert "/2fa/authenticate/" in visitor.open("/accounts/security/").url
    page = visitor.fill("^code$", {"code": code_of(secret)})
    assert page.url == "/accounts/security/"
    assert "Codes from an app: on" in page.text


def test_code_is_taken_once(person, clock):
    user, secret, _codes = person
    first, second = TestClientVisitor(), TestClientVisitor()
    for visitor in (first, second):
        log_in(visitor, user.email)
    code = code_of(secret)
    assert first.fill("^code$", {"code": code}).url == "/accounts/security/"
    assert "was used already" in second.fill("^code$", {"code": code}).text


def test_recovery_code_opens_once(person):
    user, _secret, codes = person
    for expected in ("/accounts/security/", "/accounts/2fa/authenticate/"):
        visitor = TestClientVisitor()
        log_in(visitor, user.email)
        assert visitor.fill("^code$", {"code": codes[3]}).url.startswith(expected)


def test_sixth_wrong_code_is_not_tried(person, clock):
    user, secret, _codes = person
    visitor = TestClientVisitor()
    log_in(visitor, user.email)
    for _ in range(5):
        page = visitor.fill("^code$", {"code": "000000"})
    assert "This code is not right" in page.text
    page = visitor.fill("^code$", {"code": code_of(secret)})
    assert "Too many failed log-in attempts" in page.text


def test_setting_up_tells_the_owner_and_ends_other_sessions(clock):
    user = UserFactory(email="ada@example.org")
    elsewhere, here = TestClientVisitor(), TestClientVisitor()
    for visitor in (elsewhere, here):
        log_in(visitor, user.email)
    set_up(here, clock)
    assert len(re.findall(r"<code>(\d{8})</code>", here.page.source)) == 10, "recovery codes"
    assert here.open("/accounts/security/").url == "/accounts/security/"
    assert elsewhere.open("/accounts/security/").url.startswith("/accounts/login/")
    assert Mail.objects.get(kind="account_factor").about == {"user": user.pk, "why": "totp_activated"}


def test_changes_ask_for_the_password_or_a_code_again(clock):
    user = UserFactory(email="ada@example.org")
    visitor = TestClientVisitor()
    log_in(visitor, user.email)
    session = visitor.client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 400}]
    session.save()
    assert "/accounts/reauthenticate/" in visitor.open("/accounts/2fa/totp/activate/").url


def test_secret_is_encrypted_in_the_database_and_survives_a_new_secret_key(person, clock, settings):
    user, secret, _codes = person
    stored = Authenticator.objects.get(user=user, type="totp")
    assert secret not in str(stored.data)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert stored.wrap().validate_code(code_of(secret))


def test_new_password_does_not_skip_the_code(person, post):
    user, _secret, _codes = person
    visitor = TestClientVisitor()
    visitor.open("/accounts/password/reset/")
    visitor.fill("^email$", {"email": user.email})
    link = re.findall(r"http://testserver(/accounts/password/reset/key/\S+)", post()[-1].body)[-1]
    visitor.open(link)
    chosen = {"password1": "paper-lantern-at-dusk", "password2": "paper-lantern-at-dusk"}
    visitor.fill("^password1$", chosen)
    visitor.open("/accounts/login/?next=/accounts/security/")
    page = visitor.fill("^login$", {"login": user.email, "password": "paper-lantern-at-dusk"})
    assert "/2fa/authenticate/" in page.url


# --- staff ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", ["/admin/", "/door/"])
def test_staff_set_up_the_factor_before_the_first_page_of_staff_opens(theatre, clock, target):
    user = make_staff(theatre, email="ada@example.org")
    visitor = TestClientVisitor()
    page = log_in(visitor, user.email, target)
    assert page.url.startswith("/accounts/2fa/totp/activate/")
    assert "Your organiser asks its staff for a second step" in page.text
    assert visitor.open(target).url.startswith("/accounts/2fa/totp/activate/")
    set_up(visitor, clock)
    assert visitor.open(target).url == target


def test_page_that_logs_in_to_the_back_office_is_no_way_around(theatre):
    staff = Staff(make_staff(theatre))
    assert stands_before(staff.open("/admin/login/"), "totp/activate")
    assert staff.send("POST", "/admin/login/", {"username": "x", "password": "y"}).status in {302, 403}


def test_staff_of_two_organisers_need_it_if_one_demands_it(theatre):
    user = make_staff(OrganiserFactory())
    assert Staff(user).open("/admin/").url == "/admin/"
    StaffMembershipFactory(user=user, organiser=theatre, role="door")
    assert stands_before(Staff(user).open("/admin/"), "totp/activate")


def test_administrator_of_the_platform_needs_it_as_soon_as_one_organiser_demands_it():
    root = SuperuserFactory()
    assert Staff(root).open("/admin/").url == "/admin/"
    OrganiserFactory(**STRICT)
    assert stands_before(Staff(root).open("/admin/"), "totp/activate")


def test_session_that_was_opened_without_the_factor_must_use_it_first(person, theatre, clock):
    """Here the session began without any step of a log-in."""
    user, secret, _codes = person
    StaffMembershipFactory(user=user, organiser=theatre)
    staff = Staff(user)
    page = staff.open("/admin/")
    assert page.url.startswith("/accounts/2fa/reauthenticate/")
    staff.fill("^code$", {"code": code_of(secret)})
    assert staff.page.url == "/admin/"


def test_factor_that_was_switched_off_is_demanded_at_the_next_page(person, theatre, clock):
    user, secret, _codes = person
    StaffMembershipFactory(user=user, organiser=theatre)
    visitor = TestClientVisitor()
    log_in(visitor, user.email, "/admin/")
    assert visitor.fill("^code$", {"code": code_of(secret)}).url == "/admin/"
    visitor.open("/accounts/2fa/totp/deactivate/")
    visitor.submit(next(form for form in visitor.page.forms if "deactivate" in form.action))
    assert not Authenticator.objects.filter(user=user).exists()
    assert visitor.open("/admin/").url.startswith("/accounts/2fa/totp/activate/")


def test_open_session_is_checked_again_when_its_user_becomes_staff_elsewhere(theatre):
    """A membership counts however and in any browser it is made: here a row is added."""
    user = make_staff(OrganiserFactory())
    staff = Staff(user)
    assert staff.open("/admin/").url == "/admin/"
    StaffMembershipFactory(user=user, organiser=theatre)
    page = f"/admin/organisers/organiser/{theatre.pk}/change/"
    assert stands_before(staff.open(page), "totp/activate")


def test_open_session_is_checked_again_when_its_user_becomes_administrator_of_the_platform(theatre):
    user = make_staff(OrganiserFactory())
    staff = Staff(user)
    assert staff.open("/admin/").url == "/admin/"
    type(user).objects.filter(pk=user.pk).update(is_superuser=True)
    assert stands_before(staff.open("/admin/accounts/user/"), "totp/activate")


def test_new_organisers_demand_it():
    assert Organiser().second_factor_required


# --- lost -----------------------------------------------------------------------------------------------
def button(membership) -> str:
    return f"/admin/organisers/staffmembership/{membership.pk}/reset-second-factor/"


@pytest.fixture
def lost(person):
    """A member of staff with a factor, and an owner of the same organiser, which demands none."""
    user, _secret, _codes = person
    membership = StaffMembershipFactory(user=user, role="box office")
    return user, membership, Staff(make_staff(membership.organiser))


def test_owner_resets_a_lost_factor_and_the_person_gets_a_mail(lost, post):
    user, membership, owner = lost
    post()
    owner.press(membership, "reset-second-factor")
    assert "The second step is reset" in owner.page.text
    assert not Authenticator.objects.filter(user=user).exists()
    assert not Session.objects.filter(user=user).exists()
    (letter,) = post()
    assert letter.to == [user.email]
    assert "was reset" in letter.body
    record = Event.objects.get(action="second_factor_reset")
    assert (record.by, record.organiser_id) == (owner.user, membership.organiser_id)
    assert user.email not in str(record.details)
    assert log_in(TestClientVisitor(), user.email).url == "/accounts/security/"


def test_owner_of_another_organiser_and_other_roles_can_not_reset_it(lost):
    user, membership, _owner = lost
    assert Staff(make_staff(OrganiserFactory())).open(button(membership)).status == 404
    assert Staff(make_staff(membership.organiser, "back office")).open(button(membership)).status in {
        403,
        404,
    }
    assert Authenticator.objects.filter(user=user).exists()


def test_owner_can_not_reset_the_factor_of_staff_of_a_second_organiser(lost, theatre):
    """The factor protects the other organiser too, whose owners were not asked."""
    user, membership, owner = lost
    page = f"/admin/organisers/staffmembership/{membership.pk}/change/"
    before = owner.open(page).text
    elsewhere = StaffMembershipFactory(user=user, organiser=theatre)
    assert "Reset the second step" in before
    assert owner.open(page).text == before, "the page tells that the person works elsewhere, too"
    owner.press(membership, "reset-second-factor")
    assert "Only the administrator of the platform can reset it" in owner.page.text
    assert theatre.name not in owner.page.text
    assert Authenticator.objects.filter(user=user).exists()
    assert Session.objects.filter(user=user).exists()
    StaffMembershipFactory(user=owner.user, organiser=theatre, role="back office")
    organiser = type(theatre).objects.filter(pk=theatre.pk)
    organiser.update(second_factor_required=False)  # so that the owner's own session stays open
    owner.press(membership, "reset-second-factor")
    assert Authenticator.objects.filter(user=user).exists()
    root = Staff(SuperuserFactory())
    root.press(elsewhere, "reset-second-factor")
    assert not Authenticator.objects.filter(user=user).exists()


def test_own_factor_and_that_of_an_administrator_of_the_platform_stay(lost):
    user, membership, owner = lost
    type(user).objects.filter(pk=user.pk).update(is_superuser=True)
    owner.press(membership, "reset-second-factor")
    assert "only the platform can reset it" in owner.page.text
    type(user).objects.filter(pk=user.pk).update(is_superuser=False)
    owner.press(StaffMembership.objects.get(user=owner.user), "reset-second-factor")
    assert "You can’t reset your own" in owner.page.text
    assert Authenticator.objects.filter(user=user).exists()


def test_operators_reset_the_factor_of_an_administrator_by_command(person):
    user, _secret, _codes = person
    call_command("reset_second_factor", user.email.upper())
    assert not Authenticator.objects.filter(user=user).exists()
    for email in (user.email, "nobody@example.org"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", email)


def test_administrator_of_the_platform_resets_the_factor_of_a_visitor(person):
    user, _secret, _codes = person
    root = Staff(SuperuserFactory())
    root.press(user, "reset-second-factor")
    assert not Authenticator.objects.filter(user=user).exists()
    assert Event.objects.get(action="second_factor_reset").by == root.user


def test_page_to_add_a_security_key_works_without_inline_scripts():
    visitor = TestClientVisitor()
    page = log_in(visitor, UserFactory().email, "/accounts/2fa/webauthn/add/")
    assert page.status == 200
    assert "mfa/js/webauthn" in page.source
    assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", page.source)
