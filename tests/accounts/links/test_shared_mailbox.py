"""Several people with one mailbox: accepting, claiming or signing up merges no contacts by the address alone."""

from datetime import date
from functools import partial

import pytest
from django.utils import timezone

from accounts.links import claiming
from accounts.models import User
from contacts import contacts, locking
from contacts.linking import adding
from contacts.models import Contact, ContactLink
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.lock_waits import blocked_by
from tests.visitor import TestClientVisitor
from ticketshop.history import history

from ..pages import ACCOUNT, LIST, browser_of, mailed_link, rows

MAILBOX = "kurt@example.org"
BORN = date(2016, 5, 1)
TIM = ("Tim", "Weber", MAILBOX)


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def hilde(pos):
    return make_visitor(pos, "Hilde", "Martin", email="hilde@example.org")


@pytest.fixture
def tim(pos):
    """A child whom staff entered under the address of its father Kurt."""
    return ContactFactory(
        organiser=pos.organiser, first_name="Tim", last_name="Weber", email=MAILBOX, birth_date=BORN
    )


@pytest.fixture
def kurt(pos):
    return make_visitor(pos, "Kurt", "Weber", email=MAILBOX)


def answer_in_account(contact: Contact, link: ContactLink, wish: str):
    his = browser_of(contact)
    his.open(LIST)
    return his.submit(his.page.form(f"{link.pk}/answer/"), button=("answer", wish))


def apart(tim: Contact, kurt: Contact) -> None:
    tim.refresh_from_db()
    kurt.refresh_from_db()
    assert (tim.full_name, tim.birth_date, tim.user) == ("Tim Weber", BORN, None)
    assert (kurt.birth_date, kurt.first_name in {"Kurt", ""}) == (None, True)


# --- accepting in the account ---------------------------------------------------------------------------------


@pytest.mark.scenario("FF-33")
@pytest.mark.parametrize("wish", ["accept", "accept_for"])
@pytest.mark.parametrize("named", [True, False])
def test_parent_who_accepts_for_a_child_stays_a_separate_contact(pos, hilde, tim, wish, named):
    link = linked(hilde, pos, TIM)
    assert link.child == tim
    kurt = make_visitor(pos, *(("Kurt", "Weber") if named else ("", "")), email=MAILBOX)
    page = answer_in_account(kurt, link, wish)
    assert page.messages[0] == "Tim Weber is connected with Hilde Martin."
    link.refresh_from_db()
    assert (link.child, link.status, link.consent_by) == (tim, "active", "guardian")
    apart(tim, kurt)
    assert [event.action for event in history.of(tim)][:1] == ["link_accepted"]
    # After the answer the page shows for whom it was accepted, and a button that ends it.
    assert "You have accepted." in rows(page)
    his = browser_of(kurt)
    his.open(his.open(LIST).link("Stop this connection…"))
    assert "Hilde Martin can no longer choose Tim Weber for tickets" in his.page.text
    his.submit(next(form for form in his.page.forms if form.method == "post" and not form.action))
    assert his.page.messages[0] == "Tim Weber is no longer connected with Hilde Martin."
    page = his.submit(his.page.form("stop/undo/"))
    assert page.messages == ["Tim Weber is connected with Hilde Martin again."]
    assert "You have accepted." in rows(page)
    assert "Accept for" not in rows(page)
    assert "waits for your answer" not in browser_of(kurt).open(ACCOUNT).text


@pytest.mark.scenario("FF-33")
def test_page_tells_for_whom_one_accepts_and_offers_to_be_that_person(pos, hilde, tim, kurt):
    linked(hilde, pos, TIM)
    his = browser_of(kurt)
    page = his.open(LIST)
    assert "Accept for Tim Weber" in rows(page)
    page = his.open(page.link("I am Tim Weber too"))
    assert "Are you Tim Weber too?" in page.text
    assert "Your account is in the name of Kurt Weber." in page.text


@pytest.mark.scenario("FF-33")
def test_couple_with_one_mailbox_stays_two_contacts(pos, hilde, kurt):
    rita = ContactFactory(organiser=pos.organiser, first_name="Rita", last_name="Weber", email=MAILBOX)
    order = make_order({OfferFactory(pos=pos): 1}, buyer=rita)
    link = linked(hilde, pos, ("Rita", "Weber", MAILBOX))
    answer_in_account(kurt, link, "accept")
    link.refresh_from_db()
    order.refresh_from_db()
    assert (link.child, order.buyer) == (rita, rita)
    assert kurt.orders.count() == 0


@pytest.mark.scenario("FF-33")
def test_contact_of_the_same_name_is_merged_and_keeps_its_data(pos, hilde, kurt):
    known = ContactFactory(
        organiser=pos.organiser, first_name="kurt", last_name="WEBER", email=MAILBOX, city="Basel"
    )
    # With two contacts of the same name and address, adding can't decide for one of them.
    Contact.objects.filter(pk=kurt.pk).update(last_name="Unknown")
    link = linked(hilde, pos, ("Kurt", "Weber", MAILBOX))
    Contact.objects.filter(pk=kurt.pk).update(last_name="Weber")
    assert link.child == known
    page = answer_in_account(kurt, link, "accept")
    assert page.messages[0] == "You are connected with Hilde Martin."
    link.refresh_from_db()
    kurt.refresh_from_db()
    assert (link.child, kurt.city, link.consent_by) == (kurt, "Basel", "child")
    assert not Contact.objects.filter(pk=known.pk).exists()


def test_contact_claimed_meanwhile_is_not_agreed_for(pos, hilde, tim, kurt):
    link = linked(hilde, pos, TIM)
    his = browser_of(kurt)
    form = his.open(LIST).form(f"{link.pk}/answer/")
    contacts.change(tim, {"email": "tim@example.org"}, by=None, now=timezone.now())
    assert his.submit(form, button=("answer", "accept_for")).status == 404
    link.refresh_from_db()
    assert link.consent_at is None


# --- the mailed link ------------------------------------------------------------------------------------------


def opened(letter) -> TestClientVisitor:
    visitor = TestClientVisitor()
    visitor.open(mailed_link(letter))
    return visitor


def accept(visitor, **values):
    form = next(form for form in visitor.page.forms if form.method == "post" and not form.action)
    return visitor.submit(form, values, button=("answer", "accept"))


@pytest.mark.scenario("FF-30")
def test_other_reader_of_the_mailbox_accepts_and_stays_a_separate_contact(pos, hilde, tim, post):
    link = linked(hilde, pos, TIM)
    visitor = opened(post()[-1])
    assert "I am Tim Weber" in visitor.page.text
    assert "I read this mailbox for Tim Weber, as a parent or partner does" in visitor.page.text
    page = accept(visitor, who="other")
    assert "Tim Weber is connected with Hilde Martin" in page.text
    assert visitor.open("/links/claim/").status == 410
    link.refresh_from_db()
    assert (link.status, link.consent_by) == ("active", "guardian")
    assert not User.objects.filter(email=MAILBOX).exists()
    assert history.of(tim).first().action == "link_accepted"


@pytest.mark.scenario("FF-30")
@pytest.mark.parametrize("who", ["child", "other"])
def test_log_in_without_contact_here_is_connected_only_if_its_owner_agrees(pos, hilde, tim, post, who):
    user = UserFactory(email=MAILBOX)
    link = linked(hilde, pos, TIM)
    page = accept(opened(post()[-1]), who=who)
    tim.refresh_from_db()
    link.refresh_from_db()
    assert (tim.user, link.status) == (user if who == "child" else None, "active")
    visitor = TestClientVisitor()
    visitor.client.force_login(user)
    page = visitor.open(LIST)
    assert "Hilde Martin" in page.text
    assert "Accept" not in rows(page).replace("accepted", ""), "accepting counts once"
    assert Contact.objects.filter(user=user).count() == 1


@pytest.mark.scenario("FF-30")
def test_log_in_with_another_contact_here_stays_separate(pos, hilde, tim, kurt, post):
    link = linked(hilde, pos, TIM)
    visitor = opened(post()[-1])
    assert "I am Tim Weber" not in visitor.page.text
    page = accept(visitor)
    assert "Tim Weber is connected with Hilde Martin" in page.text
    link.refresh_from_db()
    assert (link.child, link.status, link.consent_by) == (tim, "active", "guardian")
    apart(tim, kurt)


@pytest.mark.scenario("FF-40")
def test_person_added_under_another_name_answers_who_they_are(pos, hilde, post):
    """In the discreet mode the request reaches the person of the mailbox, also if another name was typed."""
    pos.friends_family_mode = "discreet"
    rita = ContactFactory(organiser=pos.organiser, first_name="Rita", last_name="Weber", email=MAILBOX)
    link = linked(hilde, pos, ("Kurt", "Weber", MAILBOX))
    assert link.child == rita
    visitor = opened(post()[-1])
    page = accept(visitor)
    assert "Say who you are." in page.text
    link.refresh_from_db()
    assert link.status == "pending"
    assert accept(visitor, who="child").url == "/links/claim/"
    assert "Rita Weber" in visitor.page.text


@pytest.mark.scenario("FF-40")
def test_of_several_people_of_a_mailbox_none_is_asked_at_random(pos, hilde, tim):
    pos.friends_family_mode = "discreet"
    ContactFactory(organiser=pos.organiser, first_name="Rita", last_name="Weber", email=MAILBOX)
    link = linked(hilde, pos, ("Zoé", "Weber", MAILBOX))
    assert link.child.full_name == "Zoé Weber"
    assert Contact.objects.filter(email_key=MAILBOX).count() == 3


@pytest.mark.scenario("FF-40")
def test_of_several_people_of_a_mailbox_its_log_in_is_asked(pos, hilde, tim, kurt):
    pos.friends_family_mode = "discreet"
    assert linked(hilde, pos, ("Zoé", "Weber", MAILBOX)).child == kurt


# --- guests -----------------------------------------------------------------------------------------------------


def test_guest_whose_name_matches_several_contacts_is_a_new_contact(pos):
    people = [
        ContactFactory(organiser=pos.organiser, first_name=name, last_name="Weber", email=MAILBOX)
        for name in ("Anna Maria", "Anna Sophie")
    ]
    order = partial(make_order, {OfferFactory(pos=pos): 1})
    anna = {"first_name": "Anna", "last_name": "Weber", "email": MAILBOX}
    first = order(buyer=anna).buyer
    assert first not in people
    assert order(buyer=anna | {"first_name": "ANNA"}).buyer == first, "the equal name is the one meant"
    assert order(buyer=anna | {"first_name": "Anna Sophie"}).buyer == people[1]


# --- signing up ---------------------------------------------------------------------------------------------------


def test_sign_up_with_an_address_of_several_contacts_takes_none_of_them(pos, hilde, tim):
    rita = ContactFactory(organiser=pos.organiser, first_name="Rita", last_name="Weber", email=MAILBOX)
    user = UserFactory(email=MAILBOX)
    visitor = TestClientVisitor()
    visitor.client.force_login(user)
    page = visitor.open(ACCOUNT)
    for person in (tim, rita):
        assert person.full_name in page.text
        person.refresh_from_db()
        assert person.user is None
    me = Contact.objects.get(user=user)
    assert (me.full_name, me.birth_date) == ("", None)


# --- at once --------------------------------------------------------------------------------------------------------


def renamed_while_agreeing():
    """Let Kurt accept as Kurt Weber while staff correct the name of the contact to Tim."""
    pos = friendly_pos(slug="theatre")
    hilde = make_visitor(pos, "Hilde", "Martin")
    link = linked(hilde, pos, ("Kurt", "Weber", MAILBOX))
    kurt = make_visitor(pos, "Kurt", "Weber", email=MAILBOX)

    def agree():
        claiming.agree(kurt, link, for_another=False, by=kurt.user, now=timezone.now())

    names = {"first_name": "Tim"}
    with blocked_by(partial(contacts.change, link.child, names, by=None, now=timezone.now())) as start:
        pressed = start(agree)
    pressed.result()
    return Contact.objects.filter(pk=link.child_id).exists()


@pytest.mark.django_db(transaction=True)
def test_contact_renamed_at_that_moment_is_not_merged():
    assert renamed_while_agreeing()


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_a_renamed_contact_is_merged(monkeypatch):
    monkeypatch.setattr(locking, "lock_all", lambda ids, needed=(): Contact.objects.in_bulk(set(ids)))
    assert not renamed_while_agreeing()


def erased_while_agreeing():
    pos = friendly_pos(slug="theatre")
    link = linked(make_visitor(pos, "Hilde", "Martin"), pos, ("Kurt", "Weber", MAILBOX))
    kurt = make_visitor(pos, "Kurt", "Weber", email=MAILBOX)

    def begin():
        locking.lock(link.child_id)
        Contact.objects.filter(pk=link.child_id).update(erasing_at=timezone.now())

    with blocked_by(begin) as start:
        pressed = start(
            lambda: claiming.agree(kurt, link, for_another=False, by=kurt.user, now=timezone.now())
        )
    return pressed.result()


@pytest.mark.django_db(transaction=True)
def test_contact_erased_at_that_moment_is_not_agreed_for():
    assert erased_while_agreeing() is None
    assert ContactLink.objects.get().consent_at is None


@pytest.mark.scenario("FF-23")
def test_adding_with_a_shared_address_links_the_matching_name(pos, hilde, tim, kurt):
    assert linked(hilde, pos, TIM).child == tim
    assert linked(hilde, pos, ("Kurt", "Weber", MAILBOX)).child == kurt
    requester = adding.Requester(by=hilde.user, pos=pos, network="192.0.2.1", language="en")
    outcome = adding.add(hilde, adding.Person("Rita", "Weber", MAILBOX), requester, now=timezone.now())
    assert outcome.code == adding.MISMATCH
