"""“Forgot your password?” of an added person without a password: the mail leads to the first password."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.links import claiming
from accounts.models import User
from contacts.linking import links
from contacts.models import Contact, ContactLink
from privacy.models import MailboxProof
from tests.at_once import at_once
from tests.factories.accounts import UserFactory
from tests.factories.contacts import ContactFactory
from tests.friends import BOB, friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor

from ..conftest import link_in
from ..pages import ACCOUNT, LIST, answer, mailed_link, rows

pytestmark = pytest.mark.django_db
CHOSEN = "paper-lantern-at-dusk"
AT_SHOP = f"?next={ACCOUNT}"


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def link(pos):
    """The link to Bob, an unknown person whom Alice has added and who must agree."""
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    return linked(make_visitor(pos, email="alice@example.org"), pos)


def forgot(post, email=BOB[2], at=AT_SHOP):
    """Request a new password; return the mail and the page."""
    post()
    visitor = TestClientVisitor()
    visitor.open(f"/accounts/password/reset/{at}")
    page = visitor.fill("^email$", {"email": email})
    (letter,) = post()
    return letter, page


@pytest.mark.scenario("FF-33")
def test_mail_leads_to_the_first_password_and_the_account(pos, link, post):
    letter, _page = forgot(post)
    assert letter.subject == "Choose your password – The Theatre"
    assert "There is no account" not in letter.body
    visitor = TestClientVisitor()
    page = visitor.open(link_in(letter))
    assert "The Theatre" in page.text
    assert not User.objects.filter(email=BOB[2]).exists(), "opening changes nothing"
    assert page.form("^password1$").values["contact"] == str(link.child_id)
    page = visitor.fill("^password1$", {"password1": CHOSEN})
    assert (page.url, page.messages) == (
        ACCOUNT,
        ["Your account is ready.", "1 person has added you and waits for your answer. Decide"],
    )
    link.child.refresh_from_db()
    assert link.child.user.email == BOB[2]
    assert link.child.user.check_password(CHOSEN)
    assert TestClientVisitor().open(link_in(letter)).status == 410, "the link counts once"


@pytest.mark.scenario("FF-33")
def test_consent_given_before_the_first_password_is_not_asked_again(pos, link, post):
    (letter,) = post()
    answer(TestClientVisitor(), mailed_link(letter), "accept")  # and no password chosen
    letter, _page = forgot(post)
    visitor = TestClientVisitor()
    visitor.open(link_in(letter))
    visitor.fill("^password1$", {"password1": CHOSEN})
    link.refresh_from_db()
    assert (link.status, link.consent_by) == ("active", "child")
    page = visitor.open(LIST)
    assert "Alice Martin" in rows(page)
    assert "Accept" not in rows(page)


@pytest.mark.scenario("FF-33")
def test_consent_given_before_the_sign_up_is_not_asked_again(pos, link, post, visitor):
    (letter,) = post()
    answer(TestClientVisitor(), mailed_link(letter), "accept")
    visitor.open(f"/accounts/signup/{AT_SHOP}")
    visitor.fill("^password1$", {"email": BOB[2], "password1": CHOSEN})
    (confirmation,) = post()
    visitor.submit(visitor.open(link_in(confirmation)).form("confirm-email"))
    page = visitor.open(LIST)
    assert "You have accepted." in rows(page)
    assert not [form for form in page.forms if "answer" in form.names and "Accept<" in page.source]
    link.refresh_from_db()
    assert link.status == "active"


@pytest.mark.parametrize("at", [AT_SHOP, ""])
def test_answer_on_screen_is_the_same_for_every_address(pos, link, post, at):
    answers = {forgot(post, email, at)[1].text.replace(email, "") for email in (BOB[2], "nobody@example.org")}
    assert len(answers) == 1


def test_without_a_shop_that_of_the_added_person_is_found(pos, link, post):
    letter, _page = forgot(post, at="")
    assert letter.subject == "Choose your password – The Theatre"
    visitor = TestClientVisitor()
    visitor.open(link_in(letter))
    assert visitor.fill("^password1$", {"password1": CHOSEN}).url == ACCOUNT


def test_unknown_address_is_offered_to_sign_up(pos, link, post):
    letter, _page = forgot(post, "nobody@example.org")
    assert letter.subject == "No account with this address – The Theatre"
    assert "/accounts/signup/" in letter.body
    assert not MailboxProof.objects.exists()


def test_address_with_a_log_in_gets_the_ordinary_mail(pos, link, post):
    UserFactory(email=BOB[2])
    letter, _page = forgot(post)
    assert letter.subject == "Choose a new password – The Theatre"


# --- several people at the mailbox ---------------------------------------------------------------------------


def test_one_of_several_people_of_a_mailbox_is_chosen_by_name(pos, link, post):
    tim = ContactFactory(organiser=pos.organiser, first_name="Tim", last_name="Miller", email=BOB[2])
    letter, _page = forgot(post)
    visitor = TestClientVisitor()
    page = visitor.open(link_in(letter))
    assert "contact" not in page.form("^password1$").values, "nobody is preselected"
    page = visitor.fill("^password1$", {"password1": CHOSEN})
    assert "Say who you are." in page.text
    visitor.fill("^password1$", {"password1": CHOSEN, "contact": link.child_id})
    tim.refresh_from_db()
    link.child.refresh_from_db()
    assert (tim.user, link.child.user.email) == (None, BOB[2])


def test_other_reader_of_the_mailbox_gets_a_separate_account(pos, link, post):
    letter, _page = forgot(post)
    visitor = TestClientVisitor()
    visitor.open(link_in(letter))
    visitor.fill("^password1$", {"password1": CHOSEN, "contact": "none"})
    link.child.refresh_from_db()
    assert link.child.user is None
    me = Contact.objects.get(user__email=BOB[2])
    assert me.full_name == ""
    assert "Bob Miller" in visitor.open(LIST).text


# --- what happens meanwhile --------------------------------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", ["expired", "another address", "claimed", "erased"])
def test_proof_or_contact_changed_meanwhile_gets_no_account(pos, link, post, meanwhile):
    letter, _page = forgot(post)
    visitor = TestClientVisitor()
    form = visitor.open(link_in(letter)).form("^password1$")
    child = Contact.objects.filter(pk=link.child_id)
    if meanwhile == "expired":
        MailboxProof.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif meanwhile == "another address":
        child.update(email="x@example.org", email_key="x@example.org")
    elif meanwhile == "claimed":
        claiming.claim(child.get(), "somebody-elses-password", now=timezone.now())
    else:
        child.update(erasing_at=timezone.now())
    visitor.submit(form, {"password1": CHOSEN})
    assert not User.objects.filter(email="x@example.org").exists()
    user = User.objects.filter(email=BOB[2]).first()
    assert user is None or not user.check_password(CHOSEN)
    assert visitor.open(ACCOUNT).url != ACCOUNT


@pytest.mark.django_db(transaction=True)
def test_form_sent_twice_at_once_makes_one_account(pos, link, post):
    letter, _page = forgot(post)
    visitors = [TestClientVisitor() for _number in range(2)]
    forms = [visitor.open(link_in(letter)).form("^password1$") for visitor in visitors]
    pages = at_once(*[
        partial(visitor.submit, form, {"password1": CHOSEN}) for visitor, form in zip(visitors, forms, strict=True)
    ])  # fmt: skip
    assert {page.status for page in pages} <= {200, 410}
    assert User.objects.filter(email=BOB[2]).count() == 1
    assert ContactLink.objects.get().child.user.check_password(CHOSEN)


def test_language_of_the_page_becomes_the_language_of_e_mails(pos, link, post):
    """Alice uses English, Bob opens his account in French: later mails to him are in French."""
    letter, _page = forgot(post)
    visitor = TestClientVisitor(**{"accept-language": "fr"})
    visitor.open(link_in(letter))
    visitor.fill("^password1$", {"password1": CHOSEN})
    link.child.refresh_from_db()
    assert link.child.language == "fr"
    assert links.of_child(link.child).count() == 1
