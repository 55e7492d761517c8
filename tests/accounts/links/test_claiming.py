"""Claiming an account: only the owner of the mailbox gets it, even if another person signed up before."""

from datetime import timedelta
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.links import claiming
from accounts.models import User
from contacts import contacts
from contacts.linking import links, staff_links
from contacts.models import Contact, ContactLink, LinkRequest
from tests.at_once import at_once, meet
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import BOB, friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.history import history
from ticketshop.limits.models import Counter
from ticketshop.mail.models import Mail

from ..conftest import link_in
from ..pages import ACCOUNT, LIST, answer, browser_of, mailed_link, rows

CHOSEN, THEIRS = "paper-lantern-at-dusk", "wooden-horse-at-noon"


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


@pytest.fixture
def letter(pos, alice, post):
    """The mail to Bob, whom Alice has added and who must agree."""
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    linked(alice, pos)
    return post()[-1]


def signed_in(visitor) -> bool:
    return visitor.open(ACCOUNT).url == ACCOUNT


def sign_up(visitor, email=BOB[2], password=THEIRS):
    visitor.open(f"/accounts/signup/?next={ACCOUNT}")
    return visitor.fill("^password1$", {"email": email, "password1": password})


def choose_password(visitor, letter, password=CHOSEN):
    """Accept on the page of the mailed link, and choose a password."""
    page = answer(visitor, mailed_link(letter), "accept")
    assert page.url == "/links/claim/"
    return visitor.fill("^password1$", {"password1": password})


def can_log_in(password: str, email=BOB[2]) -> bool:
    visitor = TestClientVisitor()
    visitor.log_in(email, password)
    return signed_in(visitor)


# --- claiming ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.scenario("FF-28")
def test_person_proves_the_mailbox_and_chooses_the_password(pos, alice, letter, visitor):
    child = ContactLink.objects.get().child
    assert not User.objects.filter(email=BOB[2]).exists(), "no log-in exists before that"
    page = choose_password(visitor, letter)
    assert page.url == ACCOUNT
    assert page.messages == ["Your account is ready."]
    user = User.objects.get(email=BOB[2])
    assert user.check_password(CHOSEN)
    child.refresh_from_db()
    assert (child.user, child.purge_after) == (user, None)
    assert child.claimed_at is not None
    assert child.email_verified_at is not None
    assert EmailAddress.objects.get(user=user).verified
    assert history.of(child).filter(action="claimed").get().by == user
    assert "Alice Martin" in rows(visitor.open(LIST))
    assert can_log_in(CHOSEN)


@pytest.mark.django_db
def test_person_can_agree_and_choose_the_password_later(pos, alice, letter, visitor):
    page = answer(visitor, mailed_link(letter), "accept")
    assert page.link("Not now") == "/theatre/"
    assert ContactLink.objects.get().status == "active"
    assert not User.objects.filter(email=BOB[2]).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "short", "password1", "bob@example.org", "x" * 5000])
def test_invalid_password_has_an_error_at_its_field(letter, visitor, password):
    page = choose_password(visitor, letter, password)
    assert (page.status, page.url) == (200, "/links/claim/")
    assert 'aria-invalid="true"' in page.source
    assert not User.objects.filter(email=BOB[2]).exists()
    assert visitor.fill("^password1$", {"password1": CHOSEN}).url == ACCOUNT


@pytest.mark.django_db
@pytest.mark.scenario("FF-29")
def test_proof_counts_for_half_an_hour_in_this_browser_and_for_this_address(letter, visitor, monkeypatch):
    answer(visitor, mailed_link(letter), "accept")
    assert TestClientVisitor().open("/links/claim/").status == 410
    child = ContactLink.objects.get().child
    contacts.change(child, {"email": "victim@example.org"}, by=None, now=timezone.now())
    form = visitor.page.form("^password1$")
    assert ended(visitor.submit(form, {"password1": CHOSEN}))
    assert not User.objects.filter(email="victim@example.org").exists()
    contacts.change(child, {"email": BOB[2]}, by=None, now=timezone.now())
    assert visitor.open("/links/claim/").status == 200
    monkeypatch.setattr(claiming, "SECONDS", -1)
    session = visitor.client.session
    session["claim"] = session["claim"] | {"until": timezone.now().timestamp() - 1}
    session.save()
    assert ended(visitor.submit(form, {"password1": CHOSEN}))
    assert not User.objects.filter(email=BOB[2]).exists()


def ended(page) -> bool:
    """Return whether the page tells that it has ended, and how to go on."""
    return (
        page.url.startswith("/accounts/login/")
        and "If you have just chosen a password, log in" in page.messages[0]
    )


@pytest.mark.django_db
def test_second_press_of_the_button_leads_to_the_log_in(letter, visitor):
    answer(visitor, mailed_link(letter), "accept")
    other_press = TestClientVisitor()
    other_press.client.cookies = visitor.client.cookies.copy()
    form = visitor.page.form("^password1$")
    other_press.page = visitor.page
    assert visitor.submit(form, {"password1": CHOSEN}).url == ACCOUNT
    page = other_press.submit(form, {"password1": CHOSEN})
    assert ended(page)
    page = other_press.fill("^login$", {"login": BOB[2], "password": CHOSEN})
    assert page.status == 200
    assert other_press.open(ACCOUNT).url == ACCOUNT


@pytest.mark.django_db
def test_address_changed_while_the_form_is_open_gets_no_log_in(letter, visitor):
    child = ContactLink.objects.get().child
    stale = Contact.objects.get(pk=child.pk)
    contacts.change(child, {"email": "victim@example.org"}, by=None, now=timezone.now())
    with pytest.raises(claiming.HasLogIn):
        claiming.claim(stale, CHOSEN, now=timezone.now())
    assert not User.objects.filter(email="victim@example.org").exists()


@pytest.mark.django_db
def test_person_with_a_log_in_keeps_their_password(pos, letter, visitor):
    UserFactory(email=BOB[2])
    page = answer(visitor, mailed_link(letter), "accept")
    assert "You are connected with Alice Martin" in page.text
    assert visitor.open("/links/claim/").status == 410
    assert can_log_in(PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["switched off", "somebody here already"])
def test_log_in_switched_off_or_with_another_contact_is_not_claimed(pos, letter, visitor, how):
    user = User.objects.create_user(BOB[2], THEIRS, is_active=how != "switched off")
    if how == "somebody here already":
        ContactFactory(organiser=pos.organiser, user=user, email=BOB[2])
    answer(visitor, mailed_link(letter), "accept")
    assert visitor.open("/links/claim/").status == 410
    user.refresh_from_db()
    assert user.check_password(THEIRS)
    assert not signed_in(visitor)


@pytest.mark.django_db(transaction=True)
def test_double_click_on_the_password_makes_one_account(pos, letter):
    child = ContactLink.objects.select_related("child").get().child

    def claim():
        try:
            return claiming.claim(child, CHOSEN, now=timezone.now())
        except claiming.HasLogIn:
            return None

    assert sorted(str(made) for made in at_once(claim, claim)) == sorted(
        [str(User.objects.get(email=BOB[2])), "None"]
    )
    assert EmailAddress.objects.filter(email=BOB[2]).count() == 1


# --- an earlier sign-up with the address -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_sign_up_with_the_address_of_another_person_gains_nothing(pos, alice, letter, visitor, post):
    """The password, the open session and the mailed confirmation of the earlier sign-up stop working."""
    attacker = TestClientVisitor()
    sign_up(attacker)
    (confirmation,) = post()
    assert not signed_in(attacker)
    choose_password(visitor, letter)
    assert signed_in(visitor)

    for url in ("/accounts/confirm-email/", "/accounts/login/", "/accounts/email/", "/links/claim/", LIST):
        attacker.open(url)
        assert not signed_in(attacker), url
    stale = TestClientVisitor()
    assert "This link has ended" in stale.open(link_in(confirmation)).text
    assert "This link has ended" in attacker.open(link_in(confirmation)).text
    assert not signed_in(attacker)
    assert not can_log_in(THEIRS)
    assert can_log_in(CHOSEN)
    assert EmailAddress.objects.filter(email=BOB[2]).count() == 1


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_claim_ends_open_sessions_of_an_unproved_sign_up(pos, letter, visitor):
    user = User.objects.create_user(BOB[2], THEIRS)
    attacker = TestClientVisitor()
    attacker.client.force_login(user)  # however they got it
    EmailAddress.objects.create(user=user, email="attacker@example.org", verified=False, primary=False)
    choose_password(visitor, letter)
    assert not signed_in(attacker)
    user.refresh_from_db()
    assert user.check_password(CHOSEN)
    assert list(EmailAddress.objects.filter(user=user).values_list("email", flat=True)) == [BOB[2]]


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_sign_up_ends_old_tokens_and_shows_open_links(pos, alice, letter, visitor, post):
    link = ContactLink.objects.get()
    unclaimed = link.child
    sign_up(visitor)
    (confirmation,) = post()
    assert not signed_in(visitor), "the mailbox is not proved yet"
    assert TestClientVisitor().open(mailed_link(letter)).status == 200
    visitor.submit(visitor.open(link_in(confirmation)).form("confirm-email"))
    assert TestClientVisitor().open(mailed_link(letter)).status == 410
    if not signed_in(visitor):
        visitor.log_in(BOB[2], THEIRS)
    link.refresh_from_db()
    assert link.status == "pending"

    page = visitor.open(ACCOUNT)
    assert "1 person has added you and waits for your answer." in page.text
    page = visitor.open(page.link("Decide"))
    assert "Alice Martin" in rows(page)
    assert "They connected “Bob Miller” with your e-mail address" in rows(page)
    assert "Bob Miller" in visitor.open(f"{LIST}{link.pk}/seen/").text
    visitor.open(LIST)
    page = visitor.submit(visitor.page.form("answer/"), button=("answer", "accept"))
    assert page.messages == ["You are connected with Alice Martin."]
    link.refresh_from_db()
    assert (link.status, link.child.user.email) == ("active", BOB[2])
    assert not Contact.objects.filter(pk=unclaimed.pk).exists(), "one person, one contact"
    assert (link.child.first_name, link.child.purge_after) == ("Bob", None)
    assert list(links.of_parent(alice)) == [link]
    assert "waits for your answer" not in visitor.open(ACCOUNT).text


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
@pytest.mark.parametrize(("wish", "status"), [("leave", "declined"), ("not_me", "ended")])
def test_link_to_the_own_address_can_be_declined_without_merging(pos, alice, letter, wish, status):
    link = ContactLink.objects.get()
    bob = make_visitor(pos, "Robert", "Smith", email=BOB[2])
    his = browser_of(bob)
    his.open(LIST)
    his.submit(his.page.form("answer/"), button=("answer", wish))
    link.refresh_from_db()
    assert (link.status, link.child == bob) == (status, False)
    assert "Alice Martin" not in rows(his.open(LIST))


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_links_are_shown_only_to_a_proved_address(pos, alice, letter):
    link = ContactLink.objects.get()
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    his = browser_of(bob)
    assert "Alice Martin" in his.open(LIST).text
    EmailAddress.objects.filter(user=bob.user).update(verified=False)
    assert "Alice Martin" not in his.open(LIST).text
    assert his.open(f"{LIST}{link.pk}/seen/").status == 404
    EmailAddress.objects.filter(user=bob.user).update(verified=True)
    stranger = browser_of(make_visitor(pos, "Carol", "Ray"))
    assert "Alice Martin" not in stranger.open(LIST).text
    assert stranger.open(f"{LIST}{link.pk}/seen/").status == 404
    other = friendly_pos(slug="festival")
    elsewhere = browser_of(contacts.for_user(other.organiser, bob.user, language="en", now=timezone.now()))
    assert "Alice Martin" not in elsewhere.open("/festival/account/friends-and-family/").text


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_contact_entered_by_staff_is_not_merged_by_its_address(pos, alice):
    """For instance a child under the address of a parent."""
    child = ContactFactory(organiser=pos.organiser, first_name="Tim", email=BOB[2])
    kind = linked(alice, pos, ("X", "Y", "x@example.org")).type
    staff_links.add(parent=alice, child=child, link_type=kind, by=None, now=timezone.now())
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    his = browser_of(bob)
    assert "Alice Martin" not in his.open(LIST).text
    child.refresh_from_db()
    assert child.user is None
    # The page shows who has added Bob, once it is Bob.
    staff_links.add(parent=alice, child=bob, link_type=kind, by=None, now=timezone.now())
    assert "Alice Martin" in his.open(LIST).text


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_new_password_by_mail_ends_old_tokens_and_keeps_pending_links(pos, alice, visitor, post):
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    (letter,) = post()
    assert TestClientVisitor().open(mailed_link(letter)).status == 200
    visitor.open(f"/accounts/password/reset/?next={ACCOUNT}")
    visitor.fill("^email$", {"email": BOB[2]})
    (reset,) = post()
    visitor.open(link_in(reset))
    visitor.fill("^password1$", {"password1": CHOSEN, "password2": CHOSEN})
    assert TestClientVisitor().open(mailed_link(letter)).status == 410
    link.refresh_from_db()
    assert (link.status, link.child) == ("pending", bob)
    his = browser_of(Contact.objects.get(pk=bob.pk))
    assert "waits for your answer" in his.open(ACCOUNT).text
    assert "Accept" in rows(his.open(LIST))


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_mail_queued_before_the_sign_up_has_no_working_token(pos, alice, visitor, post):
    pos.organiser.link_consent_required = True
    linked(alice, pos)
    waiting = Mail.objects.get()
    sign_up(visitor)
    confirmation = next(letter for letter in post() if "/accounts/" in letter.body)
    assert LinkRequest.objects.get().token_hash is not None
    visitor.submit(visitor.open(link_in(confirmation)).form("confirm-email"))
    waiting.refresh_from_db()
    assert LinkRequest.objects.get().token_hash is None


@pytest.mark.django_db
@pytest.mark.scenario("FF-24")
def test_person_who_ordered_as_a_guest_claims_the_orders_too(pos, alice, visitor, post):
    guest = dict(zip(("first_name", "last_name", "email"), BOB, strict=True))
    order = make_order({OfferFactory(pos=pos): 1}, buyer=guest, paid=True)
    post()
    linked(alice, pos)
    choose_password(visitor, post()[0])
    assert order.reference in visitor.open(f"{ACCOUNT}orders/").text


@pytest.mark.django_db
@pytest.mark.scenario("FF-33")
def test_accepting_leaves_one_link_of_a_parent_who_added_the_person_twice(pos, alice, letter):
    """Alice has also added the contact of the log-in: after the answer one of the two links is left."""
    bob = make_visitor(pos, "Bob", "Miller", email="robert@example.org")
    known = linked(alice, pos, ("Bob", "Miller", "robert@example.org"))
    EmailAddress.objects.filter(user=bob.user).update(email=BOB[2])
    User.objects.filter(pk=bob.user_id).update(email=BOB[2])
    to_address = ContactLink.objects.exclude(pk=known.pk).get()
    his = browser_of(Contact.objects.get(pk=bob.pk))
    his.open(LIST)
    his.submit(his.page.form(f"{to_address.pk}/answer/"), button=("answer", "accept"))
    (link,) = links.of_parent(alice)
    assert (link.child, link.status) == (bob, "active")


@pytest.mark.django_db(transaction=True)
def test_same_answer_twice_at_once_counts_once(pos, letter):
    link = ContactLink.objects.get()
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    browsers = [browser_of(bob) for _number in range(2)]
    for browser in browsers:
        browser.open(LIST)
    pages = at_once(*[
        partial(browser.submit, browser.page.form("answer/"), button=("answer", "accept")) for browser in browsers
    ])  # fmt: skip
    assert {page.status for page in pages} <= {200, 404}
    link.refresh_from_db()
    assert (link.status, link.child) == ("active", bob)
    assert Contact.objects.filter(email_key=BOB[2]).count() == 1
    assert link.consent_at > timezone.now() - timedelta(minutes=1)


# --- in which language, and in whose browser -------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.scenario("FF-28")
@pytest.mark.parametrize("until", ["accepted", "claimed"])
def test_later_mails_have_the_language_in_which_the_person_accepted(pos, alice, letter, post, until):
    child = ContactLink.objects.get().child
    assert child.language == ""
    visitor = TestClientVisitor(**{"accept-language": "fr"})
    answer(visitor, mailed_link(letter), "accept")
    if until == "claimed":
        visitor.fill("^password1$", {"password1": CHOSEN})
    child.refresh_from_db()
    assert child.language == "fr"
    carol = make_visitor(pos, "Carol", "Ray", email="carol@example.org")
    Counter.objects.all().delete()  # a second mail on the same day
    linked(carol, pos, language="en")
    assert 'lang="fr"' in post()[-1].alternatives[0][0]


@pytest.mark.django_db
def test_claiming_in_the_browser_of_another_log_in_asks_first(pos, alice, letter, visitor):
    carol = make_visitor(pos, "Carol", "Ray", email="carol@example.org")
    visitor.client.force_login(carol.user)
    page = visitor.open(mailed_link(letter))
    assert "In this browser carol@example.org is logged in. This request is for Bob Miller" in page.text
    page = answer(visitor, mailed_link(letter), "accept")
    assert page.url == "/links/claim/"
    assert "In this browser carol@example.org is logged in." in page.text
    page = visitor.fill("^password1$", {"password1": CHOSEN})
    assert "Tick the box to go on, or choose “Not now”." in page.text
    assert "carol@example.org" in visitor.open(ACCOUNT).text, "still logged in"
    visitor.open("/links/claim/")
    page = visitor.fill("^password1$", {"password1": CHOSEN, "switch": "on"})
    assert page.url == ACCOUNT
    assert BOB[2] in page.text
    assert "carol@example.org" not in page.text


@pytest.mark.django_db
def test_claiming_without_another_log_in_asks_nothing(pos, letter, visitor):
    page = answer(visitor, mailed_link(letter), "accept")
    assert "is logged in" not in page.text
    assert "switch" not in page.form("^password1$").names


@pytest.mark.django_db
@pytest.mark.scenario("FF-30")
def test_person_with_an_account_of_another_address_can_move_the_connection_to_it(pos, alice, letter):
    bob = make_visitor(pos, "Bob", "Miller", email="bob@home.example")
    link = ContactLink.objects.get()
    his = browser_of(bob)
    page = his.open(mailed_link(letter))
    assert "I am Bob Miller, and have my account already: bob@home.example" in page.text
    form = next(form for form in page.forms if "who" in form.names)
    assert form.values["who"] == "mine"
    page = his.submit(form, button=("answer", "accept"))
    assert (page.url, page.messages) == (LIST, ["You are connected with Alice Martin."])
    link.refresh_from_db()
    assert (link.child, link.status, link.consent_by) == (bob, "active", "child")
    assert not User.objects.filter(email=BOB[2]).exists()
    assert TestClientVisitor().open(mailed_link(letter)).status == 410


@pytest.mark.django_db
@pytest.mark.scenario("FF-30")
def test_account_of_another_name_is_not_offered_the_connection(pos, alice, letter):
    carol = make_visitor(pos, "Carol", "Ray", email="carol@example.org")
    hers = browser_of(carol)
    page = hers.open(mailed_link(letter))
    assert "have my account already" not in page.text
    form = next(form for form in page.forms if "who" in form.names)
    form.values["who"] = "mine"
    hers.submit(form, button=("answer", "accept"))
    assert ContactLink.objects.get().child.user is None
    # The same for the parent, even with the mailed link.
    page = browser_of(alice).open("/")
    assert ContactLink.objects.get().child != alice


@pytest.mark.django_db(transaction=True)
def test_password_chosen_twice_at_once_makes_one_account_and_logs_in(pos, letter, monkeypatch):
    visitor = TestClientVisitor()
    answer(visitor, mailed_link(letter), "accept")
    other_press = TestClientVisitor()
    other_press.client.cookies = visitor.client.cookies.copy()
    other_press.page = visitor.page
    remembered = claiming.remembered

    def meet_after(*args):
        link = remembered(*args)
        meet()
        return link

    monkeypatch.setattr(claiming, "remembered", meet_after)
    pages = at_once(
        *[partial(one.fill, "^password1$", {"password1": CHOSEN}) for one in (visitor, other_press)]
    )
    assert {(page.status, page.url) for page in pages} == {(200, ACCOUNT)}
    assert User.objects.filter(email=BOB[2]).count() == 1
