"""Sign-up with a proved mailbox, log-in, new password, log-out."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.models import Session, User
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.visitor import TestClientVisitor
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Cart

from ..conftest import link_in

pytestmark = pytest.mark.django_db
ACCOUNT = "/theatre/account/"
NEW_PASSWORD = "wooden-horse-at-noon"


def signed_in(visitor) -> bool:
    """Return whether the account opens, and not the log-in page."""
    page = visitor.open(ACCOUNT)
    return page.url == ACCOUNT


def sign_up(visitor, email: str):
    visitor.open(f"/accounts/signup/?next={ACCOUNT}")
    return visitor.fill("^password1$", {"email": email, "password1": NEW_PASSWORD})


def ask_for_a_new_password(visitor, email: str):
    visitor.open(f"/accounts/password/reset/?next={ACCOUNT}")
    return visitor.fill("^email$", {"email": email})


# --- log-in -------------------------------------------------------------------------------------------------


def test_log_in_page_leads_back_to_the_account(pos, visitor):
    user = UserFactory()
    assert visitor.open(f"{ACCOUNT}orders/").url == f"/accounts/login/?next={ACCOUNT}orders/"
    page = visitor.fill("^login$", {"login": f" {user.email.upper()} ", "password": PASSWORD})
    assert page.url == f"{ACCOUNT}orders/"
    assert user.email in page.text


def test_wrong_password_and_unknown_address_are_refused_alike(pos, visitor):
    user = UserFactory()
    refusals = set()
    for email, password in [
        (user.email, "wrong"),
        (user.email, PASSWORD.upper()),
        ("nobody@example.org", PASSWORD),
    ]:
        page = visitor.log_in(email, password)
        assert email in page.source, "what was typed stands there again"
        assert password not in page.source
        refusals.add(page.text.replace(email, ""))
        assert not signed_in(visitor)
    assert len(refusals) == 1
    assert "There is a problem" in refusals.pop()
    visitor.log_in(user.email, PASSWORD)
    assert signed_in(visitor)


def test_address_that_only_looks_alike_is_refused(pos, visitor):
    UserFactory(email="mike@example.org")
    visitor.log_in("mıke@example.org", PASSWORD)
    assert not signed_in(visitor)
    visitor.log_in("MIKE@example.org", PASSWORD)
    assert signed_in(visitor)


def test_log_in_makes_a_new_session_and_keeps_the_cart(pos, visitor):
    offer, user = OfferFactory(pos=pos), UserFactory()
    visitor.add(f"/theatre/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 2})
    before = visitor.client.cookies["sessionid"].value
    assert Cart.objects.get().user is None
    visitor.log_in(user.email, PASSWORD)
    assert visitor.client.cookies["sessionid"].value != before
    assert not Session.objects.filter(session_key=before).exists()
    page = visitor.open("/theatre/cart/")
    assert page.form("^line-").values[f"line-{Cart.objects.get().lines.get().pk}"] == "2"
    assert Cart.objects.get().user == user


def test_log_in_that_was_switched_off_ends_at_once(pos, visitor):
    user = UserFactory()
    visitor.log_in(user.email, PASSWORD)
    assert signed_in(visitor)
    User.objects.update(is_active=False)
    assert not signed_in(visitor)
    visitor.log_in(user.email, PASSWORD)
    assert not signed_in(visitor)


# --- sign-up ------------------------------------------------------------------------------------------------


def test_account_opens_once_the_mailbox_is_proved(pos, visitor, post):
    page = sign_up(visitor, "Ada@Example.org")
    assert "Look into your mailbox" in page.text
    user = User.objects.get()
    assert (user.email, user.is_superuser) == ("ada@example.org", False)
    assert not signed_in(visitor)
    visitor.log_in(user.email, NEW_PASSWORD)
    assert not signed_in(visitor), "the password alone is not enough"

    (letter,) = post()
    assert letter.to == ["ada@example.org"]
    assert "The Theatre" in letter.subject
    assert NEW_PASSWORD not in letter.body
    link = link_in(letter)
    page = visitor.open(link)
    assert "ada@example.org" in page.text
    assert not EmailAddress.objects.get().verified, "opening a link changes nothing"
    visitor.submit(page.form("confirm-email"))
    assert EmailAddress.objects.get().verified
    if not signed_in(visitor):
        visitor.log_in(user.email, NEW_PASSWORD)
    assert signed_in(visitor)


def test_mailed_link_does_not_log_in_another_browser(pos, visitor, post):
    sign_up(visitor, "ada@example.org")
    (letter,) = post()
    elsewhere = TestClientVisitor()
    elsewhere.submit(elsewhere.open(link_in(letter)).form("confirm-email"))
    assert EmailAddress.objects.get().verified
    assert not signed_in(elsewhere)


def test_changed_and_used_links_have_the_same_answer(pos, visitor, post):
    sign_up(visitor, "ada@example.org")
    (letter,) = post()
    link = link_in(letter)
    path, _mark, query = link.partition("?")
    changed = path[:-3] + ("aa/" if not path.endswith("aa/") else "bb/") + f"?{query}"
    ended = visitor.open(changed).text
    assert "This link has ended" in ended
    visitor.submit(visitor.open(link).form("confirm-email"))
    assert "This link has ended" in TestClientVisitor().open(link).text


def test_sign_up_has_the_same_answer_whether_the_address_has_an_account(pos, post):
    known = UserFactory()
    pages, kinds = [], []
    for email in (known.email, "nobody@example.org"):
        visitor = TestClientVisitor()
        page = sign_up(visitor, email)
        pages.append((page.status, page.url, page.text.replace(email, "")))
        assert not signed_in(visitor)
        (letter,) = post()
        assert letter.to == [email]
        kinds.append(Mail.objects.latest("pk").kind)
    assert pages[0] == pages[1]
    assert kinds == ["account_exists", "account_confirm"]
    known.refresh_from_db()
    assert known.check_password(PASSWORD)


# --- a new password -------------------------------------------------------------------------------------------


def test_new_password_by_mail_ends_the_other_sessions(pos, visitor, post):
    user = UserFactory()
    other_browser = TestClientVisitor()
    other_browser.log_in(user.email, PASSWORD)
    assert signed_in(other_browser)

    ask_for_a_new_password(visitor, user.email)
    (letter,) = post()
    assert letter.to == [user.email]
    page = visitor.open(link_in(letter))
    assert "Choose a new password" in page.text
    visitor.fill("^password1$", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert not signed_in(other_browser)
    fresh = TestClientVisitor()
    fresh.log_in(user.email, PASSWORD)
    assert not signed_in(fresh)
    fresh.log_in(user.email, NEW_PASSWORD)
    assert signed_in(fresh)
    assert "This link has ended" in TestClientVisitor().open(link_in(letter)).text, "a link opens once"


def test_new_password_in_the_browser_of_another_log_in_warns_before_it_logs_out(pos, visitor, post):
    user, other = UserFactory(), UserFactory(email="carol@example.org")
    ask_for_a_new_password(visitor, user.email)
    (letter,) = post()
    hers = TestClientVisitor()
    hers.client.force_login(other)
    page = hers.open(link_in(letter))
    assert "In this browser carol@example.org is logged in." in page.text
    assert signed_in(hers), "opening the link changes nothing"
    hers.open(link_in(letter))
    hers.fill("^password1$", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert not signed_in(hers)
    fresh = TestClientVisitor()
    fresh.log_in(user.email, NEW_PASSWORD)
    assert signed_in(fresh)
    assert "In this browser" not in TestClientVisitor().open(link_in(letter)).text


def test_link_of_another_log_in_or_with_a_changed_letter_is_refused(pos, visitor, post):
    one, other = UserFactory(), UserFactory()
    links = []
    for user in (one, other):
        ask_for_a_new_password(visitor, user.email)
        links.append(link_in(post()[0]).partition("?")[0])
    (prefix, one_key), (other_prefix, _other_key) = [link.rsplit("-", 1) for link in links]
    uid, time = prefix.rsplit("/", 1)[1].split("-", 1)
    other_uid = other_prefix.rsplit("/", 1)[1].split("-", 1)[0]
    good = f"/accounts/password/reset/key/{uid}-{time}-{one_key}"
    assert "Choose a new password" in TestClientVisitor().open(good).text
    pages = {
        TestClientVisitor().open(f"/accounts/password/reset/key/{wrong}").text
        for wrong in (
            f"{other_uid}-{time}-{one_key}",
            f"{uid}-{time}-{one_key[:-2]}{'0' if one_key[-2] != '0' else '1'}/",
            f"zzzzzz-{time}-{one_key}",
        )
    }
    assert len(pages) == 1
    assert "This link has ended" in pages.pop()


def test_requesting_a_new_password_has_the_same_answer_with_and_without_an_account(pos, post):
    known = UserFactory()
    pages, kinds = [], []
    for email in (known.email, "nobody@example.org"):
        page = ask_for_a_new_password(TestClientVisitor(), email)
        pages.append((page.status, page.url, page.text.replace(email, "")))
        (letter,) = post()
        assert letter.to == [email]
        kinds.append(Mail.objects.latest("pk").kind)
    assert pages[0] == pages[1]
    assert kinds == ["account_reset", "account_unknown"]


def test_reset_for_a_look_alike_address_does_not_reach_the_other_log_in(pos, visitor, post):
    UserFactory(email="mike@example.org")
    ask_for_a_new_password(visitor, "mıke@example.org")
    post()
    assert [(row.kind, row.recipient) for row in Mail.objects.all()] == [
        ("account_unknown", "mıke@example.org")
    ]
    ask_for_a_new_password(visitor, "MIKE@example.org")
    (letter,) = post()
    assert letter.to == ["mike@example.org"]


def test_urls_in_mails_come_from_the_settings_not_from_the_request(pos, settings, post):
    """An unknown Host is refused; another allowed one does not get into a mail."""
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    user = UserFactory()
    visitor = TestClientVisitor(host="other.example", x_forwarded_host="evil.example")
    page = visitor.client.get("/accounts/password/reset/")
    token = visitor.client.cookies["csrftoken"].value
    answer = visitor.client.post(
        "/accounts/password/reset/",
        {"email": user.email, "csrfmiddlewaretoken": token},
        headers={"origin": "http://other.example"},
    )
    assert (page.status_code, answer.status_code) == (200, 302)
    (letter,) = post()
    html = letter.alternatives[0][0]
    for text in (letter.body, html):
        assert "http://testserver/accounts/password/reset/key/" in text
        assert "other.example" not in text
        assert "evil.example" not in text
    assert mail.outbox == [letter]


# --- log-out ------------------------------------------------------------------------------------------------


def test_log_out_ends_the_session_and_clears_the_browser(pos, visitor):
    visitor.log_in(UserFactory().email, PASSWORD)
    assert signed_in(visitor)
    key = visitor.client.cookies["sessionid"].value
    visitor.open("/accounts/logout/")
    assert signed_in(visitor), "opening the page changes nothing"
    page = visitor.open(ACCOUNT)
    form = page.form("/accounts/logout/")
    answer = visitor.send("POST", form.action, form.values)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not Session.objects.filter(session_key=key).exists()
    assert not signed_in(visitor)


def test_browser_is_not_cleared_without_a_log_out(pos, visitor):
    visitor.log_in(UserFactory().email, PASSWORD)
    assert "Clear-Site-Data" not in visitor.open(ACCOUNT).headers
    assert "Clear-Site-Data" not in TestClientVisitor().open("/accounts/login/").headers


def test_domain_with_non_ascii_letters_is_shown_readably_on_every_page(pos, visitor, post):
    page = sign_up(visitor, "ada@Faß.example")
    assert page.messages == ["We have sent an e-mail to ada@faß.example."]
    (letter,) = post()
    visitor.open(link_in(letter))
    visitor.fill("confirm-email")
    fresh = TestClientVisitor()
    fresh.log_in("ADA@xn--fa-hia.example", NEW_PASSWORD)
    for name in ("", "orders/", "profile/", "data/"):
        page = fresh.open(f"{ACCOUNT}{name}")
        assert "ada@faß.example" in page.text and "xn--" not in page.text, name
