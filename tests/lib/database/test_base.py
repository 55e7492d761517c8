"""The connection pool replaces broken connections and reports an outage at once."""

import os
import signal
import threading
from contextlib import nullcontext

import psycopg_pool.pool
import pytest
from django.db import (
    DataError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from tests.at_once import at_once, watcher
from tests.waiting import PATIENCE, wait_for
from ticketshop.lib import database
from ticketshop.lib.database import GRACE, LimitedConnection, base, waiting

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = (
    3.0  # seconds until a frozen server is given up; one that works answers sooner, also on a busy machine
)


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
    """Open idle connections in the pool. Return the ids of their server processes."""
    together = threading.Barrier(number, timeout=PATIENCE)

    def hold():
        pid = ask()
        together.wait()
        return pid

    return set(at_once(*[hold] * number))


def end_backends(pids: set[int]) -> None:
    with watcher() as other:
        ended = "SELECT bool_and(pg_terminate_backend(pid, 600000)) FROM unnest(%s::int[]) AS pid"
        assert other.execute(ended, [list(pids)]).fetchone() == (True,)


@pytest.fixture
def pauses(monkeypatch):
    """The seconds a request slept for each broken connection."""
    slept = []
    monkeypatch.setattr(psycopg_pool.pool, "sleep", slept.append)
    return slept


def test_after_a_restart_the_first_request_neither_fails_nor_sleeps(pool, pauses, monkeypatch):
    monkeypatch.setattr(base, "PATIENCE", PATIENCE)
    before = fill(4)
    assert len(before) == 4
    end_backends(before)
    at_once(*[ask] * 4)
    assert pauses == []
    assert not fill(4) & before


def test_with_the_pools_own_check_the_first_request_sleeps(pool, pauses, monkeypatch):
    """The twin: Django's backend as it is."""
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    pool.clear()
    pool.update(min_size=1, max_size=8, timeout=PATIENCE)
    monkeypatch.delattr(base.DatabaseWrapper, "get_new_connection")
    end_backends(fill(4))
    at_once(ask)
    assert max(pauses) >= 1


def test_unavailable_database_ends_the_wait_of_all_requests(pool, monkeypatch):
    monkeypatch.setattr(base, "PATIENCE", float("inf"))
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "host", "/nowhere")

    def refused():
        with pytest.raises(OperationalError):
            ask()

    at_once(*[refused] * 8)  # ends at all


def frozen_backend(pool, limit: float | None) -> int:
    """A connection that waits so long for an answer, and whose server process is stopped; the process."""
    pool["connection_class"] = type("Limited", (LimitedConnection,), {"limit": limit})
    pid = ask()
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_frozen_server_raises_and_its_connection_is_closed(pool):
    pid = frozen_backend(pool, LIMIT)
    try:
        with pytest.raises(OperationalError, match="does not answer"):
            ask()
        assert connection.connection.closed
        connection.close()
        assert ask() != pid, "the next request gets another connection"
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_idle_connection_that_is_frozen_is_replaced(pool, monkeypatch):
    monkeypatch.setattr(base, "PATIENCE", LIMIT)
    pid = frozen_backend(pool, None)
    try:
        connection.close()  # back to the pool
        assert ask() != pid
    finally:
        os.kill(pid, signal.SIGCONT)


def test_without_a_limit_a_frozen_server_blocks(pool):
    """The twin: a limit of the server's own ends nothing."""
    pid = frozen_backend(pool, None)
    waits = threading.Thread(
        target=connection.inc_thread_sharing() or connection.connection.execute, args=("SELECT 1",)
    )
    waits.start()
    waits.join(2)
    still_waits = waits.is_alive()
    os.kill(pid, signal.SIGCONT)
    waits.join(PATIENCE)
    connection.dec_thread_sharing()
    assert still_waits
    assert not waits.is_alive()


@pytest.mark.parametrize(("seconds", "limit"), [(120, 120 + GRACE), (0, None)])
def test_a_statement_that_may_take_longer_is_waited_for_longer(seconds, limit):
    with transaction.atomic(), waiting.statement_timeout(seconds), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == ("2min" if seconds else "0")
        assert connection.connection.limit == limit
    assert (
        connection.connection.limit == connection.settings_dict["OPTIONS"]["pool"]["connection_class"].limit
    )


@pytest.mark.parametrize(("milliseconds", "limit"), [(10_000, 10 + GRACE), (0, None)])
def test_answers_are_waited_for_a_little_longer_than_the_servers_limit(milliseconds, limit):
    assert database.pool(milliseconds)["connection_class"].limit == limit


def test_a_busy_pool_is_waited_for(pool, monkeypatch):
    pool.update(max_size=1)
    monkeypatch.setattr(base, "PATIENCE", PATIENCE)
    taken, looks = threading.Event(), []
    wait = base.base.DatabaseWrapper.get_new_connection

    def look(wrapper, parameters):
        if taken.is_set():
            looks.append(threading.current_thread())
        return wait(wrapper, parameters)

    monkeypatch.setattr(base.base.DatabaseWrapper, "get_new_connection", look)

    def keep():
        pid = ask()
        taken.set()
        wait_for(lambda: len(looks) >= 3, "several looks at the pool, all in vain")
        return pid

    def come_later():
        taken.wait(PATIENCE)
        return ask()

    kept, got = at_once(keep, come_later)
    assert kept == got


def test_wait_for_a_busy_pool_ends(pool, monkeypatch):
    pool.update(max_size=1)
    monkeypatch.setattr(base, "PATIENCE", 0.3)
    taken, enough = threading.Event(), threading.Event()

    def keep():
        ask()
        taken.set()
        enough.wait(PATIENCE)

    def come_later():
        taken.wait(PATIENCE)
        with pytest.raises(OperationalError):
            ask()
        enough.set()

    at_once(keep, come_later)


def prepared_statements() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [text for (text,) in cursor.fetchall()]


def run_prepared(statement: str, *values) -> list[tuple]:
    with connection.prepared_cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def test_only_statements_of_a_prepared_cursor_are_prepared(pool):
    for number in range(4):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s + 1", [number])
        assert run_prepared("SELECT %s + 2", number) == [(number + 2,)]
    assert prepared_statements() == ["SELECT $1 + 2"]


def test_values_of_a_prepared_cursor_may_have_names_and_repeat(pool):
    for number in range(4):
        with connection.prepared_cursor() as cursor:
            cursor.execute("SELECT 7 %% %(by)s, '%%', %(text)s, %(by)s", {"text": "a%s", "by": 2 + number})
            assert cursor.fetchone() == (7 % (2 + number), "%", "a%s", 2 + number)
    with connection.prepared_cursor() as cursor:
        cursor.execute("SELECT 7 % 4, '%s'")
        assert cursor.fetchone() == (3, "%s")
        cursor.execute("SELECT 7 %% 4", {})
        assert cursor.fetchone() == (3,)
        with pytest.raises(ProgrammingError, match="have names and others have none"):
            cursor.execute("SELECT %s, %(by)s", {"by": 2})
    assert prepared_statements() == ["SELECT 7 % $1, '%', $2, $1"]


def test_prepared_cursor_of_a_connection_is_used_again_also_after_an_error(pool):
    with connection.prepared_cursor() as first:
        first.execute("SELECT %s", [1])
    with pytest.raises(DataError), transaction.atomic():
        run_prepared("SELECT 1 / %s", 0)
    with connection.prepared_cursor() as second:
        assert second is first
        assert second.connection.prepared_max == base.PREPARED
        second.execute("SELECT %s, %s", [2, "two"])
        assert second.fetchall() == [(2, "two")]
    connection.close()
    connection.close_pool()
    with connection.prepared_cursor() as third:
        assert third.cursor is not first.cursor


def test_prepared_cursor_of_a_thread_belongs_to_that_thread_on_the_connection_of_another(pool):
    """The pool lends a connection to one thread after the other; errors must reach the thread that uses it."""
    pool.update(min_size=1, max_size=1)

    def use() -> tuple:
        run_prepared("SELECT %s", 1)
        with connection.prepared_cursor() as cursor:
            found = cursor, cursor.db is connections["default"], connection.connection
        connection.close()
        return found

    (mine, of_me, lent), ((other, of_other, again),) = use(), at_once(use)
    assert (of_me, of_other) == (True, True)
    assert lent is again
    assert mine is not other


def test_log_of_queries_contains_prepared_statements_with_their_values(pool):
    with CaptureQueriesContext(connection) as captured:
        for _again in range(4):
            run_prepared("SELECT %s", "seven")
    assert [query["sql"] for query in captured] == ["SELECT 'seven'"] * 4


@pytest.mark.parametrize("within", ["transaction", "savepoint"])
def test_prepared_statements_are_kept_after_a_rollback(pool, within):
    for _again in range(4):
        run_prepared("SELECT %s", 1)
    names = "SELECT name FROM pg_prepared_statements"
    (before,) = run_prepared(names)
    with transaction.atomic() if within == "savepoint" else nullcontext():
        with pytest.raises(DataError), transaction.atomic():
            run_prepared("SELECT 1 / %s", 0)
        run_prepared("SELECT %s", 2)
    with connection.cursor() as cursor:
        cursor.execute(names)
        assert cursor.fetchall() == [before]


def test_prepared_statements_are_forgotten_when_a_table_changes(pool):
    for _again in range(4):
        run_prepared("SELECT %s", 1)
    assert prepared_statements() == ["SELECT $1"]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE short (name text)")
        cursor.execute("DROP TABLE short")
    assert prepared_statements() == []


def test_prepared_statement_is_prepared_again_after_a_column_has_another_type(pool):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE retyped (name varchar(10))")
        cursor.execute("INSERT INTO retyped VALUES ('seven')")
    try:
        for _again in range(4):
            assert run_prepared("SELECT name FROM retyped") == [("seven",)]
        with watcher() as other:
            other.execute("ALTER TABLE retyped ALTER name TYPE varchar(20)")
        with pytest.raises(NotSupportedError, match="cached plan"), transaction.atomic():
            run_prepared("SELECT name FROM retyped")
        with transaction.atomic():
            assert run_prepared("SELECT name FROM retyped") == [("seven",)]
        for _again in range(4):
            run_prepared("SELECT name FROM retyped")
        with watcher() as other:
            other.execute("ALTER TABLE retyped ALTER name TYPE varchar(30)")
        assert run_prepared("SELECT name FROM retyped") == [("seven",)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE retyped")
