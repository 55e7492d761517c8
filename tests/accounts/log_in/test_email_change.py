"""Changing the e-mail address of a log-in: confirmed, mailed to both addresses, and a question at each organiser."""

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.models import User
from contacts import contacts
from contacts.linking import adding
from contacts.models import Contact
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import PaymentMethodFactory
from tests.friends import friendly_pos, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.sales.models import Order

from ..conftest import link_in
from ..pages import NEW, browser_of

pytestmark = pytest.mark.django_db
ACCOUNT, OLD_ADDRESS, NEW_ADDRESS = "/theatre/account/", "ada@old.example", "ada@new.example"


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def ada(pos, visitor):
    """A visitor whose browser is ``visitor``."""
    ada = make_visitor(pos, "Ada", "Lovelace", email=OLD_ADDRESS)
    visitor.client.force_login(ada.user)
    return ada


def ask_to_change(visitor, address=NEW_ADDRESS):
    visitor.open(f"{ACCOUNT}profile/")
    visitor.open(visitor.page.link("Change the e-mail address you log in with"))
    form = next(
        form for form in visitor.page.forms if form.names == {"csrfmiddlewaretoken", "email", "action_add"}
    )
    page = visitor.submit(form, {"email": address}, button=("action_add", ""))
    if page.url.startswith("/accounts/reauthenticate/"):
        assert "The Theatre" in page.text
        page = visitor.fill("^password$", {"password": PASSWORD})
    return page


def change(visitor, post, address=NEW_ADDRESS):
    """Request the change and confirm it from the mailbox; return the last page."""
    post()
    ask_to_change(visitor, address)
    (letter,) = post()
    visitor.open(link_in(letter))
    return visitor.fill("confirm-email")


def changed(ada, visitor):
    """Make the rows of a change that is confirmed; return the page of the account."""
    EmailAddress.objects.filter(user=ada.user).update(email=NEW_ADDRESS)
    User.objects.filter(pk=ada.user_id).update(email=NEW_ADDRESS)
    return visitor.open(ACCOUNT)


# --- the change ------------------------------------------------------------------------------------------------


def test_mail_about_a_new_address_has_the_look_of_the_shop(ada, visitor, post):
    page = ask_to_change(visitor)
    assert "waits to be confirmed" in page.text
    assert "The Theatre" in page.text
    (letter,) = post()
    assert (letter.to, letter.subject) == (
        [NEW_ADDRESS],
        "Confirm your new e-mail address – The Theatre",
    )
    assert "wants to log in with this e-mail address from now on" in letter.body
    assert "created an account" not in letter.body
    page = visitor.open(link_in(letter))
    assert "you log in with it from now on" in page.text
    assert "The Theatre" in page.text
    assert User.objects.get().email == OLD_ADDRESS, "opening changes nothing"
    page = visitor.fill("confirm-email")
    assert page.url == ACCOUNT
    assert User.objects.get().email == NEW_ADDRESS
    assert list(EmailAddress.objects.values_list("email", "verified")) == [(NEW_ADDRESS, True)]


def test_mail_of_a_sign_up_does_not_mention_a_change(pos, visitor, post):
    visitor.open(f"/accounts/signup/?next={ACCOUNT}")
    visitor.fill("^password1$", {"email": NEW_ADDRESS, "password1": "paper-lantern-at-dusk"})
    (letter,) = post()
    assert letter.subject == "Confirm your e-mail address – The Theatre"
    assert "created an account with this e-mail address" in letter.body
    visitor.open(link_in(letter))
    visitor.fill("confirm-email")
    assert post() == [], "there was no earlier address to be told"


def test_former_and_new_address_get_a_mail_about_the_change(ada, visitor, post):
    change(visitor, post)
    old, new = sorted(post(), key=lambda letter: letter.to == [NEW_ADDRESS])
    assert (old.to, new.to) == ([OLD_ADDRESS], [NEW_ADDRESS])
    for letter in (old, new):
        assert letter.subject == "The e-mail address you log in with has changed – The Theatre"
        assert f"http://testserver{ACCOUNT}" in letter.body
        for unsaid in {OLD_ADDRESS, NEW_ADDRESS}:
            assert unsaid not in letter.body, "neither mailbox learns the other's address"
    assert "this one no longer opens your account" in old.body
    assert "answer this e-mail at once" in old.body
    assert "From now on you log in with this e-mail address." in new.body


def test_confirming_in_the_browser_of_another_log_in_warns_before_it_logs_out(pos, ada, visitor, post):
    ask_to_change(visitor)
    (letter,) = post()
    other = browser_of(make_visitor(pos, "Carol", "Ray", email="carol@example.org"))
    page = other.open(link_in(letter))
    assert "In this browser carol@example.org is logged in." in page.text
    assert "carol@example.org" in other.open(ACCOUNT).text
    other.open(link_in(letter))
    other.fill("confirm-email")
    assert other.open(ACCOUNT).url.startswith("/accounts/login/")


# --- where each organiser writes to ------------------------------------------------------------------------------


def test_new_address_is_used_on_every_page_and_mail_after_a_question(pos, ada, visitor, post):
    page = changed(ada, visitor)
    asked = f"You log in with {NEW_ADDRESS}, but {pos.organiser.name} writes to {OLD_ADDRESS}."
    assert asked in page.text
    page = visitor.submit(page.form("profile/email/"), button=("address", "log_in"))
    assert page.messages == [f"From now on we write to {NEW_ADDRESS}."]
    assert f"We write to {NEW_ADDRESS}, the address you log in with." in page.text
    ada.refresh_from_db()
    assert (ada.email, ada.email_key) == (NEW_ADDRESS, NEW_ADDRESS)
    assert ada.email_verified_at is not None
    assert asked not in visitor.open(ACCOUNT).text
    shown_everywhere(pos, visitor, post, NEW_ADDRESS, OLD_ADDRESS)


def test_former_address_can_be_kept_for_every_page_and_mail(pos, ada, visitor, post):
    page = changed(ada, visitor)
    page = visitor.submit(page.form("profile/email/"), button=("address", "keep"))
    assert f"You log in with {NEW_ADDRESS}, and {pos.organiser.name} writes to {OLD_ADDRESS}." in page.text
    assert page.messages == [f"We go on writing to {OLD_ADDRESS}."]
    assert "Which address shall we write to?" not in visitor.open(ACCOUNT).text, "not asked again"
    shown_everywhere(pos, visitor, post, OLD_ADDRESS, None)
    page = visitor.open(f"{ACCOUNT}profile/")
    visitor.submit(page.form("profile/email/"), button=("address", "log_in"))
    ada.refresh_from_db()
    assert ada.email == NEW_ADDRESS, "the profile still has the choice"


def shown_everywhere(pos, visitor, post, address, gone):
    """Check that details, review, order page and mails contain ``address`` and never ``gone``."""
    offer = OfferFactory(pos=pos)
    PaymentMethodFactory(point_of_sale=pos, code="on_site")
    pages = [
        visitor.add(f"/theatre/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1}),
        visitor.to_details(),
        visitor.give_details(first_name="Ada", last_name="Lovelace"),
    ]
    assert f"We send the tickets to you, {address}." in pages[1].text
    assert address in pages[2].text
    pages.append(visitor.place())
    letters = post()
    assert {tuple(letter.to) for letter in letters} == {(address,)}
    assert Order.objects.get().buyer.email == address
    # “My data” lists the mails that were sent before, with the address they went to.
    pages += [visitor.open(f"{ACCOUNT}{name}") for name in ("", "profile/", "orders/")]
    if gone:
        for page in pages:
            assert gone not in page.text, page.url


def test_question_is_asked_at_each_organiser(pos, ada, visitor):
    festival = friendly_pos(slug="festival", name="The Festival")
    there = contacts.for_user(festival.organiser, ada.user, language="en", now=timezone.now())
    page = changed(ada, visitor)
    visitor.submit(page.form("profile/email/"), button=("address", "log_in"))
    there.refresh_from_db()
    assert there.email == OLD_ADDRESS
    page = visitor.open("/festival/account/")
    assert f"{festival.organiser.name} writes to {OLD_ADDRESS}." in page.text
    assert pos.organiser.name not in page.text
    visitor.submit(page.form("profile/email/"), button=("address", "keep"))
    ada.refresh_from_db()
    there.refresh_from_db()
    assert (ada.email, there.email) == (NEW_ADDRESS, OLD_ADDRESS)


def test_further_change_asks_again(pos, ada, visitor, post):
    page = change(visitor, post)
    visitor.submit(page.form("profile/email/"), button=("address", "keep"))
    page = change(visitor, post, "ada@newest.example")
    assert f"{pos.organiser.name} writes to {OLD_ADDRESS}." in page.text


def test_question_is_not_asked_if_both_addresses_are_equal(pos, ada, visitor):
    for name in ("", "profile/"):
        assert "Which address shall we write to?" not in visitor.open(f"{ACCOUNT}{name}").text


@pytest.mark.parametrize("posted", ["", "x", "keep"])
def test_invalid_answer_changes_nothing(pos, ada, visitor, posted):
    Contact.objects.filter(pk=ada.pk).update(email=None, email_key="")
    visitor.open(f"{ACCOUNT}profile/")
    form = visitor.page.form("profile/email/")
    visitor.submit(form, button=("address", posted))
    ada.refresh_from_db()
    assert (ada.email, ada.email_kept) == (None, False)


# --- corrected by staff --------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-38")
def test_address_entered_by_staff_is_not_proved(pos, ada, visitor):
    contacts.change(ada, {"email": "ada@typo.example"}, by=None, now=timezone.now())
    assert ada.email_verified_at is None
    visitor.open(NEW)
    page = visitor.fill("^email$", {"email": "bob@example.org", "last_name": "Miller", "first_name": "Bob"})
    assert "In your profile you choose where we write to you." in page.text
    page = visitor.open(f"{ACCOUNT}profile/")
    visitor.submit(page.form("profile/email/"), button=("address", "log_in"))
    ada.refresh_from_db()
    assert ada.email_verified_at is not None
    requester = adding.Requester(by=ada.user, pos=pos, network="192.0.2.1", language="en")
    person = adding.Person("Bob", "Miller", "bob@example.org")
    assert adding.add(ada, person, requester, now=timezone.now()).code == adding.LINKED


def test_address_corrected_to_the_proved_one_is_proved(pos, ada):
    contacts.change(ada, {"email": "ada@typo.example"}, by=None, now=timezone.now())
    contacts.change(ada, {"email": OLD_ADDRESS.upper()}, by=None, now=timezone.now())
    assert ada.email_verified_at is not None


def test_changed_name_leaves_the_address_proved(pos, ada):
    before = ada.email_verified_at
    contacts.change(ada, {"first_name": "Augusta", "email": OLD_ADDRESS}, by=None, now=timezone.now())
    ada.refresh_from_db()
    assert ada.email_verified_at == before


def test_address_of_another_log_in_can_not_be_taken(pos, ada, visitor, post):
    UserFactory(email=NEW_ADDRESS)
    ask_to_change(visitor)
    letters = post()
    assert all(OLD_ADDRESS not in letter.body for letter in letters)
    for letter in letters:
        his = TestClientVisitor()
        his.open(link_in(letter))
        if [form for form in his.page.forms if "confirm-email" in form.action]:
            his.fill("confirm-email")
    ada.user.refresh_from_db()
    assert ada.user.email == OLD_ADDRESS
