"""A pool that is quick to notice: broken connections are replaced at once, an outage is said at once."""

import threading
import time
from functools import partial

import psycopg
import pytest
from django.db import OperationalError, connection

from tests.at_once import at_once
from ticketshop.lib.database import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool():
    """The tests' own pool, made anew and thrown away: (the pool, the options it is made with)."""
    options = connection.settings_dict["OPTIONS"]["pool"]
    kept = dict(options)
    connection.close()
    connection.close_pool()
    yield options
    connection.close()
    connection.close_pool()
    options.clear()
    options.update(kept)


def ask() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def fill(number: int) -> set[int]:
    """So many connections lie idle in the pool; their server processes."""
    together = threading.Barrier(number, timeout=10)

    def hold():
        pid = ask()
        together.wait()
        return pid

    return set(at_once(*[hold] * number))


def end_backends(pids: set[int]) -> None:
    settings = connection.get_connection_params()
    with psycopg.connect(
        dbname=settings["dbname"], user=settings["user"], host=settings["host"], port=settings["port"]
    ) as other:
        other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [list(pids)])


def timed(call) -> float:
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def test_after_a_restart_the_first_request_neither_fails_nor_waits(pool):
    before = fill(4)
    assert len(before) == 4
    end_backends(before)
    assert max(at_once(*[partial(timed, ask)] * 4)) < 0.8
    assert not fill(4) & before


def test_the_pools_own_check_would_let_it_fail(pool, monkeypatch):
    """The twin: Django's backend as it is."""
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    pool.clear()
    pool.update(min_size=1, max_size=8, timeout=1)
    monkeypatch.delattr(base.DatabaseWrapper, "get_new_connection")
    end_backends(fill(4))
    with pytest.raises(OperationalError, match="couldn't get a connection"):
        at_once(ask)


def test_a_database_that_is_away_is_said_at_once_to_all_who_wait(pool, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "host", "/nowhere")

    def refused():
        with pytest.raises(OperationalError):
            ask()

    assert max(at_once(*[partial(timed, refused)] * 8)) < 0.8


def test_a_busy_pool_is_waited_for(pool):
    pool.update(max_size=1)
    taken = threading.Event()

    def keep():
        ask()
        taken.set()
        time.sleep(0.6)  # longer than one look at the pool

    def come_later():
        taken.wait(5)
        return timed(ask)

    _kept, waited = at_once(keep, come_later)
    assert 0.4 < waited < base.PATIENCE


def test_nobody_waits_for_ever(pool, monkeypatch):
    pool.update(max_size=1)
    monkeypatch.setattr(base, "PATIENCE", 0.3)
    taken, enough = threading.Event(), threading.Event()

    def keep():
        ask()
        taken.set()
        enough.wait(5)

    def come_later():
        taken.wait(5)
        with pytest.raises(OperationalError):
            ask()
        enough.set()

    at_once(keep, come_later)
