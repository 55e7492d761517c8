"""Adding at once: one contact per person, a double click counts once, and there are no deadlocks.

Each race has a twin without the protection, which shows that the race is real.
"""

from functools import partial

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from contacts import contacts, locking, merging
from contacts.linking import adding, staff_links
from contacts.models import Contact, ContactLink
from tests.at_once import at_once, meet, second
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_cart, make_order, place
from tests.friends import BOB, add, friendly_pos, make_visitor
from ticketshop.limits import limits
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders import orders, placing

pytestmark = pytest.mark.django_db(transaction=True)
CHILD = adding.Person("Tim", "Martin", no_email=True)


@pytest.fixture
def pos():
    return friendly_pos()


@pytest.fixture
def slowly(monkeypatch):
    """Let all threads that can wait for each other between reading and writing."""
    for name in ("create_if", "create"):
        original = getattr(contacts, name)

        def later(*args, original=original, **values):
            meet()
            return original(*args, **values)

        monkeypatch.setattr(contacts, name, later)


@pytest.fixture
def without_locks(monkeypatch):
    """Remove the protection: neither the address nor contacts nor visitors are locked.

    Two requests in the same minute do not wait for each other at the visitor's counter either.
    """

    def unlocked(contact_ids, needed=()) -> dict[int, Contact]:
        return Contact.objects.in_bulk(set(contact_ids))

    monkeypatch.setattr(contacts, "lock_address", lambda *address: None)
    monkeypatch.setattr(limits, "lock", lambda kind, key: None)
    monkeypatch.setattr(limits, "note", lambda kind, key, now: 1)
    monkeypatch.setattr(locking, "lock_all", unlocked)
    monkeypatch.setattr(locking, "lock", lambda contact_id: Contact.objects.get(pk=contact_id))


def found() -> tuple[int, int, int]:
    """Return the numbers of contacts of Bob, links and mails."""
    bobs = Contact.objects.filter(email_key=BOB[2]).count()
    return bobs, ContactLink.objects.count(), Mail.objects.filter(kind__startswith="link_").count()


# --- a double click, two tabs --------------------------------------------------------------------------------


def two_tabs(pos, person=BOB):
    alice = make_visitor(pos)
    return [partial(add, alice, pos, person)] * 2


@pytest.mark.scenario("FF-26")
@pytest.mark.parametrize("known", [True, False])
def test_double_click_makes_one_contact_one_link_and_one_mail(pos, slowly, known):
    if known:
        ContactFactory(organiser=pos.organiser, first_name="Bob", last_name="Miller", email=BOB[2])
    outcomes = at_once(*two_tabs(pos))
    assert sorted(outcome.code for outcome in outcomes) == [adding.ALREADY, adding.LINKED]
    assert found() == (1, 1, 1)


def test_without_the_locks_a_double_click_makes_two_contacts(pos, slowly, without_locks):
    at_once(*two_tabs(pos))
    assert found()[:2] == (2, 2), "the race above is a real one"


@pytest.mark.scenario("FF-26")
def test_double_click_adds_a_child_without_address_once(pos, slowly):
    outcomes = at_once(*two_tabs(pos, CHILD))
    assert sorted(outcome.code for outcome in outcomes) == [adding.LINKED, adding.SAME_CHILD]
    assert Contact.objects.filter(first_name="Tim").count() == 1


def test_without_the_lock_a_double_click_adds_the_child_twice(pos, slowly, without_locks):
    at_once(*two_tabs(pos, CHILD))
    assert Contact.objects.filter(first_name="Tim").count() == 2


def last_place(pos):
    pos.friends_family_max = 1
    alice = make_visitor(pos)
    return [partial(add, alice, pos, ("Some", "Body", f"p{number}@example.org")) for number in range(2)]


@pytest.mark.scenario("FF-26")
def test_last_place_of_a_list_is_filled_once(pos, slowly):
    assert sorted(outcome.code for outcome in at_once(*last_place(pos))) == [adding.FULL, adding.LINKED]


def test_without_the_lock_the_last_place_is_filled_twice(pos, slowly, without_locks):
    assert [outcome.code for outcome in at_once(*last_place(pos))] == [adding.LINKED] * 2


# --- two visitors, one unknown person --------------------------------------------------------------------------------


def two_visitors(pos):
    return [
        partial(add, make_visitor(pos, name), pos, person, network=f"192.0.2.{number}")
        for number, (name, person) in enumerate(
            [("Alice", BOB), ("Carol", ("BOB", "miller", "Bob@Example.org"))]
        )
    ]


@pytest.mark.scenario("FF-26")
def test_two_visitors_adding_an_unknown_person_make_one_contact_and_two_links(pos, slowly):
    outcomes = at_once(*two_visitors(pos))
    assert [outcome.code for outcome in outcomes] == [adding.LINKED] * 2
    assert found() == (1, 2, 1), "one mail a day to one address"
    assert outcomes[0].link.child == outcomes[1].link.child


def test_without_the_lock_on_the_address_the_unknown_person_is_two_contacts(pos, slowly, monkeypatch):
    monkeypatch.setattr(contacts, "lock_address", lambda *address: None)
    monkeypatch.setattr(limits, "lock", lambda kind, key: None)
    at_once(*two_visitors(pos))
    assert found()[:2] == (2, 2)


def guest_and_friend(pos):
    guest = dict(zip(("first_name", "last_name", "email"), BOB, strict=True))
    cart = make_cart({OfferFactory(pos=pos): 1}, buyer=guest)
    # The order comes when the friend is already found to be unknown.
    return [partial(add, make_visitor(pos), pos), second(partial(place, cart))]


@pytest.mark.scenario("FF-24")
def test_unknown_person_who_orders_while_being_added_is_one_contact(pos, slowly):
    outcome, order = at_once(*guest_and_friend(pos))
    assert order.buyer == outcome.link.child
    assert found()[:2] == (1, 1)


def test_without_the_lock_ordering_while_being_added_makes_two_contacts(pos, slowly, without_locks):
    outcome, order = at_once(*guest_and_friend(pos))
    assert order.buyer != outcome.link.child


# --- the maximum of a person, with two buyers -------------------------------------------------------------------


def two_parents_of_one_child(pos):
    """Two carts of two parents, each with the one ticket that a person may have, for the same child."""
    offer = OfferFactory(pos=pos)
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    carts = []
    for name in ("Alice", "Carol"):
        parent = make_visitor(pos, name)
        link = add(parent, pos, network=name).link
        person = {"first_name": "Bob", "last_name": "Miller", "person": str(link.pk)}
        cart = make_cart({offer: 1}, user=parent.user, holders=[person])
        carts.append(cart)
    place(make_cart({OfferFactory(pos=pos): 1}))  # the shop offers a payment method from now on
    return [partial(placed, cart) for cart in carts]


def placed(cart) -> bool:
    try:
        place(cart)
    except orders.CannotPlace as error:
        assert error.code == "rules"
        return False
    return True


@pytest.fixture
def slow_orders(monkeypatch):
    """Let all threads that can wait for each other between counting a person's tickets and writing the order."""
    original = placing.new

    def later(*args, **values):
        meet()
        return original(*args, **values)

    monkeypatch.setattr(placing, "new", later)


def test_two_parents_buying_for_one_child_do_not_exceed_its_maximum(pos, slow_orders):
    assert sorted(at_once(*two_parents_of_one_child(pos))) == [False, True]


def test_without_the_lock_two_parents_exceed_the_maximum_of_a_child(pos, slow_orders, without_locks):
    assert at_once(*two_parents_of_one_child(pos)) == [True, True]


# --- no deadlocks --------------------------------------------------------------------------


def meet_in(monkeypatch, module, name):
    """Let all threads that can wait for each other after this function. The database ends a deadlock after a second."""
    original = getattr(module, name)

    def then_meet(*args, **values):
        answer = original(*args, **values)
        meet()
        return answer

    monkeypatch.setattr(module, name, then_meet)


def everything_about_bob(pos):
    """All at once: two visitors add Bob, Bob adds one of them and orders as a guest, and two of his contacts are merged."""
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    alice, carol = make_visitor(pos, email="alice@example.org"), make_visitor(pos, "Carol", "Ray")
    guest = dict(zip(("first_name", "last_name", "email"), BOB, strict=True))
    offer = OfferFactory(pos=pos)
    earlier = make_order({offer: 1}, buyer=guest).buyer
    link = staff_links.add(
        parent=carol, child=earlier, link_type=add(alice, pos, ("X", "Y", "x@example.org")).link.type, by=None,
        now=timezone.now(),
    )  # fmt: skip
    person = {"first_name": "Bob", "last_name": "Miller", "person": str(link.pk)}
    cart = make_cart({offer: 1}, user=carol.user, holders=[person])
    return [
        partial(add, alice, pos, network="a"),
        partial(add, carol, pos, network="c"),
        partial(add, bob, pos, ("Alice", "Martin", "alice@example.org"), network="b"),
        partial(place, make_cart({offer: 1}, buyer=guest)),
        partial(place, cart),
        partial(merging.merge, bob, earlier, by=None, now=timezone.now()),
    ]


@pytest.mark.parametrize(
    "step", [(contacts, "lock_address"), (locking, "lock_all"), (limits, "lock")], ids=str
)
def test_adding_ordering_and_merging_the_same_contacts_at_once_all_succeed(pos, monkeypatch, step):
    calls = everything_about_bob(pos)
    meet_in(monkeypatch, *step)
    *_outcomes, guests_order, carols_order, _merged = at_once(*calls)
    bob = Contact.objects.get(user__email=BOB[2])
    assert carols_order.tickets.get().beneficiary == bob, "nobody points to a contact that is gone"
    assert guests_order.buyer.user is None, "a guest's order never touches a contact that has a log-in"


def crosswise(pos):
    """Let Alice add Bob while Bob adds Alice."""
    alice, bob = (
        make_visitor(pos, email="alice@example.org"),
        make_visitor(pos, "Bob", "Miller", email=BOB[2]),
    )
    return [
        partial(add, alice, pos, network="a"),
        partial(add, bob, pos, ("Alice", "Martin", "alice@example.org"), network="b"),
    ]


@pytest.mark.scenario("FF-22")
def test_two_visitors_can_add_each_other_at_once(pos, monkeypatch):
    meet_in(monkeypatch, locking, "lock_all")
    assert [outcome.code for outcome in at_once(*crosswise(pos))] == [adding.LINKED] * 2


def test_locking_contacts_one_by_one_in_any_order_deadlocks(pos, monkeypatch):
    def one_by_one(contact_ids, needed=()) -> dict[int, Contact]:
        held = {}
        for contact_id in contact_ids:  # the visitor first, then the added person
            held[contact_id] = locking.lock(contact_id)
            meet()
        return held

    monkeypatch.setattr(locking, "lock_all", one_by_one)
    with pytest.raises(OperationalError, match="deadlock"):
        at_once(*crosswise(pos))


def join_and_order(pos):
    """Let staff merge a contact that Alice may choose for tickets into Alice's, while Alice orders for it."""
    child = ContactFactory(organiser=pos.organiser)
    alice = make_visitor(pos)
    kind = add(alice, pos, ("X", "Y", "x@example.org")).link.type
    link = staff_links.add(parent=alice, child=child, link_type=kind, by=None, now=timezone.now())
    offer = OfferFactory(pos=pos)
    place(make_cart({offer: 1}))
    person = {"first_name": "Bob", "last_name": "Miller", "person": str(link.pk)}
    cart = make_cart({offer: 1}, user=alice.user, holders=[person])
    assert child.pk < alice.pk
    return [partial(place, cart), partial(merging.merge, alice, child, by=None, now=timezone.now())]


def test_merge_waits_for_an_order_of_one_contact_for_the_other(pos, monkeypatch):
    calls = join_and_order(pos)
    meet_in(monkeypatch, locking, "lock_all")
    order, _none = at_once(*calls)
    assert order.tickets.get().beneficiary_id in {None, order.buyer_id}


def test_row_for_the_contact_that_goes_waits_for_the_merge_and_is_refused(pos, monkeypatch):
    """A row with a key to the contact, written without a lock on the contact after all others point elsewhere."""
    keep, lose = ContactFactory(organiser=pos.organiser), ContactFactory(organiser=pos.organiser)
    ticket = make_order({OfferFactory(pos=pos): 1}, buyer=keep).tickets.get()
    write = merging._write_outcome

    def meet_then_write(stays, goes):
        meet()
        write(stays, goes)

    def point_to_lose():
        try:
            return Ticket.objects.filter(pk=ticket.pk).update(beneficiary=lose)
        except IntegrityError:
            return 0

    monkeypatch.setattr(merging, "_write_outcome", meet_then_write)
    merge = partial(merging.merge, keep, lose, by=None, now=timezone.now())
    assert at_once(merge, second(point_to_lose)) == [None, 0]
    assert not Contact.objects.filter(pk=lose.pk).exists()
    ticket.refresh_from_db()
    assert ticket.beneficiary_id in {None, keep.pk}
