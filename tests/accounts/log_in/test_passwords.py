"""The rules for passwords, and the limits on wrong ones."""

import re

import pytest
from django.core import validators
from django.core.cache import cache
from django.test import Client

from accounts.log_in import passwords
from accounts.models import User
from tests.conftest import QuickHasher
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.organisers import make_staff
from tests.sales.mails.test_order_mails import deliver
from tests.visitor import TestClientVisitor

pytestmark = pytest.mark.django_db
GOOD = "wooden horse at noon"


def sign_up(password: str, email="ada@example.org"):
    visitor = TestClientVisitor()
    visitor.open("/accounts/signup/")
    return visitor.fill("^password1$", {"email": email, "password1": password})


@pytest.mark.parametrize(
    "password",
    [
        "8 tokens",
        "nodigitsnocapitals",
        "  spaces at both ends  ",
        "пароль на кириллице",
        "🐎🪵🕛 wooden horse",
        "x9" * 32 + "!",
        "a long one " * 372 + "end!",
    ],
)
def test_passwords_of_every_kind_work_as_typed(pos, password):
    assert 8 <= len(password) <= passwords.LONGEST
    page = sign_up(password)
    assert "Look into your mailbox" in page.text
    user = User.objects.get()
    assert user.check_password(password)
    assert not user.check_password(password.strip() + "x")
    user.emailaddress_set.update(verified=True)
    visitor = TestClientVisitor()
    visitor.log_in(user.email, password)
    assert visitor.open("/theatre/account/").url == "/theatre/account/"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short 7", "too short"),
        ("password123", "too common"),
        ("iloveyou1", "too common"),
        ("ada@example.org1", "too similar"),
        ("x" * 5000, f"at most {passwords.LONGEST} characters"),
        ("x" * 200_000, f"at most {passwords.LONGEST} characters"),
        ("nul\x00inside", "Null characters"),
    ],
)
def test_passwords_that_are_refused_with_the_reason(password, reason):
    page = sign_up(password)
    assert "There is a problem" in page.text
    assert reason in page.text
    assert page.form("^password1$").values["email"] == "ada@example.org"
    assert password not in page.source
    assert not User.objects.exists()


def test_password_of_the_maximum_length_is_accepted_and_a_longer_one_refused():
    validator = passwords.LengthValidator(8)
    validator.validate("x" * passwords.LONGEST)
    with pytest.raises(validators.ValidationError):
        validator.validate("x" * (passwords.LONGEST + 1))


def test_password_beyond_the_maximum_length_counts_as_wrong(pos, monkeypatch):
    user = UserFactory()
    refused = TestClientVisitor().log_in(user.email, "wrong").text
    monkeypatch.setattr(User, "check_password", lambda *_args: pytest.fail("it was hashed"))
    assert TestClientVisitor().log_in(user.email, "x" * 1_000_000).text == refused


def test_change_needs_the_present_password(pos):
    visitor, user = TestClientVisitor(), UserFactory()
    visitor.log_in(user.email, PASSWORD)
    new = {"password1": GOOD, "password2": GOOD}
    visitor.open("/accounts/password/change/")
    visitor.fill("^oldpassword$", {"oldpassword": "wrong", **new})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    visitor.open("/accounts/password/change/")
    visitor.fill("^oldpassword$", {"oldpassword": PASSWORD, **new})
    user.refresh_from_db()
    assert user.check_password(GOOD)
    assert visitor.open("/theatre/account/").url == "/theatre/account/", "who changed it stays"


# --- limits ---------------------------------------------------------------------------------------------------


def tries(email: str, url: str, number: int) -> list[str]:
    """Return the pages after wrong passwords for one address, each from another browser; the form is opened in the first."""
    form_url, pages = TestClientVisitor().open(url).url, []
    for count in range(number):
        visitor = TestClientVisitor()
        visitor.client = Client()  # which needs no token of a form
        pages.append(visitor.send("POST", form_url, {"login": email, "password": f"wrong {count}"}).text)
    return pages


@pytest.mark.parametrize("door", ["/accounts/login/", "/admin/login/"])
def test_after_five_wrong_passwords_the_right_one_is_refused_too(pos, door):
    """The back office uses the same log-in page."""
    staff = make_staff(pos.organiser)
    pages = tries(staff.email, door, 5)
    assert all("Too many failed log-in attempts" not in page for page in pages)
    visitor = TestClientVisitor()
    page = visitor.log_in(staff.email, PASSWORD, door)
    assert "Too many failed" in page.text
    assert visitor.open("/theatre/account/").url.startswith("/accounts/login/")
    # Another person is not locked out with them.
    other = UserFactory()
    visitor.log_in(other.email, PASSWORD)
    assert visitor.open("/theatre/account/").url == "/theatre/account/"


def test_wrong_passwords_elsewhere_do_not_lock_out_a_known_browser(pos, settings):
    """The limit of a network is switched off here, so that only the counter of the log-in counts."""
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}
    user = UserFactory()
    owner = TestClientVisitor()
    owner.log_in(user.email, PASSWORD)
    owner.client.post("/accounts/logout/")
    owner.client.cookies.pop("sessionid", None)
    tries(user.email, "/accounts/login/", 6)
    assert "Too many failed log-in attempts." in TestClientVisitor().log_in(user.email, PASSWORD).text
    owner.log_in(user.email.upper(), PASSWORD)
    assert owner.open("/theatre/account/").url == "/theatre/account/"
    # Its own tries are limited as well.
    owner.client.cookies.pop("sessionid", None)
    for _ in range(5):
        owner.log_in(user.email, "wrong")
    assert "Too many failed log-in attempts." in owner.log_in(user.email, PASSWORD).text


def test_browser_is_known_only_for_its_log_ins(pos, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}
    mine, other = UserFactory(), UserFactory()
    browser = TestClientVisitor()
    browser.log_in(mine.email, PASSWORD)
    assert mine.email not in browser.client.cookies["known_browser"].value
    browser.client.cookies.pop("sessionid", None)
    tries(other.email, "/accounts/login/", 6)
    assert "Too many failed" in browser.log_in(other.email, PASSWORD).text
    # The same for a forged cookie.
    forger = TestClientVisitor()
    forger.client.cookies["known_browser"] = browser.client.cookies["known_browser"].value[:-3] + "abc"
    tries(mine.email, "/accounts/login/", 6)
    assert "Too many failed" in forger.log_in(mine.email, PASSWORD).text


def test_message_tells_that_a_new_password_ends_the_lock_out(pos, settings, mailoutbox):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}
    user = UserFactory()
    tries(user.email, "/accounts/login/", 6)
    visitor = TestClientVisitor()
    page = visitor.log_in(user.email, PASSWORD)
    assert "choose a new password by “Forgot your password?”: then you can log in at once" in page.text
    visitor.open(page.link("Forgot your password?"))
    visitor.fill("^email$", {"email": user.email})
    (letter,) = deliver(mailoutbox)
    visitor.open(re.search(r"(/accounts/password/reset/key/\S+)", letter.body)[1])
    visitor.fill("^password1$", {"password1": GOOD, "password2": GOOD})
    newcomer = TestClientVisitor()
    newcomer.log_in(user.email, GOOD)
    assert newcomer.open("/theatre/account/").url == "/theatre/account/"


def test_network_can_not_try_many_accounts(pos):
    user = UserFactory()
    for number in range(10):
        Client().post("/accounts/login/", {"login": f"nobody{number}@example.org", "password": "wrong"})
    assert "Too many failed" in TestClientVisitor().log_in(user.email, PASSWORD).text


def test_locked_account_stays_locked_when_other_limits_are_counted(pos):
    user = UserFactory()
    tries(user.email, "/accounts/login/", 6)
    for number in range(340):
        cache.set(f"allauth:rl:account:reset_password:20/60/ip:ip:192.0.2.{number}", [1.0], 60)
    assert "Too many failed" in TestClientVisitor().log_in(user.email, PASSWORD).text


def test_sign_up_does_the_same_work_for_known_and_unknown_addresses(client, monkeypatch):
    hashed, encode = [], QuickHasher.encode
    monkeypatch.setattr(QuickHasher, "encode", lambda *args: hashed.append(args[1]) or encode(*args))
    known = UserFactory().email
    answers = []
    for email in ("new@example.org", known):
        hashed.clear()
        answers.append(client.post("/accounts/signup/", {"email": email, "password1": "a-long-password"}))
        assert hashed == ["a-long-password"], email
    assert len({(one.status_code, one.headers["Location"]) for one in answers}) == 1
    assert User.objects.count() == 2


@pytest.mark.parametrize(
    ("url", "data", "most"),
    [
        ("/accounts/signup/", {"email": "ada{}@example.org", "password1": "short"}, 20),
        ("/accounts/password/reset/", {"email": "ada{}@example.org"}, 20),
        ("/accounts/password/reset/", {"email": "ada@example.org"}, 5),
        ("/accounts/login/", {"login": "", "password": "x"}, 30),
    ],
)
def test_forms_of_the_log_in_are_limited(client, url, data, most):
    answers = [
        client.post(url, {name: value.format(number) for name, value in data.items()})
        for number in range(most + 1)
    ]
    assert {answer.status_code for answer in answers[:-1]} <= {200, 302}
    assert answers[-1].status_code == 429
    assert b"<h1>" in answers[-1].content
