"""Changing what was typed about a person, and inviting a child to an own account."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts import tasks
from accounts.models import User
from contacts.linking import inviting, links
from contacts.linking.adding import Person
from contacts.models import Contact, ContactLink, LinkRequest
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor, managing
from tests.visitor import TestClientVisitor
from ticketshop.history import history
from ticketshop.lib.dates.days import until_text
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.sales.checkout import people
from ticketshop.sales.models import Ticket

from ..pages import LIST, answer, browser_of, errors_of, mailed_link

pytestmark = pytest.mark.django_db
ZOE = "zoe@example.org"
CHILD = Person("Zoé", "Martin", no_email=True, birth_date=date(2013, 5, 1))


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


@pytest.fixture
def link(alice, pos):
    return linked(alice, pos, CHILD)


@pytest.fixture
def visitor(alice):
    return browser_of(alice)


def edit(visitor, link, **typed):
    visitor.open(f"{LIST}{link.pk}/edit/")
    return visitor.fill("^first_name$", typed, button=("do", "save"))


def invite(visitor, link, email=ZOE):
    visitor.open(f"{LIST}{link.pk}/edit/")
    return visitor.fill("^email$", {"email": email}, button=("do", "invite"))


def invitation() -> str:
    """Return the path of the last invitation's link."""
    return mailed_link(mime_messages.build(Mail.objects.filter(kind="link_invited").latest("pk")))


def ticket_for(link) -> Ticket:
    offer = OfferFactory(pos=link.origin_pos)
    order = make_order({offer: 1}, pos=link.origin_pos, buyer=link.parent, paid=True)
    Ticket.objects.update(beneficiary=link.child)
    return Ticket.objects.get(order=order)


# --- edit ---------------------------------------------------------------------------------------------------


def test_edited_name_changes_on_the_list_and_on_the_contact_of_a_child(visitor, link, alice):
    assert f"{LIST}{link.pk}/edit/" in visitor.open(LIST).source
    page = edit(visitor, link, first_name="Zoë", last_name="Martin-Roy", birth_date="2012-04-30")
    assert (page.url, page.messages) == (f"{LIST}{link.pk}/", ["Saved."])
    assert "Zoë Martin-Roy" in page.text
    assert "30 April 2012" in page.text
    link = ContactLink.objects.select_related("child").get()
    assert (link.child.full_name, link.child.birth_date) == ("Zoë Martin-Roy", date(2012, 4, 30))
    for contact in (alice, link.child):
        event = history.of(contact).filter(action="link_edited").get()
        assert not {"Zoë", "Martin-Roy", "2012"} & set(str(event.details).split())


def test_person_with_an_address_keeps_the_own_name_on_the_contact(visitor, alice, pos):
    bob = ContactFactory(
        organiser=pos.organiser, first_name="Bob", last_name="Miller", email="bob@example.org"
    )
    link = linked(alice, pos)
    assert link.child == bob
    form = visitor.open(f"{LIST}{link.pk}/edit/").form("^first_name$")
    assert not {"birth_date", "email"} & form.names
    assert not [form for form in visitor.page.forms if "email" in form.names]
    assert edit(visitor, link, first_name="Bobby").messages == ["Saved."]
    link.refresh_from_db()
    bob.refresh_from_db()
    assert (link.entered_name, bob.full_name) == ("Bobby Miller", "Bob Miller")


def test_contact_known_to_staff_is_not_changed_by_the_parent(visitor, link):
    Contact.objects.filter(pk=link.child_id).update(created_via=Contact.CreatedVia.BACK_OFFICE)
    edit(visitor, link, first_name="Zazie")
    link.refresh_from_db()
    link.child.refresh_from_db()
    assert (link.entered_first_name, link.child.first_name) == ("Zazie", "Zoé")


def test_link_made_by_staff_can_not_be_edited(visitor, alice, pos):
    link = managing(alice, ContactFactory(organiser=pos.organiser, email=None))
    assert f"{LIST}{link.pk}/edit/" not in visitor.open(LIST).source
    assert visitor.open(f"{LIST}{link.pk}/edit/").status == 404


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"first_name": ""}, "first_name"),
        ({"first_name": "see evil.example"}, "first_name"),
        ({"birth_date": "1850-01-01"}, "birth_date"),
    ],
)
def test_invalid_input_has_an_error_at_its_field_and_changes_nothing(visitor, link, typed, field):
    page = edit(visitor, link, **typed)
    assert set(errors_of(page)) == {field}
    assert page.form("^first_name$").values | typed == page.form("^first_name$").values
    assert ContactLink.objects.get().entered_name == "Zoé Martin"


# --- invite -------------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-25")
def test_child_takes_over_the_account_from_the_invitation(visitor, link, pos):
    ticket = ticket_for(link)
    page = invite(visitor, link)
    assert page.messages == [f"We write to {ZOE}, unless this address was told a short while ago."]
    assert "Until they accept, everything stays with you." in page.text
    mail = Mail.objects.get(kind="link_invited")
    text = mime_messages.build(mail).body
    assert mail.recipient == ZOE
    assert all(part in text for part in ("Alice Martin", "Zoé Martin", "the date of birth"))
    assert "created" not in text
    link.child.refresh_from_db()
    assert link.child.email is None, "only typed so far"

    hers = TestClientVisitor()
    url = invitation()
    page = hers.open(url)
    assert "Are you Zoé Martin?" in page.text
    assert LinkRequest.objects.get().used_at is None, "opening changes nothing"
    page = answer(hers, url, "accept")
    assert page.url == "/links/claim/"
    page = hers.fill("^password1$", {"password1": "correct horse battery"})
    assert page.messages == ["Your account is ready."]
    link = ContactLink.objects.select_related("child__user").get()
    assert link.child.user == User.objects.get(email=ZOE)
    assert (link.child.email, link.child.email_verified_at is not None) == (ZOE, True)
    assert ticket.session.event.title in hers.open("/theatre/account/orders/").text
    assert "Alice Martin" in hers.open(LIST).text
    assert link.permission_parent == ContactLink.Permission.VIEW, "as the invitation says"
    assert hers.open(url).status == 410, "once"

    page = visitor.open(LIST)
    assert ZOE in page.text
    assert "Zoé Martin" in page.text
    (_me, zoe) = people.of(link.parent, pos)
    assert zoe.birth_date == CHILD.birth_date, "the tariff of a child is still proposed"
    Contact.objects.filter(pk=link.child_id).update(birth_date=date(2001, 1, 1))
    assert people.of(link.parent, pos)[1].birth_date == CHILD.birth_date, (
        "as typed, not as the child says now"
    )
    edit_page = visitor.open(f"{LIST}{link.pk}/edit/")
    assert not [form for form in edit_page.forms if form.names & {"email", "birth_date"}]


def test_invitation_to_a_log_in_without_contact_here_connects_the_two(visitor, link):
    user = UserFactory(email=ZOE)
    invite(visitor, link)
    page = answer(TestClientVisitor(), invitation(), "accept")
    assert "You are connected with Alice Martin" in page.text
    link.child.refresh_from_db()
    assert link.child.user == user


def test_invitation_to_a_log_in_with_a_contact_here_merges_after_showing_both_names(visitor, link, pos):
    ticket = ticket_for(link)
    own = make_visitor(pos, "Zoé", "Martin", email=ZOE)
    invite(visitor, link)
    hers = browser_of(own)
    page = answer(hers, invitation(), "accept")
    assert "Are you Zoé Martin too?" in page.text
    assert Contact.objects.filter(pk=link.child_id).exists(), "asked first"
    hers.submit(next(form for form in page.forms if "shown" in form.names))
    ticket.refresh_from_db()
    link.refresh_from_db()
    assert (link.child, ticket.beneficiary, link.status) == (own, own, "active")


@pytest.mark.parametrize(
    ("wish", "words"), [("decline", "Nothing has changed"), ("not_me", "Thank you for telling us")]
)
def test_address_of_a_declined_invitation_is_erased(visitor, link, wish, words):
    Organiser.objects.update(link_mails_per_day=9)
    invite(visitor, link)
    url = invitation()
    assert words in answer(TestClientVisitor(), url, wish).text
    assert LinkRequest.objects.get().email == ""
    link.refresh_from_db()
    link.child.refresh_from_db()
    assert (link.status, link.child.email) == ("active", None)
    assert TestClientVisitor().open(url).status == 410
    page = invite(visitor, link)
    assert page.messages == [f"We write to {ZOE}, unless this address was told a short while ago."]
    assert Mail.objects.filter(kind="link_invited").count() == (1 if wish == "not_me" else 2)


def test_invitation_can_be_withdrawn(visitor, link):
    page = invite(visitor, link)
    url = invitation()
    (form,) = [form for form in page.forms if form.names == {"csrfmiddlewaretoken", "do"}]
    page = visitor.submit(form, button=("do", "withdraw"))
    assert "taken back" in page.messages[0]
    assert TestClientVisitor().open(url).status == 410
    assert LinkRequest.objects.get().email == ""
    assert [form for form in visitor.page.forms if "email" in form.names], "another address may be tried"


def test_invitation_ends_after_its_time_and_with_the_link(visitor, link):
    invite(visitor, link)
    url = invitation()
    LinkRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert TestClientVisitor().open(url).status == 410
    LinkRequest.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert TestClientVisitor().open(url).status == 200
    links.remove(link, by=None, now=timezone.now())
    assert TestClientVisitor().open(url).status == 410


def mailed_to() -> list[tuple[str, str]]:
    return list(Mail.objects.filter(kind="link_invited").order_by("pk").values_list("recipient", "state"))


@pytest.mark.scenario("S45")
def test_unanswered_invitation_ends_and_its_address_is_erased(visitor, link):
    page = invite(visitor, link)
    request = LinkRequest.objects.get()
    with timezone.override(link.organiser.zone):
        until = until_text(request.expires_at)
    assert f"If nobody answers until {until}, the invitation ends and we forget the address." in page.text
    url = invitation()
    now = timezone.now()
    LinkRequest.objects.update(expires_at=now + timedelta(minutes=1))
    tasks.tidy(0)
    request.refresh_from_db()
    assert (request.email, mailed_to()) == (ZOE, [(ZOE, "queued")])
    LinkRequest.objects.update(expires_at=now)
    tasks.tidy(0)
    request.refresh_from_db()
    assert (request.email, request.token_hash, mailed_to()) == ("", None, [("", "cancelled")])
    assert request.used_at is not None
    assert TestClientVisitor().open(url).status == 410
    assert history.of(link.child).first().action == "link_invitation_ended"
    link.refresh_from_db()
    assert link.status == "active", "the person stays in the list"
    page = visitor.open(page.url)
    assert "have an e-mail address now?" in page.text


@pytest.mark.scenario("S45")
def test_invitation_that_was_never_mailed_ends_too(visitor, link, monkeypatch):
    Organiser.objects.update(link_mails_per_day=1)
    invite(visitor, link, "somebody@example.org")
    inviting.withdraw(link, by=None, now=timezone.now())
    assert mailed_to() == [("", "cancelled")], "what is taken back is forgotten too"
    invite(visitor, link, "somebody@example.org")
    request = LinkRequest.objects.get()
    assert (request.email, request.delivery_state) == ("somebody@example.org", "suppressed")
    assert inviting.END.run(request.expires_at - timedelta(seconds=1)) == 0
    assert inviting.END.run(request.expires_at) == 1
    assert LinkRequest.objects.get().email == ""


@pytest.mark.scenario("S45")
def test_invitation_of_a_removed_person_ends_once_the_removal_can_not_be_undone(visitor, link):
    invite(visitor, link)
    now = timezone.now()
    links.remove(link, by=None, now=now)
    assert inviting.END.run(now + links.UNDO - timedelta(seconds=1)) == 0
    assert inviting.END.run(now + links.UNDO) == 1
    assert (LinkRequest.objects.get().email, mailed_to()) == ("", [("", "cancelled")])


def test_accepted_invitation_keeps_the_recipient_of_its_mail(visitor, link):
    invite(visitor, link)
    inviting.hand_over(LinkRequest.objects.get(), now=timezone.now())
    inviting.END.run(timezone.now() + timedelta(days=100))
    assert mailed_to() == [(ZOE, "queued")]
    link.child.refresh_from_db()
    assert link.child.email == ZOE


def test_invitation_can_only_be_declined_where_the_function_is_off(visitor, link):
    invite(visitor, link)
    url = invitation()
    hers = TestClientVisitor()
    hers.open(url)
    PointOfSale.objects.update(friends_family_enabled=False)
    assert "Not possible at the moment" in answer_form(hers).text
    link.child.refresh_from_db()
    assert link.child.email is None


def answer_form(hers):
    form = next(form for form in hers.page.forms if form.method == "post" and not form.action)
    return hers.submit(form, button=("answer", "accept"))


@pytest.mark.scenario("FF-20")
@pytest.mark.scenario("FF-39")
@pytest.mark.parametrize(
    ("email", "limit", "words"),
    [
        ("alice@example.org", 10, "This is your own address."),
        ("", 10, "Enter the e-mail address of this person."),
        ("zoe@printer.local", 10, "Mails from outside don’t reach this address."),
        (ZOE, 0, "You have added, or tried to add, many people."),
    ],
)
def test_invitation_is_refused_for_own_address_and_unproved_or_blocked_visitors(
    visitor, link, email, limit, words
):
    Organiser.objects.update(link_adds_per_hour=limit)
    page = invite(visitor, link, email)
    assert words in page.text
    assert not Mail.objects.exists()
    assert not LinkRequest.objects.exists()


def test_invitation_does_not_reveal_whether_the_address_is_known(visitor, link, pos):
    pages = []
    Organiser.objects.update(link_mails_per_day=9)
    for known in (False, True):
        if known:
            inviting.withdraw(link, by=None, now=timezone.now())
            make_visitor(pos, "Some", "Body", email=ZOE)
        page = invite(visitor, link)
        pages.append((page.status, page.url, page.messages))
    assert pages[0] == pages[1]


# --- an address that staff enter ----------------------------------------------------------------------------


def test_address_entered_by_staff_shows_the_connection_in_the_account_of_its_owner(link, pos):
    Contact.objects.filter(pk=link.child_id).update(email=ZOE, email_key=ZOE)
    own = make_visitor(pos, "Zoé", "Martin", email=ZOE)
    page = browser_of(own).open(LIST)
    assert "They connected “Zoé Martin”, whose e-mails we send to your address." in page.text


def test_accepting_as_the_child_lets_the_parent_only_see_tickets(link, pos):
    Contact.objects.filter(pk=link.child_id).update(email=ZOE, email_key=ZOE)
    hers = browser_of(make_visitor(pos, "Zoé", "Martin", email=ZOE))
    form = hers.open(LIST).form("answer/")
    assert link.permission_parent == ContactLink.Permission.MANAGE, "before"
    hers.submit(form, button=("answer", "accept"))
    link.refresh_from_db()
    assert (link.status, link.permission_parent) == ("active", "view")


def test_accepting_for_the_child_changes_no_permission(link):
    assert links.accept(link, consent_by=ContactLink.ConsentBy.GUARDIAN, by=None, now=timezone.now())
    assert link.permission_parent == ContactLink.Permission.MANAGE
