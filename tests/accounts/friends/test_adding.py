"""The page that adds a person: its messages, what they must not reveal, and what its fields accept."""

import html
from datetime import date

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import Contact, ContactLink
from tests.factories.contacts import ContactFactory
from tests.friends import friendly_pos, make_visitor
from tests.visitor import Page, TestClientVisitor
from ticketshop.limits import limits
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, PointOfSale

from ..pages import ACCOUNT, LIST, M1, M2, NEW, TYPED, errors_of, neutral, rows, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def alice(pos, visitor):
    """A visitor whose browser is ``visitor``."""
    alice = make_visitor(pos, email="alice@example.org")
    visitor.client.force_login(alice.user)
    return alice


# --- adding ----------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-12")
def test_unknown_person_is_listed_at_once(pos, alice, visitor):
    page = submit(visitor)
    assert (page.status, page.url, page.messages) == (200, LIST, [M1])
    assert "Bob Miller" in rows(page)
    assert M1 not in visitor.open(LIST).text
    assert Contact.objects.filter(email="bob@example.org").count() == 1
    assert [mail.kind for mail in Mail.objects.all()] == ["link_new"]


@pytest.mark.scenario("FF-13")
def test_known_person_with_matching_name_is_listed_at_once(pos, alice, visitor):
    ContactFactory(organiser=pos.organiser, first_name="BOB", last_name="Miller", email="bob@example.org")
    page = submit(visitor)
    assert (page.url, page.messages) == (LIST, [M1])
    assert Contact.objects.filter(email="bob@example.org").count() == 1


@pytest.mark.scenario("FF-14")
def test_known_address_with_another_name_is_refused_without_naming_its_owner(pos, alice, visitor):
    ContactFactory(
        organiser=pos.organiser, first_name="Gertrude", last_name="Vanderbilt", email="bob@example.org",
        phone="+41791234567", city="Paris",
    )  # fmt: skip
    page = submit(visitor)
    assert page.url == NEW
    assert errors_of(page) == {"email": M2}
    for stored in ("Gertrude", "Vanderbilt", "Paris", "1234567"):
        assert stored.lower() not in page.source.lower()
    values = page.form("^email$").values
    assert {name: values[name] for name in TYPED} == TYPED
    assert not ContactLink.objects.exists()
    assert not Mail.objects.exists()


@pytest.mark.scenario("FF-20")
@pytest.mark.parametrize("last_name", ["Martin", "Somebody"])
def test_own_address_is_refused(pos, alice, visitor, last_name):
    page = submit(visitor, email=" Alice@Example.org", last_name=last_name)
    assert errors_of(page) == {"email": "This is your own address."}


@pytest.mark.scenario("FF-21")
def test_person_in_the_list_is_refused(pos, alice, visitor):
    submit(visitor)
    assert errors_of(submit(visitor)) == {"email": "This person is already in your list."}
    assert ContactLink.objects.count() == Mail.objects.count() == 1


@pytest.mark.scenario("FF-25")
def test_same_child_without_an_address_is_added_after_a_question(pos, alice, visitor):
    child = {"email": "", "no_email": "on", "first_name": "Tim", "birth_date": "2018-05-01"}
    assert submit(visitor, **child).messages == ["Tim Miller has been added to your friends and family."]
    link = ContactLink.objects.get()
    assert (link.child.birth_date, link.permission_parent) == (date(2018, 5, 1), "manage")
    page = submit(visitor, **child)
    assert "is in your list already" in errors_of(page)["first_name"]
    assert ContactLink.objects.count() == 1
    page = visitor.submit(page.form("^email$"))
    assert page.messages == ["Tim Miller has been added to your friends and family."]
    assert ContactLink.objects.count() == 2
    assert not Mail.objects.exists()


@pytest.mark.scenario("FF-26")
def test_full_list_is_refused_with_a_message(pos, alice, visitor):
    PointOfSale.objects.update(friends_family_max=1)
    submit(visitor)
    page = submit(visitor, email="carol@example.org")
    assert "Your list holds 1 person, the most it can." in page.text
    assert ContactLink.objects.count() == Mail.objects.count() == 1


@pytest.mark.scenario("FF-38")
@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("email_verified_at", "Confirm your own e-mail address first."),
        ("blocked_at", "You can’t add people at the moment."),
    ],
)
def test_unproved_or_blocked_visitor_gets_a_message(pos, alice, visitor, column, words):
    Contact.objects.filter(pk=alice.pk).update(
        **{column: None if column == "email_verified_at" else timezone.now()}
    )
    page = submit(visitor)
    assert words in page.text
    assert Contact.objects.count() == 1


@pytest.mark.scenario("FF-39")
def test_message_about_a_limit_is_the_same_for_known_and_unknown_people(pos, alice, visitor):
    pos.organiser.link_adds_per_hour = 0
    pos.organiser.save()
    ContactFactory(organiser=pos.organiser, first_name="Bob", last_name="Miller", email="known@example.org")
    pages = [
        neutral(submit(visitor, email=email)).replace(email, "")
        for email in ("known@example.org", "no@example.org")
    ]
    assert "Please try again later." in pages[0]
    assert pages[0] == pages[1]


def test_visitor_without_a_name_is_sent_to_the_profile(pos, visitor):
    """The mail to the added person contains the visitor's name."""
    nameless = make_visitor(pos, "", "", email="alice@example.org")
    visitor.client.force_login(nameless.user)
    page = visitor.open(NEW)
    assert page.url == f"{ACCOUNT}profile/?then=friends"
    assert "Tell us your own name first" in page.messages[0]
    token = page.form("logout").values["csrfmiddlewaretoken"]
    assert visitor.send("POST", NEW, {"csrfmiddlewaretoken": token, **TYPED}).status == 302
    assert not ContactLink.objects.exists()


def test_visitor_returns_from_the_profile_with_the_typed_values(pos, visitor):
    nameless = make_visitor(pos, "", "", email="alice@example.org")
    visitor.client.force_login(nameless.user)
    visitor.open(NEW)  # leads to the profile
    token = visitor.page.form("logout").values["csrfmiddlewaretoken"]
    visitor._follow("POST", NEW, {"csrfmiddlewaretoken": token, **TYPED})
    page = visitor.fill("^first_name$", {"first_name": "Alice", "last_name": "Martin"})
    assert (page.url, page.messages) == (NEW, ["Your profile is saved."])
    values = page.form("^email$").values
    assert {name: values[name] for name in TYPED} == TYPED
    assert visitor.fill("^email$").messages == [M1]
    assert visitor.open(NEW).form("^email$").values["email"] == "", "once"


# --- with an e-mail address, or without ----------------------------------------------------------------------


def test_form_asks_for_an_address_and_offers_to_have_none(pos, alice, visitor):
    form = visitor.open(NEW).form("^email$")
    assert {"email", "last_name", "first_name", "no_email", "birth_date"} <= form.names
    assert (form.choices["no_email"], form.values["no_email"]) == (["", "on"], "")
    assert "E-mail address (optional)" not in visitor.page.text


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"birth_date": "2018-05-01"}, "birth_date", "only of people without an e-mail address"),
        ({"no_email": "on"}, "email", "You said that this person has no e-mail address."),
        ({"email": ""}, "email", "Enter the e-mail address, or say that this person has none."),
    ],
)
def test_typed_values_that_do_not_fit_are_errors(pos, alice, visitor, typed, field, words):
    page = submit(visitor, **typed)
    assert words in errors_of(page)[field]
    kept = page.form("^email$").values
    assert {name: kept[name] for name in typed} == typed
    assert not ContactLink.objects.exists()


@pytest.mark.scenario("FF-14")
def test_mismatch_offers_to_add_without_an_address(pos, alice, visitor):
    """Couples with one mailbox, siblings under a parent's address."""
    ContactFactory(organiser=pos.organiser, first_name="Max", last_name="Miller", email="bob@example.org")
    page = submit(visitor)
    assert errors_of(page) == {"email": M2}
    first_button = page.source.index("<button", page.source.index('<form class="stack new-person"'))
    assert first_button < page.source.index('name="without_email"'), (
        "Enter in a field must not press this one"
    )
    page = visitor.fill("^email$", button=("without_email", "1"))
    assert page.messages == [M1]
    link = ContactLink.objects.get()
    assert (link.entered_email, link.child.email, link.permission_parent) == ("", None, "manage")
    assert not Mail.objects.exists()


def test_child_typed_with_the_own_address_can_be_added_without_it(pos, alice, visitor):
    submit(visitor, email="alice@example.org", first_name="Tim", last_name="Martin")
    visitor.fill("^email$", button=("without_email", "1"))
    link = ContactLink.objects.get()
    assert (link.entered_name, link.entered_email, link.child.email) == ("Tim Martin", "", None)


def test_adding_without_an_address_is_offered_only_after_a_mismatch(pos, alice, visitor):
    page = submit(visitor, first_name="")
    assert "first_name" in errors_of(page)
    assert "Add without an e-mail address" not in page.text
    ContactFactory(organiser=pos.organiser, first_name="Max", last_name="Miller", email="bob@example.org")
    assert "Add without an e-mail address" in submit(visitor).text


@pytest.mark.scenario("FF-39")
@pytest.mark.parametrize("own", [True, False])
def test_message_about_a_limit_depends_on_whose_limit_it_is(pos, alice, visitor, own):
    Organiser.objects.update(link_adds_per_hour=0 if own else 10)
    if not own:
        for _number in range(60):
            limits.note("link_network", "127.0.0.1", timezone.now())
    text = submit(visitor).text
    assert ("You have added, or tried to add, many people. Please try again later." in text) == own
    assert ("from your network or with this e-mail address. Please try again later." in text) != own


# --- what answers must not reveal -------------------------------------------------------------------------------------


def answers(visitor, pos, stored: list[tuple[str, str]]) -> dict:
    """Return all that can be observed when Bob is added while ``people`` have his address; roll everything back."""
    undo = transaction.savepoint()
    for first_name, last_name in stored:
        ContactFactory(
            organiser=pos.organiser, first_name=first_name, last_name=last_name, email="bob@example.org"
        )
    form = visitor.open(NEW).form("^email$")
    mails = Mail.objects.count()
    with CaptureQueriesContext(connection) as statements:
        answer = visitor.send("POST", NEW, form.filled(TYPED))
    observed = {
        "answer": (answer.status, neutral(answer), answer.headers.get("Location")),
        "headers": {name: answer.headers[name] for name in answer.headers if name != "Set-Cookie"},
        "statements": len(statements),
    }
    observed["list"] = neutral(visitor.open(LIST))
    link = ContactLink.objects.get()
    observed["mails"] = Mail.objects.count() - mails
    observed["pages"] = [
        neutral(visitor.open(url)) for url in (f"{LIST}{link.pk}/", f"{LIST}{link.pk}/remove/", NEW, LIST)
    ]
    observed["again"] = neutral(visitor.submit(form, TYPED))
    visitor.open(LIST)
    if "resend" in visitor.page.source:
        observed["resent"] = neutral(visitor.fill("resend/"))
    transaction.savepoint_rollback(undo)
    visitor.open(ACCOUNT)
    return observed


@pytest.mark.scenario("FF-13")
@pytest.mark.scenario("FF-27")
@pytest.mark.parametrize("consent", [False, True])
def test_answers_for_unknown_and_known_people_have_the_same_bytes(pos, alice, visitor, consent):
    pos.organiser.link_consent_required = consent
    pos.organiser.save()
    ContactFactory(first_name="Bob", last_name="Miller", email="bob@example.org")  # at another organiser
    unknown = answers(visitor, pos, [])
    assert unknown["answer"][0] == 302
    assert unknown["mails"] == 1
    assert html.escape(M1) in unknown["list"]
    assert answers(visitor, pos, [("Bob", "Miller")]) == unknown
    assert answers(visitor, pos, [("bob lee", "MILLER"), ("Beth", "Miller")]) == unknown


@pytest.mark.scenario("FF-40")
def test_answers_of_the_discreet_mode_have_the_same_bytes_in_every_case(pos, alice, visitor):
    PointOfSale.objects.update(friends_family_mode="discreet")
    unknown = answers(visitor, pos, [])
    assert html.escape(M1) in unknown["list"]
    assert "Waiting for an answer" in unknown["list"]
    assert unknown["mails"] == 1
    for stored in (
        [("Bob", "Miller")],
        [("Robert", "Smith")],
        [("A", "B"), ("C", "D")],
        [("Bob", "Miller"), ("C", "D")],
    ):
        assert answers(visitor, pos, stored) == unknown, stored


# --- fields ----------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-10")
def test_errors_are_at_the_field_and_typed_values_stay(pos, alice, visitor):
    page = submit(visitor, email="not an address", last_name="", first_name="")
    assert set(errors_of(page)) == {"email", "first_name"}
    assert "There is a problem" in page.text
    assert page.source.index('id="error-summary"') < page.source.index('<form class="stack new-person"')
    assert 'href="#id_email"' in page.source
    assert page.form("^email$").values["email"] == "not an address"
    assert "<title>Error:" in page.source.replace("\n", "").replace("<title> ", "<title>")
    assert "onclick" not in page.source
    assert not ContactLink.objects.exists()


@pytest.mark.scenario("FF-10")
def test_pages_are_translated_to_french(pos, alice):
    visitor = TestClientVisitor(**{"accept-language": "fr"})
    visitor.client.force_login(alice.user)
    page = visitor.open(LIST)
    assert '<html lang="fr"' in page.source
    assert "Amis et famille" in page.text
    assert "Friends and family" not in page.text
    page = visitor.open(NEW)
    page = visitor.fill("^email$", TYPED | {"first_name": ""})
    assert "Enter the first name" not in page.text
    assert set(errors_of(page)) == {"first_name"}
    page = visitor.fill("^email$", TYPED)
    assert page.url == LIST
    assert "Bob Miller" in page.messages[0]
    assert M1 not in page.text
    assert Mail.objects.get().language == "fr"


LONG, LONG_MAIL = "x" * 101, f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
BAD_NAMES = [
    "http://evil.example", "www.evil.example", "evil.example", "see evil.com/now", "evil．com", "x.co/a", "bob@evil",
    "Bob\x00", "Bo\x07b", "Bo\tb", "Bo\nb", "Bo\r\nBcc: all@example.org", "Bo\u2028b", "Bo\u202eb", "Bo\u2066b",
    "Bo\u200eb", "Bo\u061cb", "Bo\u200bb", "Bo\u00adb", "Bo\ufeffb", LONG, "x" * 100_000,
]  # fmt: skip
BAD_MAILS = [
    "", "bob", "bob@", "@example.org", "a@b", "bob@@example.org", "bob@example.org.", "bob@exa mple.org",
    "bob@example.org\nBcc: all@example.org", "bob@example.org\r\nBcc: all@example.org", "bob\x00@example.org",
    "bob@example.org, carol@example.org", "<bob@example.org>", LONG_MAIL, "a" * 100_000 + "@x.ch",
    f"bob@{'.'.join(['äöüéèàçñø' * 4] * 6)}.example",  # too long once it is written as machines do
]  # fmt: skip
BAD_DATES = [
    "30.02.2020",
    "2020-02-30",
    "0000-01-01",
    "9999-12-31",
    "1700-01-01",
    "soon",
    "1" * 100_000,
    "2020-01-01\x00",
]


@pytest.mark.scenario("FF-11")
def test_invalid_names_have_an_error_at_each_field(pos, alice, visitor):
    visitor.open(NEW)
    for text in BAD_NAMES:
        page = visitor.fill("^email$", TYPED | {"first_name": text, "last_name": text})
        refused(page, {"first_name", "last_name"}, text)


@pytest.mark.scenario("FF-11")
def test_invalid_address_has_an_error_at_its_field(pos, alice, visitor):
    visitor.open(NEW)
    for text in BAD_MAILS:
        refused(visitor.fill("^email$", TYPED | {"email": text}), {"email"}, text)


@pytest.mark.scenario("FF-11")
def test_invalid_date_has_an_error_at_its_field(pos, alice, visitor):
    visitor.open(NEW)
    for text in BAD_DATES:
        child = TYPED | {"email": "", "no_email": "on", "birth_date": text}
        refused(visitor.fill("^email$", child), {"birth_date"}, text)


@pytest.mark.scenario("FF-11")
def test_empty_form_has_errors_at_the_required_fields(pos, alice, visitor):
    refused(submit(visitor, email="", last_name="", first_name=""), {"email", "first_name"}, "nothing")


def refused(page: Page, fields: set[str], text: str) -> None:
    assert page.status == 200, ascii(text)[:50]
    assert set(errors_of(page)) == fields, ascii(text)[:50]
    assert Contact.objects.count() == 1
    assert not ContactLink.objects.exists()
    assert not Mail.objects.exists()


@pytest.mark.scenario("FF-18")
@pytest.mark.parametrize("allowed", [True, False])
def test_name_of_one_part_is_accepted_where_the_organiser_allows_it(pos, alice, visitor, allowed):
    pos.organiser.single_part_names = allowed
    pos.organiser.save()
    page = submit(visitor, last_name="", first_name="Madonna")
    if allowed:
        assert page.messages == ["Madonna has been added to your friends and family."]
    else:
        assert errors_of(page) == {"last_name": "Enter the last name."}


NAMES = [
    "O’Brien", "X", "van der Berg-Müller", "x" * 100, "3", "محمد", "山田", "J.R.R.", "<b>Bob</b>", "{{ 7 }}", "{% x %}",
    "' OR 1=1 --", "%_", "👩‍👧", "M.Curie", "a & b",
]  # fmt: skip


@pytest.mark.scenario("FF-11")
def test_unusual_names_are_shown_as_typed(pos, alice, visitor):
    Organiser.objects.update(link_adds_per_hour=100, link_adds_per_day=100)
    pairs = list(zip(NAMES[::2], NAMES[1::2], strict=True))
    for number, (first, last) in enumerate(pairs):
        page = submit(visitor, first_name=first, last_name=last, email=f"p{number}@example.org")
        assert page.messages == [f"{first} {last} has been added to your friends and family."]
        link = ContactLink.objects.latest("pk")
        # Half of the names on each of the two pages about a person.
        page = visitor.open(f"{LIST}{link.pk}/{'remove/' if number % 2 else ''}")
        assert f"{first} {last}" in page.text
        assert "<b>Bob</b>" not in page.source
    page = visitor.open(LIST)
    assert [names for names in pairs if " ".join(names) not in page.text] == []
    assert "<b>Bob</b>" not in page.source
