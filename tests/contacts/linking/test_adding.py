"""Adding a person: which contact is found or created, what is linked and what is mailed."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from contacts import contacts
from contacts.linking import adding, links
from contacts.models import Contact, ContactLink, LinkRequest
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.friends import BOB, add, friendly_pos, linked, make_visitor
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale

pytestmark = pytest.mark.django_db
DISCREET = PointOfSale.FriendsFamilyMode.DISCREET
CHILD = adding.Person("Tim", "Martin", no_email=True, birth_date=date(2018, 5, 1))


@pytest.fixture
def pos():
    return friendly_pos()


@pytest.fixture
def alice(pos):
    return make_visitor(pos)


def known_bob(pos, **values) -> Contact:
    first_name, last_name, email = BOB
    known = {"first_name": first_name, "last_name": last_name, "email": email, **values}
    return ContactFactory(organiser=pos.organiser, **known)


def columns(contact: Contact) -> dict:
    return Contact.objects.filter(pk=contact.pk).values().get()


def tally() -> tuple[int, int, int]:
    """Return the numbers of contacts, links and mails, which a refused outcome does not change."""
    return Contact.objects.count(), ContactLink.objects.count(), Mail.objects.count()


def nothing_came_of(outcome: adding.Outcome, code: str, before: tuple) -> None:
    assert outcome.code == code
    assert tally() == before


# --- unknown, known, mismatch ---------------------------------------------------------------------------------


@pytest.mark.scenario("FF-12")
def test_unknown_person_is_created_linked_and_mailed_once(pos, alice):
    link = linked(alice, pos)
    bob = Contact.objects.get(email_key="bob@example.org")
    assert (bob.first_name, bob.last_name, bob.email, bob.organiser) == (*BOB, pos.organiser)
    assert (bob.user, bob.email_verified_at, bob.claimed_at) == (None, None, None)
    assert not User.objects.filter(email=bob.email).exists(), "no log-in, hence no password"
    assert bob.created_via == Contact.CreatedVia.FRIENDS_FAMILY
    assert bob.purge_after == timezone.localdate(timezone=pos.organiser.zone) + timedelta(days=30)
    assert (link.parent, link.child, link.status, link.origin) == (alice, bob, "active", "shop")
    assert link.permission_parent == "assign"
    assert (link.origin_pos, link.created_by, link.type.code) == (pos, alice.user, "friends_family")
    (mail,) = Mail.objects.all()
    assert (mail.kind, mail.recipient, mail.subject_uuid) == ("link_new", BOB[2], bob.subject_uuid)
    assert mail.about == {"link": link.pk}, "ids only: no name lies in the queue"


@pytest.mark.scenario("FF-12")
def test_no_column_states_consent_to_advertising():
    """No model has such a column. If one is added, it must not be set for added people."""
    names = {field.name for field in Contact._meta.concrete_fields}
    assert not [name for name in names if "marketing" in name or "newsletter" in name or "consent" in name]


@pytest.mark.scenario("FF-13")
def test_known_person_with_matching_name_is_linked_and_not_changed(pos, alice):
    bob = known_bob(pos, phone="+41791234567", language="fr")
    before = columns(bob)
    link = linked(alice, pos, ("BOB", "miller", "bob@example.org"))
    assert link.child == bob
    assert columns(bob) == before
    assert Contact.objects.count() == 2
    (mail,) = Mail.objects.all()
    assert (mail.kind, mail.recipient, mail.language) == ("link_known", bob.email, "fr")


@pytest.mark.scenario("FF-14")
@pytest.mark.parametrize(
    "typed",
    [
        ("Rob", "Miller"),
        ("Bob", "Muller"),
        ("Bo", "Miller"),
        ("B", "Miller"),
        ("Bobby", "Miller"),
        ("Bob", ""),
        ("Miller", ""),
    ],
)
def test_known_address_with_another_name_is_a_mismatch_and_creates_nothing(pos, alice, typed):
    bob = known_bob(pos)
    before, row = tally(), columns(bob)
    nothing_came_of(add(alice, pos, (*typed, "bob@example.org")), adding.MISMATCH, before)
    assert columns(bob) == row
    assert history.of(alice).first().action == "link_mismatch"
    assert not history.of(bob).exclude(action="created").exists()


@pytest.mark.scenario("FF-15")
@pytest.mark.scenario("FF-16")
@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        (("Łukasz", "Müller-Straße"), ("LUKASZ", "mueller strasse")),
        (("Anna Maria", "O’Connor"), ("Anna", "oconnor")),
        (("Anna", "Berg"), (" Berg ", "ANNA  Maria")),
    ],
)
def test_name_rule_decides_on_match_or_mismatch(pos, alice, stored, typed):
    bob = ContactFactory(
        organiser=pos.organiser, first_name=stored[0], last_name=stored[1], email="x@example.org"
    )
    assert linked(alice, pos, (*typed, "x@example.org")).child == bob


@pytest.mark.scenario("FF-18")
def test_name_of_one_part_matches_only_an_equal_name_of_one_part(pos, alice):
    madonna = ContactFactory(
        organiser=pos.organiser, first_name="Madonna", last_name="", email="m@example.org"
    )
    assert add(alice, pos, ("Madonna", "Ciccone", "m@example.org")).code == adding.MISMATCH
    assert linked(alice, pos, ("madonna", "", "m@example.org")).child == madonna


@pytest.mark.scenario("FF-19")
def test_address_is_found_in_any_spelling_and_the_mail_goes_to_the_stored_one(pos, alice):
    bob = known_bob(pos, email="Bob@example.org")
    assert linked(alice, pos, ("Bob", "Miller", " BOB@Example.ORG ")).child == bob
    assert Mail.objects.get().recipient == bob.email == "bob@example.org"


@pytest.mark.scenario("FF-19")
@pytest.mark.parametrize("other", ["mıke@example.org", "mike+tickets@example.org", "m.ike@example.org"])
def test_address_that_only_looks_alike_is_another_contact(pos, alice, other):
    mike = ContactFactory(
        organiser=pos.organiser, first_name="Mike", last_name="Ray", email="mike@example.org"
    )
    assert linked(alice, pos, ("Mike", "Ray", other)).child != mike
    assert Contact.objects.filter(first_name="Mike").count() == 2


@pytest.mark.scenario("FF-20")
@pytest.mark.parametrize("typed", [("Alice", "Martin"), ("Bob", "Miller")])
def test_own_address_is_refused_with_any_name(pos, alice, typed):
    before = tally()
    nothing_came_of(add(alice, pos, (*typed, f" {alice.email.upper()} ")), adding.OWN_ADDRESS, before)


@pytest.mark.scenario("FF-20")
def test_address_of_the_log_in_is_refused_as_own_address(pos, alice):
    log_in = alice.email
    contacts.change(alice, {"email": "letters@example.org"}, by=None, now=timezone.now())
    for own in (log_in, "letters@example.org"):
        assert add(alice, pos, ("Alice", "Martin", own)).code == adding.OWN_ADDRESS


# --- again, both ways, several -------------------------------------------------------------------------------


@pytest.mark.scenario("FF-21")
@pytest.mark.parametrize("known", [True, False])
def test_person_in_the_list_is_not_added_twice(pos, alice, known):
    if known:
        known_bob(pos, first_name="Bob Lee")
    link = linked(alice, pos)
    before = tally()
    for name in ("Bob", "BOB", "Bob Lee"):
        outcome = add(alice, pos, (name, "Miller", "Bob@example.org"), now=timezone.now() + timedelta(days=2))
        nothing_came_of(outcome, adding.ALREADY, before)
        assert outcome.link == link


@pytest.mark.scenario("FF-21")
def test_removed_person_gets_a_new_link_and_the_ended_one_stays(pos, alice):
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    old = linked(alice, pos)
    links.accept(old, by=None, now=timezone.now())
    links.remove(old, by=alice.user, now=timezone.now())
    new = linked(alice, pos)
    old.refresh_from_db()
    assert (new.child, new.status, new.consent_at) == (old.child, "pending", None)
    assert (old.status, old.end_reason) == ("ended", "removed")
    assert old.consent_at is not None
    assert old.ended_at is not None


@pytest.mark.scenario("FF-31")
def test_person_who_declined_must_agree_to_a_new_link(pos, alice):
    old = linked(alice, pos)
    links.decline(old, by=None, now=timezone.now())
    again = linked(alice, pos)
    assert (again.child, again.status) == (old.child, "pending")
    links.accept(again, by=None, now=timezone.now())
    links.remove(again, by=alice.user, now=timezone.now())
    assert linked(alice, pos).status == "active", "they had agreed since"


@pytest.mark.scenario("FF-22")
def test_two_people_who_add_each_other_have_two_independent_links(pos, alice):
    bob = make_visitor(pos, "Bob", "Miller", email="bob@example.org")
    carol = make_visitor(pos, "Carol", "Ray", email="carol@example.org")
    there = linked(alice, pos)
    back = linked(bob, pos, ("Alice", "Martin", alice.email))
    onward = linked(bob, pos, ("Carol", "Ray", "carol@example.org"))
    assert (there.parent, there.child, back.parent, back.child) == (alice, bob, bob, alice)
    links.change_permission(onward, "manage", by=carol.user, now=timezone.now())
    assert list(links.of_parent(alice)) == [there], "a friend's friend is not a friend"
    links.remove(there, by=alice.user, now=timezone.now())
    assert list(links.of_parent(bob)) == [back, onward]
    assert not links.of_parent(alice).exists()


@pytest.mark.scenario("FF-23")
def test_of_several_contacts_with_one_address_the_matching_name_is_linked(pos, alice):
    known_bob(pos)
    beth = known_bob(pos, first_name="Beth")
    assert linked(alice, pos, ("Beth", "Miller", BOB[2])).child == beth
    before = tally()
    nothing_came_of(add(alice, pos, ("Carl", "Miller", BOB[2])), adding.MISMATCH, before)
    known_bob(pos)
    before = tally()
    nothing_came_of(add(alice, pos), adding.MISMATCH, before)


@pytest.mark.scenario("FF-23")
@pytest.mark.parametrize(
    "values", [{"kind": Contact.Kind.STRUCTURE}, {"blocked_at": timezone.now()}], ids=["company", "blocked"]
)
def test_organisation_or_blocked_person_is_a_mismatch(pos, alice, values):
    Contact.objects.filter(pk=known_bob(pos).pk).update(**values)
    before = tally()
    nothing_came_of(add(alice, pos), adding.MISMATCH, before)


@pytest.mark.scenario("FF-24")
def test_person_known_from_a_guest_order_is_linked_without_mention_of_a_creation(pos, alice):
    order = make_order(
        {OfferFactory(pos=pos): 1}, buyer={"first_name": "Bob", "last_name": "Miller", "email": BOB[2]}
    )
    Mail.objects.all().delete()
    link = linked(alice, pos)
    assert link.child == order.buyer
    assert order.buyer.purge_after is None
    assert Mail.objects.get().kind == "link_known"


@pytest.mark.scenario("FF-27")
def test_contact_of_another_organiser_counts_as_unknown(pos, alice):
    elsewhere = ContactFactory(
        first_name="Someone", last_name="Else", email=BOB[2], user=UserFactory(email=BOB[2])
    )
    link = linked(alice, pos)
    assert link.child != elsewhere
    assert (link.child.organiser, link.child.user) == (pos.organiser, None)
    assert Mail.objects.get().kind == "link_new"


# --- without an address ---------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-25")
def test_child_without_an_address_gets_no_mail_and_is_managed_by_the_parent(pos, alice):
    link = linked(alice, pos, CHILD)
    child = link.child
    assert (child.first_name, child.birth_date, child.email, child.user) == (
        "Tim",
        CHILD.birth_date,
        None,
        None,
    )
    assert (link.permission_parent, link.status) == ("manage", "active")
    assert not Mail.objects.exists()
    assert not LinkRequest.objects.exists()


@pytest.mark.scenario("FF-25")
def test_same_child_twice_needs_a_confirmation(pos, alice):
    first = linked(alice, pos, CHILD)
    before = tally()
    outcome = add(alice, pos, CHILD)
    nothing_came_of(outcome, adding.SAME_CHILD, before)
    assert outcome.link == first
    twin = adding.Person("Tom", "Martin", no_email=True, birth_date=CHILD.birth_date)
    assert linked(alice, pos, twin).child != first.child
    assert linked(alice, pos, CHILD, confirmed=True).child != first.child


@pytest.mark.scenario("FF-25")
def test_birth_date_of_another_contact_can_not_be_guessed(pos, alice):
    """The warning compares with what the visitor has typed, not with the data of other contacts."""
    known_bob(pos, birth_date=date(1980, 1, 1))
    linked(alice, pos)
    guess = adding.Person("Bob", "Miller", no_email=True, birth_date=date(1980, 1, 1))
    assert add(alice, pos, guess).code == adding.LINKED


# --- refused before any look-up -----------------------------------------------------------------------


def looked_up(statements: CaptureQueriesContext) -> list[str]:
    """Return the SQL statements that read contacts by their e-mail address."""
    return [found["sql"] for found in statements if '"email_key" =' in found["sql"]]


@pytest.mark.scenario("FF-38")
@pytest.mark.parametrize(
    ("column", "code"),
    [({"email_verified_at": None}, adding.UNVERIFIED), ({"blocked_at": timezone.now()}, adding.BLOCKED)],
)
def test_unproved_or_blocked_visitor_is_refused_before_any_look_up(pos, alice, column, code):
    known_bob(pos)
    Contact.objects.filter(pk=alice.pk).update(**column)
    alice.refresh_from_db()
    before = tally()
    with CaptureQueriesContext(connection) as statements:
        outcome = add(alice, pos)
    nothing_came_of(outcome, code, before)
    assert len(statements) <= 1, "at most the log-in's own row"
    assert not looked_up(statements)
    Contact.objects.filter(pk=alice.pk).update(email_verified_at=timezone.now(), blocked_at=None)
    alice.refresh_from_db()
    with CaptureQueriesContext(connection) as statements:
        linked(alice, pos)
    assert looked_up(statements), "what a look-up is, is seen here"


@pytest.mark.scenario("FF-26")
@pytest.mark.parametrize("person", [BOB, CHILD])
def test_full_list_refuses_another_person(pos, alice, person):
    pos.friends_family_max = 2
    first = linked(alice, pos, ("One", "Ray", "one@example.org"))
    linked(alice, pos, adding.Person("Two", "Ray", no_email=True))
    before = tally()
    nothing_came_of(add(alice, pos, person), adding.FULL, before)
    links.remove(first, by=alice.user, now=timezone.now())
    linked(alice, pos, person)


@pytest.mark.scenario("FF-26")
def test_list_has_room_for_twenty_people_by_default(alice):
    assert PointOfSaleFactory().friends_family_max == 20


# --- consent ----------------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-30")
def test_link_is_active_at_once_unless_the_organiser_requires_consent(pos, alice):
    assert linked(alice, pos).status == "active"
    pos.organiser.link_consent_required = True
    waiting = linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    assert waiting.status == "pending"
    assert Mail.objects.count() == 2, "told either way"
    assert linked(alice, pos, CHILD).status == "active", "nobody could answer for them"


@pytest.mark.scenario("FF-32")
def test_not_me_stops_further_mails_of_this_visitor(pos, alice):
    link = linked(alice, pos)
    links.not_me(link, by=None, now=timezone.now())
    later = timezone.now() + timedelta(days=8)
    for person in (BOB, ("Bob", "Miller", "b.ob+again@example.org")):
        again = linked(alice, pos, person, now=later)
        assert (again.status, again.request.delivery_state) == ("pending", "suppressed")
    assert Mail.objects.count() == 1
    requester = adding.Requester(by=alice.user, pos=pos, network="192.0.2.1", language="en")
    assert not links.resend(again, requester, now=later)
    other = make_visitor(pos, "Dan", "Ray")
    linked(other, pos, now=later)
    assert Mail.objects.count() == 2, "somebody else may ask"


@pytest.mark.scenario("FF-32")
def test_not_me_makes_only_contacts_known_by_the_link_due_for_erasure(pos, alice):
    unknown = linked(alice, pos)
    links.not_me(unknown, by=None, now=timezone.now())
    unknown.child.refresh_from_db()
    assert unknown.child.purge_after == timezone.now().date()
    carol = ContactFactory(
        organiser=pos.organiser, first_name="Carol", last_name="Ray", email="carol@example.org"
    )
    links.not_me(linked(alice, pos, ("Carol", "Ray", carol.email)), by=None, now=timezone.now())
    carol.refresh_from_db()
    assert carol.purge_after is None


# --- what answers must not reveal ----------------------------------------------------------------------------------------------


def statements_of(alice, pos, person) -> list[str]:
    """Return the SQL statements of an addition, in order, without values."""
    with CaptureQueriesContext(connection) as statements:
        linked(alice, pos, person)
    return [shape(found["sql"]) for found in statements]


def shape(sql: str) -> str:
    """Return a statement without its values."""
    sql = re.sub(
        r"'(?:[^']|'')*'|\bs\d+_x\d+\b|\b\d[\d.]*\b|\b(?:NULL|true|false)\b", "?", sql, flags=re.IGNORECASE
    )
    return re.sub(r"\?(?:, ?\?)+", "?", re.sub(r"\?::\w+(?:\(\?\))?(?: with time zone)?", "?", sql))


@pytest.mark.scenario("FF-13")
@pytest.mark.parametrize("consent", [False, True])
def test_unknown_and_known_person_take_the_same_statements(pos, alice, consent):
    pos.organiser.link_consent_required = consent
    known_bob(pos)
    unknown = statements_of(alice, pos, ("Carol", "Ray", "carol@example.org"))
    match = statements_of(alice, pos, BOB)
    assert unknown == match


@pytest.mark.scenario("FF-40")
def test_discreet_mode_takes_the_same_statements_in_every_case(pos, alice):
    pos.friends_family_mode = DISCREET
    known_bob(pos)
    known_bob(pos, first_name="Max", email="max@example.org")
    for first_name in ("Ed", "Eve"):
        known_bob(pos, first_name=first_name, email="e@example.org")
    found = [
        statements_of(alice, pos, person)
        for person in (
            ("Carol", "Ray", "carol@example.org"),
            BOB,
            ("Wrong", "Name", "max@example.org"),
            ("Wrong", "Name", "e@example.org"),
        )
    ]
    assert found[0] == found[1] == found[2] == found[3]
    assert Mail.objects.count() == 4


@pytest.mark.scenario("FF-40")
@pytest.mark.parametrize("stored", [None, ("Bob", "Miller"), ("Robert", "Smith")])
def test_discreet_mode_asks_every_person_before_the_link_is_active(pos, alice, stored):
    pos.friends_family_mode = DISCREET
    if stored:
        known_bob(pos, first_name=stored[0], last_name=stored[1])
    link = linked(alice, pos)
    assert (link.status, link.entered_name, link.entered_email) == ("pending", "Bob Miller", BOB[2])
    assert Mail.objects.count() == 1
    assert links.accept(link, by=None, now=timezone.now())
    link.refresh_from_db()
    assert link.status == "active"
    assert Contact.objects.filter(email_key=BOB[2]).count() == 1


@pytest.mark.scenario("FF-40")
@pytest.mark.parametrize("stored", [[], ["Bob"], ["Bob", "Beth"], ["Robert"]])
def test_discreet_mode_does_not_reveal_a_second_name_at_an_address(pos, alice, stored):
    """The answer is "in the list already", for known and unknown addresses and any number of contacts."""
    pos.friends_family_mode = DISCREET
    for first_name in stored:
        known_bob(pos, first_name=first_name)
    linked(alice, pos)
    assert add(alice, pos, ("Beth", "Miller", BOB[2])).code == adding.ALREADY


@pytest.mark.scenario("FF-40")
def test_discreet_mode_does_not_count_wrong_names(pos, alice):
    pos.friends_family_mode = DISCREET
    for number in range(7):
        known_bob(pos, first_name="Other", email=f"b{number}@example.org")
        linked(alice, pos, ("Bob", "Miller", f"b{number}@example.org"))


def test_history_of_both_contacts_has_the_link_and_no_names(pos, alice):
    link = linked(alice, pos)
    for contact in (alice, link.child):
        event = history.of(contact).filter(action="link_added").get()
        assert (event.by, event.details) == (alice.user, {"link": link.pk, "status": "active"})
