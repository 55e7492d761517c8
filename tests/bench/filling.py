"""Many rows at once: a connection without the shop's time limits, for tables that are filled with SQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

# Indexes that no constraint needs: those of constraints stay.
_INDEXES = """
    SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
"""
# Rows are valid, so foreign keys need no check; a crash would lose the filled shop, which is no loss.
_SETTINGS = """
    SET statement_timeout = 0; SET session_replication_role = replica; SET synchronous_commit = off;
    SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'
"""


@contextmanager
def filling(*tables: str) -> Iterator[psycopg.Cursor]:
    """Yield a cursor that adds rows to these tables; at the end their indexes are built and their samples taken.

    In the block they have only their primary keys and unique constraints. An index that a statement of the block needs: name its
    table in an inner block.
    """
    options = {"autocommit": True, "cursor_factory": psycopg.ClientCursor}
    with psycopg.connect(os.environ["DATABASE_URL"], **options) as own, own.cursor() as cursor:
        cursor.execute(_SETTINGS)
        indexes = []
        for table in tables:
            indexes += cursor.execute(_INDEXES, [table]).fetchall()
        for name, _definition in indexes:
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        yield cursor
        for _name, definition in indexes:
            cursor.execute(definition)
        for table in tables:
            cursor.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
