"""The migrated database of the tests: made once per run, copied by each worker, and restored after tests that commit.

With pytest-xdist the process that starts the workers makes a database while they collect the tests. Each worker copies it,
which takes a tenth of the time of the migrations. A process without workers makes its own. Either restores the dump of an earlier
run if no migration has changed since; see ``migrated_dump``.
"""

import copy as copies
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import DeadlockDetected

from tests import migrated_dump

# Of the advisory lock that the first process has while it migrates.
LOCK = 4711
# The name of the database to copy, for the workers.
TEMPLATE = "TICKETSHOP_TEST_TEMPLATE"


@contextmanager
def _server() -> Iterator[psycopg.Connection]:
    """Connect to the database `postgres` of the server; a database can't be copied while somebody is connected to it."""
    with psycopg.connect(os.environ["DATABASE_URL"], dbname="postgres", autocommit=True) as server:
        yield server


# --- make and copy --------------------------------------------------------------------------------------------------
def start(config, blocker) -> None:
    """Migrate a database in a thread; ``copy`` waits for it. If a migration fails, the workers migrate and show the error."""
    locked, ready = threading.Event(), threading.Event()
    os.environ[TEMPLATE] = f"{settings.DATABASES['default']['NAME']}_template"

    def migrate():
        with _server() as server:
            server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            locked.set()
            try:
                make(os.environ[TEMPLATE])
                ready.set()
            finally:
                connection.close()
                connection.close_pool()
                if not ready.is_set():
                    _drop(server, os.environ[TEMPLATE])

    blocker.unblock()  # until the end: this process runs no tests, and may end before the thread
    thread = threading.Thread(target=migrate, name="migrate")
    thread.start()
    locked.wait(timeout=60)
    config.add_cleanup(lambda: _end(thread))


def make(name: str) -> None:
    """Make a migrated database of this name and connect to it; a database of an interrupted run is dropped."""
    connection.settings_dict["TEST"]["NAME"] = name
    options = {"verbosity": 0, "autoclobber": True, "serialize": False}
    if not migrated_dump.is_usable():
        connection.creation.create_test_db(**options)
        return
    url, dump = migrated_dump.url_of(name), migrated_dump.path()
    with _server() as server:
        _drop(server, name)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    restored = migrated_dump.restore(url, dump)
    connection.creation.create_test_db(keepdb=True, **options)
    # Not if a migration was changed while the database was migrated.
    if not restored and migrated_dump.path() == dump:
        migrated_dump.save(url, dump)


def _end(thread: threading.Thread) -> None:
    thread.join()
    with _server() as server:
        _drop(server, os.environ.pop(TEMPLATE))


def wait_until_made() -> None:
    """Wait until the process that started this worker has made the database to copy, and its dump."""
    if os.environ.get(TEMPLATE):
        with _server() as server:
            server.execute("SELECT pg_advisory_lock_shared(%s)", [LOCK])


def copy() -> bool:
    """Make this worker's database as a copy and connect to it; return False if there is none to copy."""
    template = os.environ.get(TEMPLATE)
    if not template:
        return False
    name = connection.settings_dict["TEST"]["NAME"]
    with _server() as server:
        server.execute("SELECT pg_advisory_lock_shared(%s)", [LOCK])
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [template]).rowcount:
            return False
        _drop(server, name)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    return True


def drop(former_name: str) -> None:
    """Drop this worker's copy, and disconnect what a thread of a test has left connected."""
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.close_pool()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = former_name
    with _server() as server:
        _drop(server, name)


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


# --- restore --------------------------------------------------------------------------------------------------------
class MigratedRows:
    """The rows that the migrations have made. ``save`` reads them, ``restore`` makes all tables contain them and no others.

    Django's ``flush`` empties all tables of Django's, calls the receivers of ``post_migrate``, which make permissions and roles
    again with new keys, and leaves the tables of other packages as they are.
    """

    def __init__(self) -> None:
        self.tables: dict[str, bytes] = {}  # all tables, with their rows as COPY writes them
        self._differs = ""

    def save(self) -> None:
        """Save all rows of the database, which must be a newly migrated one."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::regclass::text FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
            )
            self.tables = _read(cursor, [table for (table,) in cursor.fetchall()])
            digest = "SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM {} r"
            filled = [table for table, rows in self.tables.items() if rows]
            cursor.execute(" UNION ALL ".join(digest.format(table) for table in filled))
            conditions = {
                table: f"EXISTS (SELECT FROM {table})" for table, rows in self.tables.items() if not rows
            }
            for table, (value,) in zip(filled, cursor.fetchall(), strict=True):
                conditions[table] = f"({digest.format(table)}) IS DISTINCT FROM '{value}'"
        # One statement for all tables: a row with the name of each table that has other rows.
        self._differs = " UNION ALL ".join(
            f"SELECT '{table}' WHERE {condition}" for table, condition in conditions.items()
        )

    def restore(self) -> None:
        """Delete what was written since, and write again what was deleted. Sequences go on, as after Django's ``flush``.

        Waits for the transactions of other connections that have written. Triggers don't run, since some refuse to delete
        a row; therefore the user must be a superuser of the server.
        """
        for is_last in (False, True):
            connection.close()  # a test may have left a transaction open
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(f"LOCK TABLE {', '.join(self.tables)} IN EXCLUSIVE MODE")
                    cursor.execute("SET LOCAL session_replication_role = replica")
                    _write(cursor, {table: self.tables[table] for table in self._changed(cursor)})
                return
            except OperationalError as error:
                # With a request of a page that the browser still loads: PostgreSQL ends one of the two.
                if is_last or not isinstance(error.__cause__, DeadlockDetected):
                    raise

    def changed(self) -> dict[str, bytes]:
        """Return the rows of the tables that have other rows than after the migrations, as this transaction sees them."""
        with connection.cursor() as cursor:
            return _read(cursor, self._changed(cursor))

    def _changed(self, cursor) -> list[str]:
        cursor.execute(self._differs)
        return [table for (table,) in cursor.fetchall()]


def _read(cursor, tables: list[str]) -> dict[str, bytes]:
    found = {}
    for table in tables:
        with cursor.copy(f"COPY {table} TO STDOUT") as rows:
            found[table] = b"".join(bytes(block) for block in rows)
    return found


def _write(cursor, tables: dict[str, bytes]) -> None:
    """Replace the rows of the tables, without triggers, until the end of the transaction."""
    for table, content in tables.items():
        cursor.execute(f"DELETE FROM {table}")
        if content:
            with cursor.copy(f"COPY {table} FROM STDIN") as rows:
                rows.write(content)


migrated_rows = MigratedRows()


def is_superuser() -> bool:
    """Return whether the user may switch triggers off, as the user of the throw-away server may."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        return cursor.fetchone()[0]


# --- rows that many files need --------------------------------------------------------------------------------------
_made: dict[Callable, tuple] = {}


@contextmanager
def made_once(make: Callable) -> Iterator:
    """Give what ``make`` returns, with its rows, in a transaction that ends with the block, and with its files.

    ``make`` is called once per process; later its rows and files are written again as they were, which takes a tenth of the
    time. Without a superuser it is called each time. Not for files that change settings of pages, such as that of static files:
    pieces of pages that the process has kept for the same rows would be used.
    Within another such block ``make`` is called, too: the rows of that block would be kept as rows of this one.
    """
    alone = not connection.in_atomic_block
    with transaction.atomic():
        yield _make_or_write(make) if alone else _make(make)
        transaction.set_rollback(True)


def once_per_file(make: Callable):
    """Return a fixture of a file: what ``make`` returns, made by ``made_once`` in a transaction that ends with the file.

    A test changes the rows it gets from it: let another fixture give it a copy. Not for files with tests that commit.
    """

    @pytest.fixture(scope="module")
    def made(django_db_setup, django_db_blocker):
        with django_db_blocker.unblock(), made_once(make) as found:
            yield found

    return made


def write_once_made(make: Callable):
    """Return what ``make`` returns, like ``made_once``, with rows that are committed: for a test that restores the database."""
    with transaction.atomic():
        return _make_or_write(make)


def _make_or_write(make: Callable):
    if make in _made:
        made, tables, files = _made[make]
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            _write(cursor, tables)
            cursor.execute("SET LOCAL session_replication_role = origin")
        for name, content in files.items():
            path = Path(settings.VAR_DIR, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return copies.deepcopy(made)
    made = _make(make)
    if migrated_rows.tables:
        folder = Path(settings.VAR_DIR)
        files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        _made[make] = copies.deepcopy(made), migrated_rows.changed(), files
    return made


def _make(make: Callable):
    made = make()
    # Else each test would check the keys of all these rows at its end.
    connection.check_constraints()
    return made
