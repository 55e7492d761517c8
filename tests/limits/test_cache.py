"""Counters of log-ins stay until they expire, and their keys contain no personal data."""

import hashlib
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from ticketshop.limits.cache import forget_expired, forget_sources

pytestmark = pytest.mark.django_db
ADDRESS = hashlib.sha256(b"ada@example.org").hexdigest()
SOURCES = ["ip:192.0.2.7", "ip:2001:db8::", "user:4711", ADDRESS]


def key(source: str) -> str:
    return f"allauth:rl:account:login_failed:5/300/key:{source}"


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(cache_key || value, ' '), '') FROM cache_entries")
        return cursor.fetchone()[0]


def test_counter_is_not_evicted_by_many_others():
    cache.set(key(SOURCES[0]), [1.0], 300)
    for number in range(400):
        cache.set(key(f"ip:192.0.3.{number}"), [1.0], 300)
    assert cache.get(key(SOURCES[0])) == [1.0]


def test_keys_contain_no_network_log_in_or_address():
    for source in SOURCES:
        assert cache.add(f"{key(source)}:lock", True, 10)
        cache.set(key(source), [1.0], 300)
    text = stored()
    assert text.count("allauth:rl:account:login_failed") == 2 * len(SOURCES)
    for source in SOURCES:
        assert source.rpartition(":")[2] not in text or source.endswith("::")
    assert "192.0.2" not in text
    assert "2001:db8" not in text
    assert not cache.add(f"{key(SOURCES[0])}:lock", True, 10), "another process waits for the lock"


def test_expired_counters_are_deleted():
    cache.set(key(SOURCES[0]), [1.0], 60)
    cache.set(key(SOURCES[1]), [1.0], 3600)
    assert forget_expired(timezone.now()) == 0
    assert forget_expired(timezone.now() + timedelta(seconds=90)) == 1
    assert cache.get(key(SOURCES[1])) == [1.0]


def test_only_counters_of_the_erased_person_are_deleted():
    for source in SOURCES:
        cache.set(key(source), [1.0], 300)
        cache.add(f"{key(source)}:lock", True, 10)
    forget_sources(SOURCES[2:])
    assert [cache.get(key(source)) for source in SOURCES] == [[1.0], [1.0], None, None]
    assert stored().count(":lock") == 2
