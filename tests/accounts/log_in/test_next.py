"""``next`` is kept through every log-in page: look and language of the shop, links, and messages."""

import re
from urllib.parse import unquote

import pytest

from tests.factories.accounts import PASSWORD, UserFactory
from tests.visitor import Page, TestClientVisitor

from ..conftest import link_in

pytestmark = pytest.mark.django_db
ACCOUNT = "/theatre/account/"
NEW_PASSWORD = "wooden-horse-at-noon"
WORDS = {
    "mailbox": {"en": "Look into your mailbox", "fr": "Consultez votre messagerie"},
    "changed": {"en": "Your password is changed.", "fr": "Votre mot de passe a été modifié."},
}


@pytest.fixture(params=["en", "fr"])
def language(request):
    return request.param


@pytest.fixture
def visitor(pos, language):
    return TestClientVisitor(accept_language=language)


def leads_on(page: Page, language: str) -> None:
    """Check that the page has the shop's look and language, and that its links to log-in pages have ``next``."""
    assert f'<html lang="{language}"' in page.source
    assert '<a class="brand" href="/theatre/">' in page.source
    assert "courriel" not in page.text
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/accounts/[^"]*)"', page.source)}
    lost = [link for link in links if "next=/theatre/" not in unquote(unquote(link))]
    assert lost == []


def says(page: Page, word: str, language: str) -> bool:
    return WORDS[word][language] in page.text


@pytest.mark.parametrize("known", [True, False])
def test_requesting_a_new_password_tells_that_the_link_is_sent(visitor, language, known):
    address = UserFactory().email if known else "nobody@example.org"
    visitor.open(f"/accounts/password/reset/?next={ACCOUNT}")
    leads_on(visitor.page, language)
    page = visitor.fill("^email$", {"email": address})
    assert page.url == "/accounts/password/reset/done/?next=%2Ftheatre%2Faccount%2F"
    assert says(page, "mailbox", language)
    leads_on(page, language)


def test_new_password_leads_to_the_log_in_of_the_shop_with_a_message(visitor, language, post):
    user = UserFactory()
    visitor.open(f"/accounts/password/reset/?next={ACCOUNT}")
    visitor.fill("^email$", {"email": user.email})
    (letter,) = post()
    visitor.open(link_in(letter))
    leads_on(visitor.page, language)
    page = visitor.fill("^password1$", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert says(page, "changed", language)
    leads_on(page, language)
    assert visitor.fill("^login$", {"login": user.email, "password": NEW_PASSWORD}).url == ACCOUNT


def test_sign_up_tells_that_an_e_mail_is_sent(visitor, language, post):
    visitor.open(f"/accounts/signup/?next={ACCOUNT}")
    leads_on(visitor.page, language)
    page = visitor.fill("^password1$", {"email": "ada@example.org", "password1": NEW_PASSWORD})
    assert says(page, "mailbox", language)
    leads_on(page, language)
    (letter,) = post()
    visitor.open(link_in(letter))
    leads_on(visitor.page, language)
    assert visitor.submit(visitor.page.form("confirm-email")).url == ACCOUNT


def test_expired_link_leads_to_a_new_one_in_the_shop(visitor, language):
    for address in (
        "/accounts/confirm-email/none/",
        "/accounts/password/reset/key/1-none/",
        "/accounts/inactive/",
    ):
        leads_on(visitor.open(f"{address}?next={ACCOUNT}"), language)


def test_change_of_the_log_in_address_stays_in_the_shop(visitor, language, post):
    user = UserFactory()
    visitor.open(f"/accounts/login/?next={ACCOUNT}")
    visitor.fill("^login$", {"login": user.email, "password": PASSWORD})
    visitor.open(f"/accounts/email/?next={ACCOUNT}")
    page = visitor.fill("^email$", {"email": "new@example.org"}, button=("action_add", ""))
    leads_on(page, language)
    page = visitor.fill("^password$", {"password": PASSWORD})
    leads_on(page, language)
    assert "new@example.org" in " ".join(page.messages)
    (letter,) = post()
    page = visitor.fill("^email$", {"email": "new@example.org"}, button=("action_remove", ""))
    leads_on(page, language)
    assert "new@example.org" in page.messages[-1]
    assert link_in(letter)


def test_typing_the_password_again_stays_in_the_shop(visitor, language):
    user = UserFactory()
    visitor.client.force_login(user)  # without a password that was typed lately
    visitor.open(f"/accounts/email/?next={ACCOUNT}")
    page = visitor.fill("^email$", {"email": "new@example.org"}, button=("action_add", ""))
    assert page.url.startswith("/accounts/reauthenticate/")
    leads_on(page, language)
    page = visitor.fill("^password$", {"password": PASSWORD})
    assert page.url.startswith("/accounts/email/")
    leads_on(page, language)


def test_changing_the_password_stays_in_the_shop(visitor, language):
    visitor.client.force_login(UserFactory())
    leads_on(visitor.open(f"/accounts/password/change/?next={ACCOUNT}"), language)
    typed = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    page = visitor.fill("^oldpassword$", typed)
    assert page.url == ACCOUNT
    assert says(page, "changed", language)


def test_next_of_another_site_is_ignored(pos):
    visitor = TestClientVisitor()
    for target in ("https://evil.example/theatre/", "//evil.example", "/nobody/", "javascript:alert(1)"):
        page = visitor.open(f"/accounts/login/?next={target}")
        assert '<a class="brand" href="/theatre/">' not in page.source
        visitor.open(f"/accounts/password/reset/?next={target}")
        page = visitor.fill("^email$", {"email": "nobody@example.org"})
        assert "evil" not in page.url
        assert "evil.example" not in "".join(re.findall(r'(?:href|action)="([^"]*)"', page.source))
