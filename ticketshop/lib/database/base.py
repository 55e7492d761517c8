"""The backend named by ``DATABASES["default"]["ENGINE"]``.

The pool's own check makes a request sleep a second for each broken connection, and makes all requests wait for their
timeout while the database is away. Here a broken connection is dropped and the next one tried at once, and a failed attempt to
connect ends the wait of all requests.

Statements whose text never changes can be executed with ``prepared_cursor``, so that PostgreSQL parses and plans them once
for each connection.
"""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from django.db.backends.postgresql import base, features, operations, psycopg_any
from django.db.backends.utils import CursorWrapper
from psycopg import OperationalError, ProgrammingError, RawCursor
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from . import LimitedConnection, Outages

# Seconds a request waits for a free connection of the pool.
PATIENCE = 5.0
# Statements that a connection keeps prepared; beyond them the one that was not used for the longest time is dropped. There are
# some fifty, one more for each number of tickets in an order, and for each kind of person some ten to plan an erasure and thirty to show
# their data.
PREPARED = 200


class InstantLoader(psycopg_any.BaseTzLoader):
    """Reads instants with the parser of Python's standard library, in a tenth of the time of Django's loader.

    Django's parses each with a regular expression, which was a tenth of the CPU time of an export.
    """

    timezone = UTC

    def load(self, data):
        """Return an instant in UTC, as Django's loader does. Raises DataError for one outside of the years 1 to 9999."""
        try:
            instant = datetime.fromisoformat(bytes(data).decode())
        except ValueError:
            return super().load(data)
        return instant if instant.tzinfo is UTC else super().load(data)


class DatabaseFeatures(features.DatabaseFeatures):
    # The oldest version the shop is tested with. Before 15 every role may create tables in `public`.
    minimum_database_version = (15,)


class PreparedCursor(RawCursor):
    """A cursor that sends values apart from the statement, which psycopg prepares at its third execution
    (``prepare_threshold`` in the settings).

    It takes Django's placeholders, ``%s`` or ``%(name)s``, and numbers them once per statement. Psycopg's other cursors do that at
    each execution of a statement with more than 4,096 characters or 50 values, such as those that read a cart or write an order.
    Only ``execute`` numbers them, not ``executemany`` and ``stream``.

    A connection has one, which is used again for each statement: a new cursor looks up how to read and write each
    column once more, which costs more than sending the statement.
    """

    def close(self):
        """Keep the cursor open for the next statement. It ends with its connection."""

    def execute(self, query, params=None, **options):
        """Execute the statement. If a migration has changed the type of a column since the statement was prepared, prepare
        it again; within a transaction the error is raised, and the next transaction prepares it again.
        """
        if params is not None:
            query, names = _numbered(query)
            params = [params[name] for name in names] if isinstance(params, dict) else params
        try:
            return super().execute(query, params, **options)
        except FeatureNotSupported:
            cast(LimitedConnection, self.connection).statements.forget()
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            return super().execute(query, params, **options)


_PLACEHOLDER = re.compile(r"%(?:(s|%)|\((\w+)\)s)")


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> tuple[bytes, list[str]]:
    """Return the statement with PostgreSQL's placeholders ``$1``, ``$2`` …, and the names of the values, if they have names."""
    names: dict[str, int] = {}
    count = 0

    def number(found: re.Match) -> str:
        nonlocal count
        if found[1] == "%":
            return "%"
        if found[2]:
            return f"${names.setdefault(found[2], len(names) + 1)}"
        count += 1
        return f"${count}"

    numbered = _PLACEHOLDER.sub(number, statement)
    if names and count:
        raise ProgrammingError("some values of the statement have names and others have none")
    return numbered.encode(), list(names)


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor, sql, params):
        """Return the statement with its values, for Django's log of queries."""
        if isinstance(cursor, PreparedCursor):
            return self.compose_sql(sql, params)
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    """Gives requests a connection that answers, or raises OperationalError within a fraction of a second."""

    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    # Whether ``create_cursor`` makes a cursor for prepared statements. An instance belongs to one thread.
    prepares = False
    # The connection of the last ``prepared_cursor``, and that cursor. A request that gets another connection opens a new one.
    kept: tuple[Any, CursorWrapper | None] = (None, None)

    def prepared_cursor(self) -> CursorWrapper:
        """Return a cursor like ``cursor()`` for statements whose text is always the same.

        Read its rows before the next statement of such a cursor: it is the same one.
        """
        connection, cursor = self.kept
        # To open it for each statement would cost a quarter of the statement. One that logs its queries is not kept.
        if cursor is not None and connection is self.connection and not self.queries_logged:
            return cursor
        self.prepares = True
        try:
            cursor = self.cursor()
        finally:
            self.prepares = False
        self.kept = (None, None) if self.queries_logged else (self.connection, cursor)
        return cursor

    def create_cursor(self, name=None):
        if not self.prepares:
            return super().create_cursor(name)
        kept = getattr(self.connection, "kept_cursor", None)
        if kept is None:
            factory, self.connection.cursor_factory = self.connection.cursor_factory, PreparedCursor
            try:
                kept = self.connection.kept_cursor = super().create_cursor(name)
            finally:
                self.connection.cursor_factory = factory
            self.connection.prepared_max = PREPARED
        return kept

    def get_connection_params(self):
        params = super().get_connection_params()
        if self.timezone is UTC:
            params["context"].adapters.register_loader("timestamptz", InstantLoader)
        return params

    def get_new_connection(self, conn_params):
        begin = time.monotonic()
        while True:
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:
                if Outages.last >= begin:
                    raise OperationalError("the database is away") from None
                if time.monotonic() - begin > PATIENCE:
                    raise
                continue
            if self.pool is None or _answers(connection):
                return connection
            self.pool.putconn(connection)


def _answers(connection) -> bool:
    """Return whether the connection still works; close it if not, for example after a restart of the server."""
    try:
        with connection.limited(PATIENCE):
            ConnectionPool.check_connection(connection)
    except OperationalError:
        connection.close()
        return False
    return True
