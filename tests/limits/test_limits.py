"""Limits are counted in the database, shared by all processes, with hashed keys."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import transaction
from django.test import RequestFactory

from tests.at_once import at_once
from ticketshop.lib.web.network import network
from ticketshop.limits import limits
from ticketshop.limits.models import Counter

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "three", limits.Limit(3, timedelta(minutes=10)))
    monkeypatch.setitem(limits.LIMITS, "many", limits.Limit(20, timedelta(minutes=10)))
    monkeypatch.setitem(limits.LIMITS, "sliding", limits.Limit(3, timedelta(hours=1), sliding=True))


@pytest.mark.django_db
def test_hits_above_the_limit_are_refused():
    seconds = [0, 1, 599, 599.9, 600]
    allowed = [limits.hit("three", "key", NOON + timedelta(seconds=second)) for second in seconds]
    assert allowed == [True, True, True, False, True]


@pytest.mark.django_db
def test_other_keys_and_kinds_are_counted_separately():
    for _ in range(3):
        limits.hit("three", "key", NOON)
    assert not limits.hit("three", "key", NOON)
    assert limits.hit("three", "other", NOON)
    assert limits.hit("many", "key", NOON)


@pytest.mark.django_db
def test_sliding_window_limits_every_hour():
    minutes = [30, 55, 59, 61, 89, 91]
    allowed = [limits.hit("sliding", "key", NOON + timedelta(minutes=minute)) for minute in minutes]
    # A refused hit counts as well.
    assert allowed == [True, True, True, False, False, False]
    assert limits.hit("sliding", "key", NOON + timedelta(minutes=91 + 61))


@pytest.mark.django_db
def test_reached_counts_nothing_and_accepts_another_count():
    assert not limits.reached("three", "key", NOON)
    assert not Counter.objects.exists()
    assert limits.hit("three", "key", NOON, count=1)
    assert limits.reached("three", "key", NOON, count=1)
    assert not limits.reached("three", "key", NOON)
    assert not limits.hit("three", "key", NOON, count=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "second"), [("three", 0), ("three", 560), ("sliding", 0), ("sliding", 1234)]
)
def test_hit_is_allowed_after_the_wait_and_not_before(kind, second):
    now = NOON + timedelta(seconds=second)
    assert [limits.hit(kind, "key", now) for _ in range(4)] == [True, True, True, False]
    now += timedelta(seconds=30)
    wait = limits.wait(kind, "key", now)
    if kind == "three":
        assert wait == NOON + timedelta(minutes=10) - now
    with transaction.atomic():
        assert not limits.hit(kind, "key", now + wait - timedelta(seconds=1))
        transaction.set_rollback(True)
    assert limits.hit(kind, "key", now + wait)


@pytest.mark.django_db
def test_wait_in_a_sliding_window_ends_when_the_oldest_hits_leave_it():
    for minute in (0, 20, 40, 50):
        limits.hit("sliding", "key", NOON + timedelta(minutes=minute))
    # Of four, two have to be gone: the second one after an hour and the minute it was counted in.
    assert limits.wait("sliding", "key", NOON + timedelta(minutes=50)) == timedelta(minutes=31)
    assert limits.wait("sliding", "key", NOON + timedelta(minutes=50), count=1) == timedelta(minutes=61)
    assert limits.wait("sliding", "another", NOON) == timedelta(0)


@pytest.mark.django_db
def test_unknown_kind_raises_an_error():
    with pytest.raises(KeyError):
        limits.hit("no such kind", "key", NOON)


@pytest.mark.django_db
def test_key_hash_contains_no_personal_data_and_changes_daily(settings):
    def stored(now):
        limits.hit("three", "192.0.2.7", now)
        return bytes(Counter.objects.latest("pk").key_hash)

    today, tomorrow = stored(NOON), stored(NOON + timedelta(days=1))
    assert len(today) == 32
    assert today != tomorrow
    assert b"192.0.2.7" not in today
    settings.SECRET_KEY = "another one"
    assert stored(NOON + timedelta(minutes=20)) != today, "without the key nobody can try addresses out"


@pytest.mark.django_db
def test_ended_counters_are_deleted():
    limits.hit("three", "key", NOON)
    limits.hit("three", "key", NOON + timedelta(hours=2))
    assert limits.over(NOON + timedelta(hours=1)).delete()[0] == 1
    assert Counter.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_limit_holds_across_connections():
    tries = at_once(*[partial(_tries, 10) for _ in range(5)])
    assert sum(tries) == 20


def _tries(number: int) -> int:
    return sum(limits.hit("many", "key", NOON) for _ in range(number))


@pytest.mark.django_db(transaction=True)
def test_hit_counts_although_the_later_transaction_is_rolled_back():
    """A hit outside a transaction stays; that is how pages count: before anything else begins."""
    limits.hit("three", "key", NOON)
    with transaction.atomic():
        transaction.set_rollback(True)
    assert Counter.objects.get().count == 1


# --- the network of a request -------------------------------------------------------------------------------------------


def asked_from(remote: str, **headers: str) -> str:
    return network(RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers))


@pytest.mark.parametrize(
    ("remote", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("no address", "unknown"),
    ],
)
def test_network_is_an_ipv4_address_or_an_ipv6_prefix(remote, whose):
    assert asked_from(remote) == whose


def test_forwarded_for_is_ignored_without_a_proxy():
    assert asked_from("192.0.2.7", x_forwarded_for="198.51.100.1") == "192.0.2.7"


def test_behind_the_proxy_the_last_forwarded_address_counts(settings):
    settings.HTTPS = True
    said = [f"198.51.100.{number}, 192.0.2.7" for number in range(3)]
    assert {asked_from("127.0.0.1", x_forwarded_for=text) for text in said} == {"192.0.2.7"}
    assert asked_from("127.0.0.1", x_forwarded_for="\r\n, nonsense") == "unknown"
    assert asked_from("127.0.0.1") == "127.0.0.1"
