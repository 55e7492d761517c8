"""The limits on adding people, on wrong names, and on mails to one address."""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import contacts
from contacts.linking import adding, link_mail, links
from contacts.models import Contact, ContactLink
from tests.at_once import at_once, meet
from tests.factories.contacts import ContactFactory
from tests.friends import add, friendly_pos, linked, make_visitor
from ticketshop.history import history
from ticketshop.limits import limits
from ticketshop.limits.models import Counter
from ticketshop.mail.models import Mail

NOW = datetime(2026, 11, 21, 23, 30, 30, tzinfo=UTC)  # half an hour before a day ends
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def pos(db):
    return friendly_pos()


@pytest.fixture
def alice(pos):
    return make_visitor(pos)


def somebody(number: int) -> tuple[str, str, str]:
    return ("Some", "Body", f"somebody{number}@example.org")


def wrong(pos, number: int) -> tuple[str, str, str]:
    """A name that does not match the contact with the address."""
    email = f"known{number}@example.org"
    if not Contact.objects.filter(email=email).exists():
        ContactFactory(organiser=pos.organiser, first_name="Known", last_name="Person", email=email)
    return ("Wrong", "Name", email)


def add_all(alice, pos, numbers, now=NOW, **how) -> list[str]:
    return [add(alice, pos, somebody(number), now=now, **how).code for number in numbers]


# --- adds -----------------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-39")
def test_visitor_can_add_ten_people_in_any_hour(pos, alice):
    assert set(add_all(alice, pos, range(5), NOW)) == {adding.LINKED}
    assert set(add_all(alice, pos, range(5, 10), NOW + 50 * MINUTE)) == {adding.LINKED}
    late = [NOW + minutes * MINUTE for minutes in (51, 60)]
    assert [add(alice, pos, somebody(20), now=then).code for then in late] == [adding.TRY_LATER] * 2
    # The first five were more than an hour ago; a refused try is not counted.
    assert add_all(alice, pos, range(10, 15), NOW + 62 * MINUTE) == [adding.LINKED] * 5
    assert add(alice, pos, somebody(20), now=NOW + 62 * MINUTE).code == adding.TRY_LATER
    assert ContactLink.objects.count() == 15


@pytest.mark.scenario("FF-39")
def test_visitor_can_add_twenty_people_a_day(pos, alice):
    pos.friends_family_max = 100
    for hours in (0, 2):
        assert set(add_all(alice, pos, range(10 * hours, 10 * hours + 10), NOW + hours * HOUR)) == {
            adding.LINKED
        }
    assert add_all(alice, pos, [90], NOW + 23 * HOUR) == [adding.TRY_LATER]
    assert add_all(alice, pos, [90], NOW + 24 * HOUR + 2 * MINUTE) == [adding.LINKED]


@pytest.mark.scenario("FF-39")
def test_organiser_sets_the_limits(pos, alice):
    pos.organiser.link_adds_per_hour = 2
    assert add_all(alice, pos, range(3)) == [adding.LINKED, adding.LINKED, adding.TRY_LATER]
    bob = make_visitor(pos, "Bob", "Ray")
    assert add_all(bob, pos, [9]) == [adding.LINKED], "somebody else's tries are their own"
    pos.organiser.link_adds_per_day = 3
    assert add_all(alice, pos, range(3, 5), NOW + 2 * HOUR) == [adding.LINKED, adding.TRY_LATER]


@pytest.mark.scenario("FF-39")
def test_network_can_try_sixty_times_an_hour(pos):
    pos.organiser.link_adds_per_hour = pos.organiser.link_adds_per_day = 1000
    pos.friends_family_max = 500
    visitors = [make_visitor(pos, "V", str(number)) for number in range(2)]
    for _number in range(56):
        limits.note("link_network", "192.0.2.1", NOW)
    for visitor in visitors:
        assert add_all(visitor, pos, range(2)) == [adding.LINKED] * 2
    assert add_all(visitors[0], pos, [40]) == [adding.TRY_LATER]
    assert add_all(visitors[0], pos, [40], network="198.51.100.7") == [adding.LINKED]


# --- names that do not match -----------------------------------------------------------------------------------


@pytest.mark.scenario("FF-39")
def test_visitor_is_limited_after_five_wrong_names_from_any_network(pos, alice):
    for number in range(5):
        network = f"192.0.2.{number}"
        assert add(alice, pos, wrong(pos, number), now=NOW, network=network).code == adding.MISMATCH
    right = ("Known", "Person", "known1@example.org")
    assert add(alice, pos, right, now=NOW + 59 * MINUTE, network="192.0.2.9").code == adding.TRY_LATER
    assert add(alice, pos, right, now=NOW + 62 * MINUTE).code == adding.LINKED


@pytest.mark.scenario("FF-39")
def test_wrong_names_limit_a_whole_network_only_at_a_higher_number(pos, alice):
    """Five is the limit of a visitor; many people share a network."""
    pos.organiser.link_mismatches_per_hour = 2
    visitors = [make_visitor(pos, "V", str(number)) for number in range(10)]
    numbers = iter(range(100))
    for visitor in visitors:
        for _try in range(2):
            assert add(visitor, pos, wrong(pos, next(numbers)), now=NOW).code == adding.MISMATCH
    refused = add(alice, pos, somebody(1), now=NOW)
    assert (refused.code, refused.limit) == (adding.TRY_LATER, adding.SHARED_LIMIT)
    assert add(alice, pos, somebody(1), now=NOW, network="2001:db8::/64").code == adding.LINKED


@pytest.mark.scenario("FF-39")
def test_outcome_tells_whose_limit_was_reached(pos, alice):
    pos.organiser.link_adds_per_hour = 1
    assert add(alice, pos, somebody(1), now=NOW).code == adding.LINKED
    refused = add(alice, pos, somebody(2), now=NOW)
    assert (refused.code, refused.limit) == (adding.TRY_LATER, adding.OWN_LIMIT)


@pytest.mark.scenario("FF-39")
def test_address_is_limited_after_five_wrong_names_of_any_visitor(pos, alice):
    address = "kn.own1+x@example.org"
    for number in range(5):
        visitor = make_visitor(pos, "V", str(number))
        assert add(visitor, pos, wrong(pos, 1), now=NOW, network=f"192.0.2.{number}").code == adding.MISMATCH
    for email in ("known1@example.org", address):
        assert (
            add(alice, pos, ("Known", "Person", email), now=NOW, network="203.0.113.1").code
            == adding.TRY_LATER
        )
    other = make_visitor(friendly_pos(), "Other", "Organiser")
    assert (
        add(other, other.organiser.points_of_sale.get(), ("A", "B", address), now=NOW).code == adding.LINKED
    )


@pytest.mark.scenario("FF-39")
def test_limited_try_makes_no_look_up_and_is_logged(pos, alice, caplog):
    pos.organiser.link_adds_per_hour = 0
    wrong(pos, 1)
    before = Contact.objects.count(), ContactLink.objects.count()
    with (
        caplog.at_level(logging.WARNING, "ticketshop.links"),
        CaptureQueriesContext(connection) as statements,
    ):
        outcome = add(alice, pos, ("Known", "Person", "known1@example.org"))
    assert outcome.code == adding.TRY_LATER
    assert not [found["sql"] for found in statements if "contacts_contact" in found["sql"]]
    assert (Contact.objects.count(), ContactLink.objects.count()) == before
    assert f"contact={alice.pk}" in caplog.text
    assert "known1" not in caplog.text
    assert alice.first_name not in caplog.text
    assert history.of(alice).first().action == "link_throttled"


# --- mails to one address ---------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-39")
def test_mailbox_gets_one_mail_a_day_and_three_a_week_from_all_visitors(pos):
    spellings = ["bob@example.org", "b.ob@example.org", "bob+news@example.org", "B.O.B+x@EXAMPLE.org"]
    told = []
    for hour in range(0, 9 * 24, 12):
        before = Mail.objects.count()
        visitor = make_visitor(pos, "V", str(hour))
        linked(visitor, pos, ("Bob", "Miller", spellings[hour // 12 % 4]), now=NOW + hour * HOUR)
        told += [hour] * (Mail.objects.count() - before)
    assert told == [0, 36, 72, 180]


@pytest.mark.scenario("FF-39")
def test_person_is_listed_even_if_the_mail_limit_is_reached(pos, alice):
    first = linked(alice, pos, now=NOW)
    carol = make_visitor(pos, "Carol", "Ray")
    second = linked(carol, pos, now=NOW + 23 * HOUR)
    assert (second.child, second.status, first.status) == (first.child, "active", "active")
    assert Mail.objects.count() == 1
    third = linked(make_visitor(pos, "Dan", "Ray"), pos, now=NOW + 24 * HOUR + 2 * MINUTE)
    assert Mail.objects.count() == 2
    assert third.child == first.child


@pytest.mark.scenario("FF-39")
def test_daily_mail_limit_is_a_sliding_window(pos):
    """Half an hour before and half an hour after midnight are within 24 hours."""
    assert mails_at(pos, [NOW, NOW + HOUR, NOW + 23 * HOUR + 59 * MINUTE]) == 1
    assert mails_at(pos, [NOW + 25 * HOUR]) == 2


@pytest.mark.scenario("FF-39")
def test_weekly_mail_limit_is_a_sliding_window(pos):
    pos.organiser.link_mails_per_day = 9
    assert mails_at(pos, [NOW + days * 24 * HOUR for days in (0, 1, 2, 3, 4, 5, 6)]) == 3
    assert mails_at(pos, [NOW + 7 * 24 * HOUR + 2 * MINUTE]) == 4


@pytest.mark.scenario("FF-39")
def test_mail_that_was_not_sent_is_not_counted(pos):
    """Else repeated tries could keep an address from ever getting a mail."""
    tries = [NOW + hours * HOUR for hours in range(0, 49, 4)]
    assert mails_at(pos, tries) == 2


def mails_at(pos, instants) -> int:
    """Let a new visitor add Bob at each instant; return the number of mails."""
    for then in instants:
        linked(make_visitor(pos, "V", f"{then:%d%H%M}"), pos, now=then)
    return Mail.objects.count()


@pytest.mark.scenario("FF-39")
def test_resent_mails_count_for_the_same_limits(pos, alice):
    link = linked(alice, pos, now=NOW)
    requester = adding.Requester(by=alice.user, pos=pos, network="192.0.2.1", language="en")
    assert not links.resend(link, requester, now=NOW + HOUR)
    assert links.resend(link, requester, now=NOW + 25 * HOUR)
    assert links.resend(link, requester, now=NOW + 50 * HOUR)
    assert not links.resend(link, requester, now=NOW + 75 * HOUR), "three a week"
    assert links.resend(link, requester, now=NOW + 240 * HOUR)
    assert not links.resend(link, requester, now=NOW + 480 * HOUR), "three times in all"
    assert Mail.objects.count() == 4


# --- many at once -------------------------------------------------------------------------------------------------


def slowly(monkeypatch, module, name):
    """Let all threads that can wait for each other after this function has returned."""
    original = getattr(module, name)

    def slow(*args, **values):
        answer = original(*args, **values)
        meet()
        return answer

    monkeypatch.setattr(module, name, slow)


def codes(calls) -> list[str]:
    return sorted(outcome.code for outcome in at_once(*calls))


def six_adds(pos):
    alice = make_visitor(pos)
    pos.organiser.link_adds_per_hour = 3
    return [partial(add, alice, pos, somebody(number)) for number in range(6)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("FF-39")
def test_limit_of_a_visitor_holds_for_requests_at_once(monkeypatch):
    slowly(monkeypatch, limits, "reached")
    assert codes(six_adds(friendly_pos())) == [adding.LINKED] * 3 + [adding.TRY_LATER] * 3


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_limit_of_a_visitor_is_exceeded(monkeypatch):
    slowly(monkeypatch, limits, "reached")
    monkeypatch.setattr(limits, "lock", lambda kind, key: None)
    assert codes(six_adds(friendly_pos())).count(adding.LINKED) > 3


def wrong_names_from_one_network(pos):
    pos.organiser.link_mismatches_per_hour = 2
    return [partial(add, make_visitor(pos, "V", str(number)), pos, wrong(pos, number)) for number in range(5)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("FF-39")
def test_limit_of_a_network_holds_for_requests_at_once(monkeypatch):
    monkeypatch.setattr(adding, "NETWORK_FACTOR", 1)
    slowly(monkeypatch, limits, "reached")
    assert codes(wrong_names_from_one_network(friendly_pos())).count(adding.MISMATCH) == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_limit_of_a_network_is_exceeded(monkeypatch):
    monkeypatch.setattr(adding, "NETWORK_FACTOR", 1)
    slowly(monkeypatch, limits, "reached")
    monkeypatch.setattr(limits, "lock", lambda kind, key: None)
    assert codes(wrong_names_from_one_network(friendly_pos())).count(adding.MISMATCH) > 2


def wrong_names_at_one_address(pos):
    pos.organiser.link_mismatches_per_hour = 2
    typed = wrong(pos, 1)
    return [
        partial(add, make_visitor(pos, "V", str(number)), pos, typed, network=f"192.0.2.{number}")
        for number in range(5)
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("FF-39")
def test_limit_of_an_address_holds_for_requests_at_once(monkeypatch):
    slowly(monkeypatch, limits, "reached")
    assert codes(wrong_names_at_one_address(friendly_pos())).count(adding.MISMATCH) == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_the_limit_of_an_address_is_exceeded(monkeypatch):
    slowly(monkeypatch, limits, "reached")
    monkeypatch.setattr(limits, "lock", lambda kind, key: None)
    monkeypatch.setattr(contacts, "lock_address", lambda *address: None)
    assert codes(wrong_names_at_one_address(friendly_pos())).count(adding.MISMATCH) > 2


def two_spellings_of_one_mailbox(pos):
    return [
        partial(
            linked, make_visitor(pos, "V", str(number)), pos, ("B", "M", email), network=f"192.0.2.{number}"
        )
        for number, email in enumerate(["bob@example.org", "bob+x@example.org", "b.ob@example.org"])
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("FF-39")
def test_mailbox_gets_one_mail_when_several_add_it_at_once(monkeypatch):
    slowly(monkeypatch, limits, "reached")
    at_once(*two_spellings_of_one_mailbox(friendly_pos()))
    assert (ContactLink.objects.count(), Mail.objects.count()) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_mailbox_gets_several_mails(monkeypatch):
    slowly(monkeypatch, limits, "reached")
    monkeypatch.setattr(limits, "lock", lambda kind, key: None)
    at_once(*two_spellings_of_one_mailbox(friendly_pos()))
    assert Mail.objects.count() > 1


# --- the counters themselves -----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.scenario("FF-39")
def test_counters_contain_no_names_and_are_deleted_after_their_window(pos, alice):
    add(alice, pos, ("Bob", "Miller", "bob@example.org"), now=NOW)
    add(alice, pos, wrong(pos, 1), now=NOW)
    kinds = set(Counter.objects.values_list("kind", flat=True))
    assert kinds == {
        "link_add_hour",
        "link_add_day",
        "link_network",
        "link_mail_day",
        "link_mail_week",
        "link_mismatch",
    }
    assert all(len(bytes(counter.key_hash)) == 32 for counter in Counter.objects.all())
    limits.over(NOW + 8 * 24 * HOUR).delete()
    assert not Counter.objects.exists()


@pytest.mark.django_db
def test_key_of_a_counter_is_hashed_differently_each_day():
    for day in range(2):
        limits.note("link_mismatch", "network:192.0.2.1", NOW + day * 24 * HOUR)
    assert Counter.objects.values("key_hash").distinct().count() == 2


@pytest.mark.django_db
def test_no_sliding_window_contains_more_than_the_limit():
    passed = []
    for minutes in range(0, 3 * 24 * 60, 37):
        then = NOW + minutes * MINUTE
        if not limits.reached("link_mail_day", "x", then, count=2):
            limits.note("link_mail_day", "x", then)
            passed.append(minutes)
    assert len(passed) > 4
    for first, third in zip(passed, passed[2:], strict=False):
        assert third - first >= 24 * 60


@pytest.mark.django_db
def test_canonical_address_has_no_tag_and_no_dots():
    same = ["bob@example.org", "B.O.B+x@Example.org", "bob+a+b@example.org"]
    assert len({link_mail.canonical(email) for email in same}) == 1
    assert link_mail.canonical("bob@other.example") != link_mail.canonical("bob@example.org")
