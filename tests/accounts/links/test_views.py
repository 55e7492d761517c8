"""The mail to an added person, and the page of its link, which needs no log-in."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding, links
from contacts.models import Contact, ContactLink, LinkRequest
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import BOB, friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.history import history
from ticketshop.limits import limits
from ticketshop.limits.models import Counter
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, PointOfSale

from ..pages import answer, mailed_link, neutral

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos(db):
    organiser = Organiser.objects.create(name="The Company", legal_name="The Company Ltd")
    return friendly_pos(slug="theatre", name="The Theatre", organiser=organiser)


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


def known_bob(pos, **values) -> Contact:
    known = {"first_name": "Bob", "last_name": "Miller", "email": BOB[2], "language": "", **values}
    return ContactFactory(organiser=pos.organiser, **known)


def parts(letter) -> list[str]:
    """Return subject, text and HTML of a mail."""
    return [letter.subject, letter.body, letter.alternatives[0][0]]


def everything() -> tuple:
    """Return all rows that opening a page might have changed."""
    return (
        list(ContactLink.objects.values()), list(LinkRequest.objects.values()), list(Contact.objects.values()),
        Mail.objects.count(), Counter.objects.count(), history.Event.objects.count(),
    )  # fmt: skip


# --- the mail ---------------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-28")
def test_mail_to_an_unknown_person_tells_of_the_creation_and_the_rest(pos, alice, post):
    linked(alice, pos)
    (letter,) = post()
    assert letter.to == [BOB[2]]
    assert letter.subject == "An account has been created for you at The Company"
    for text in parts(letter)[1:]:
        for said in (
            "An account has been created for you at The Company",
            "It has no password until you choose one.",
            "Alice Martin gave us your name (Bob Miller) and this e-mail address, to buy tickets for you.",
            "Alice Martin sees what they typed, and nothing else unless you allow it",
            "You can accept, decline, or tell us that this is not you.",
            "The connection is active; you can end it at any time.",
            "within 30 days",
            "The Theatre",
            "/theatre/about/privacy/",
        ):
            assert said in " ".join(text.split()), said
    assert post() == [], "exactly one"


@pytest.mark.scenario("FF-24")
@pytest.mark.scenario("FF-28")
@pytest.mark.parametrize("account", [True, False])
def test_mail_to_a_known_person_names_the_parent_and_no_creation(pos, alice, post, account):
    if account:
        make_visitor(pos, "Bob", "Miller", email=BOB[2])
    else:
        make_order(
            {OfferFactory(pos=pos): 1},
            buyer=dict(zip(("first_name", "last_name", "email"), BOB, strict=True)),
        )
    post()
    linked(alice, pos)
    (letter,) = post()
    assert letter.subject == "Alice Martin has connected you to their profile"
    for text in parts(letter):
        assert "created" not in text
        assert "password" not in text
    for text in parts(letter)[1:]:
        text = " ".join(text.split())
        assert "Alice Martin has connected you to their profile at The Company." in text
        assert "Alice Martin gave us your name (Bob Miller) and this e-mail address" in text
        assert ("you can open your account here" in text) == (not account), "offers to claim"
        assert "erase" not in text, "somebody known otherwise is not erased by doing nothing"


@pytest.mark.scenario("FF-28")
def test_mail_of_a_request_tells_that_nothing_is_connected_yet(pos, alice, post):
    pos.organiser.link_consent_required = True
    link = linked(alice, pos)
    ContactLink.objects.filter(pk=link.pk).update(permission_parent="view")
    (letter,) = post()
    for text in parts(letter)[1:]:
        assert "Nothing is connected before you agree." in text
        assert "your tickets without prices" in text
    assert (
        "What they typed themselves, and your tickets." in TestClientVisitor().open(mailed_link(letter)).text
    )


@pytest.mark.scenario("FF-28")
@pytest.mark.parametrize(
    ("stored", "page", "expected"),
    [("", "fr", "fr"), ("", "en", "en"), ("fr", "en", "fr"), ("en", "fr", "en"), ("", "de", "fr")],
)
def test_mail_has_the_language_of_recipient_else_page_else_shop(pos, alice, post, stored, page, expected):
    pos.languages = ["fr", "en"]
    known_bob(pos, language=stored)
    linked(alice, pos, language=page)
    (letter,) = post()
    assert ("has connected you" in letter.subject) == (expected == "en")
    assert f'<html lang="{expected}"' in letter.alternatives[0][0]


@pytest.mark.scenario("FF-28")
def test_mail_contains_no_text_of_the_visitor_but_the_names(pos, alice, post):
    """Other values that the visitor has typed about themselves or the person are not in the mail."""
    contacts.change(
        alice,
        {"street": "Buy-my-pills 1", "city": "Spamtown", "phone": "+41791234567"},
        by=None,
        now=timezone.now(),
    )
    linked(alice, pos, adding.Person("Bob", "Miller", BOB[2], birth_date=None))
    (letter,) = post()
    assert "Alice Martin" in letter.body
    for text in parts(letter):
        for unsaid in ("pills", "Spamtown", "1234567", alice.email):
            assert unsaid not in text


@pytest.mark.scenario("FF-28")
@pytest.mark.parametrize(
    "name", ["Bob\r\nBcc: all@example.org", "Bob\nSubject: x", "Bob\x00", "=?utf-8?q?x?=", '"Bob" <x>']
)
def test_name_can_not_inject_a_mail_header(pos, post, name):
    """Also if the function is called without the form."""
    alice = make_visitor(pos, "Alice", "Martin", email="alice@example.org")
    Contact.objects.filter(pk=alice.pk).update(first_name=name.replace("\x00", ""))
    linked(alice, pos, (name, "Miller", BOB[2]))
    known_bob(pos, email="carol@example.org")
    linked(alice, pos, ("Bob", "Miller", "carol@example.org"))
    unknown, known = post()
    for letter in (unknown, known):
        source = letter.message().as_string()
        head, _blank, _body = source.partition("\n\n")
        assert not re.search(r"(?im)^(bcc|cc):", head)
        assert len(re.findall(r"(?im)^subject:", head)) == 1
        assert letter.recipients() == letter.to
        assert len(letter.to) == 1
        assert "\n" not in letter.subject


@pytest.mark.scenario("FF-28")
def test_queued_mail_is_cancelled_once_the_link_has_ended(pos, alice, post):
    link = linked(alice, pos)
    links.remove(link, by=alice.user, now=timezone.now())
    assert post() == []
    other = linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    contacts.change(other.child, {"email": "elsewhere@example.org"}, by=None, now=timezone.now())
    assert post() == [], "nor to an address that is not theirs any more"


# --- the page ---------------------------------------------------------------------------------------------------


@pytest.fixture
def letter(pos, alice, post):
    """The mail to Bob, who was unknown."""
    pos.organiser.link_consent_required = True
    linked(alice, pos)
    return post()[0]


@pytest.fixture
def link(letter):
    return ContactLink.objects.get()


@pytest.mark.scenario("FF-29")
def test_opening_the_mailed_link_changes_nothing(letter, link):
    url, before = mailed_link(letter), everything()
    for method, headers in [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"sec-purpose": "prefetch", "purpose": "prefetch"}),
    ]:
        page = TestClientVisitor(**headers).send(method, url)
        assert page.status == 200
    assert everything() == before
    page = TestClientVisitor().open(url)
    for said in (
        "Alice Martin has added you",
        "The Company",
        "Bob Miller",
        BOB[2],
        "Accept",
        "Decline",
        "This is not me",
    ):
        assert said in page.text
    assert page.link("Privacy notice") == "/theatre/about/privacy/"
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.scenario("FF-29")
def test_answer_without_the_csrf_token_is_refused(letter, link):
    before = everything()
    assert TestClientVisitor().send("POST", mailed_link(letter), {"answer": "decline"}).status == 403
    assert everything() == before


@pytest.mark.scenario("FF-29")
@pytest.mark.parametrize("wish", ["accept", "decline", "not_me"])
def test_token_accepts_one_answer(letter, link, wish):
    url = mailed_link(letter)
    assert answer(TestClientVisitor(), url, wish).status == 200
    after = ContactLink.objects.values().get()
    for _time in range(2):
        assert TestClientVisitor().open(url).status == 410
    assert ContactLink.objects.values().get() == after
    assert LinkRequest.objects.get().token_hash is None


@pytest.mark.scenario("FF-29")
def test_unknown_answer_shows_the_question_again(letter, link):
    assert "Alice Martin has added you" in answer(TestClientVisitor(), mailed_link(letter), "marry").text
    link.refresh_from_db()
    assert link.status == "pending"


@pytest.mark.scenario("FF-08")
@pytest.mark.scenario("FF-29")
def test_used_expired_foreign_and_invented_tokens_get_the_same_bytes(pos, alice, letter, post):
    used, cut = mailed_link(letter), mailed_link(letter)[:-5] + "/"
    answer(TestClientVisitor(), used, "decline")
    other = friendly_pos(slug="festival", accent_colour="#004080", languages=["fr"])
    dan = make_visitor(other, "Dan", "Ray")
    addresses = {"used": used, "cut": cut, "invented": f"/links/{'x' * 48}/", "short": "/links/x/"}
    for name in ("removed", "expired", "moved"):
        link = linked(dan, other, ("Eve", name, f"{name}@example.org"))
        addresses[name] = mailed_link(post()[0])
        assert TestClientVisitor().open(addresses[name]).status == 200
        if name == "removed":
            links.remove(link, by=None, now=timezone.now())
        elif name == "expired":
            LinkRequest.objects.filter(link=link).update(expires_at=timezone.now() - timedelta(seconds=1))
        else:
            contacts.change(link.child, {"email": "new@example.org"}, by=None, now=timezone.now())
    visitor = TestClientVisitor()
    pages = {name: visitor.open(url) for name, url in addresses.items()}
    assert {page.status for page in pages.values()} == {410}
    assert len({neutral(page).replace(page.url, "") for page in pages.values()}) == 1
    posted = {
        neutral(visitor.send("POST", url, token_of(visitor))).replace(url, "") for url in addresses.values()
    }
    assert len(posted) == 1
    for page in pages.values():
        for unsaid in ("Alice", "Dan", "Theatre", "Company", "Bob"):
            assert unsaid not in page.text


def token_of(visitor) -> dict[str, str]:
    visitor.open("/accounts/login/")
    return {
        "csrfmiddlewaretoken": visitor.page.form("^login$").values["csrfmiddlewaretoken"],
        "answer": "accept",
    }


@pytest.mark.scenario("FF-29")
def test_guessing_tokens_is_limited(letter):
    for _number in range(57):
        limits.note("link_token", "127.0.0.1", timezone.now())
    visitor = TestClientVisitor()
    statuses = [visitor.send("GET", f"/links/{'x' * 40}{number}/").status for number in range(5)]
    assert statuses == [410] * 3 + [429] * 2
    assert visitor.open(mailed_link(letter)).status == 200, "a good one still opens"


@pytest.mark.scenario("FF-29")
def test_second_mail_makes_the_first_token_useless(pos, alice, letter, link, post):
    requester = adding.Requester(by=alice.user, pos=pos, network="192.0.2.1", language="en")
    link = ContactLink.objects.select_related("parent", "child").get()
    assert links.resend(link, requester, now=timezone.now() + timedelta(days=2))
    (again,) = post()
    assert TestClientVisitor().open(mailed_link(letter)).status == 410
    assert TestClientVisitor().open(mailed_link(again)).status == 200


@pytest.mark.scenario("FF-31")
def test_link_can_be_declined_without_a_log_in(letter, link, alice, post):
    page = answer(TestClientVisitor(), mailed_link(letter), "decline")
    assert "You are not connected" in page.text
    link.refresh_from_db()
    assert (link.status, link.end_reason) == ("declined", "declined")
    assert not links.of_parent(alice).exists()
    assert post() == [], "nobody is told"
    assert history.of(link.child).first().action == "link_declined"


@pytest.mark.scenario("FF-32")
def test_not_me_can_be_answered_without_a_log_in(letter, link):
    page = answer(TestClientVisitor(), mailed_link(letter), "not_me")
    assert "Thank you for telling us" in page.text
    link.refresh_from_db()
    assert (link.status, link.end_reason) == ("ended", "not_me")
    assert link.child.purge_after == timezone.now().date()


@pytest.mark.scenario("FF-30")
def test_person_with_an_account_can_accept_without_a_log_in(pos, alice, post):
    pos.organiser.link_consent_required = True
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    linked(alice, pos)
    page = answer(TestClientVisitor(), mailed_link(post()[0]), "accept")
    assert "You are connected with Alice Martin" in page.text
    link = ContactLink.objects.get()
    assert (link.status, link.consent_by, link.child) == ("active", "child", bob)
    assert history.of(bob).first().by == bob.user


@pytest.mark.scenario("FF-04")
def test_declining_and_leaving_work_where_the_function_is_off(pos, alice, letter, link, post):
    other = linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    links.accept(other, by=None, now=timezone.now())
    second = post()[0]
    PointOfSale.objects.update(friends_family_enabled=False)
    visitor = TestClientVisitor()
    page = visitor.open(mailed_link(letter))
    assert "you can decline, but not accept" in page.text
    form = next(form for form in page.forms if not form.action)
    page = visitor.submit(form, button=("answer", "accept"))
    assert page.status == 409
    assert "Not possible at the moment" in page.text
    link.refresh_from_db()
    assert link.status == "pending"
    page = visitor.submit(next(form for form in page.forms if not form.action), button=("answer", "decline"))
    assert "You are not connected" in page.text
    link.refresh_from_db()
    assert link.status == "declined"
    answer(TestClientVisitor(), mailed_link(second), "decline")
    other.refresh_from_db()
    assert other.status == "declined"


@pytest.mark.scenario("FF-04")
def test_declining_works_where_the_shop_is_closed(letter, link):
    PointOfSale.objects.update(active=False)
    page = TestClientVisitor().open(mailed_link(letter))
    assert page.status == 200
    assert "This shop is closed" in page.text
    page = answer(TestClientVisitor(), mailed_link(letter), "decline")
    assert "See what’s on" not in page.text
    link.refresh_from_db()
    assert link.status == "declined"


def test_pages_have_the_language_of_the_visitor(letter):
    visitor = TestClientVisitor(**{"accept-language": "fr"})
    page = visitor.open(mailed_link(letter))
    assert '<html lang="fr"' in page.source
    assert "has added you" not in page.text


def test_name_with_markup_is_escaped_in_mail_and_page(pos, post):
    alice = make_visitor(pos, "<img src=x>", "{{ 7*7 }}", email="alice@example.org")
    linked(alice, pos, ("<b>Bob</b>", "& Co", BOB[2]))
    (letter,) = post()
    text, source = parts(letter)[1:]
    assert "<img src=x> {{ 7*7 }} gave us your name (<b>Bob</b> & Co)" in text
    assert "&lt;img src=x&gt;" in source
    assert "<b>Bob</b>" not in source
    page = TestClientVisitor().open(mailed_link(letter))
    assert "<b>Bob</b> & Co" in page.text or "&lt;b&gt;Bob&lt;/b&gt;" in page.source
    assert "<img src=x>" not in page.source
