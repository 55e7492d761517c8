"""The samples of values that PostgreSQL keeps for its query planner."""

from django.db import connection
from procrastinate.contrib.django import app

from ..declarations import outside_models, registry

PG_18 = 180000
# The name is that of a known table, quoted.
IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM {table})"


@app.task(name="privacy.analyse")
def analyse(tables: list[str]) -> None:
    """Take the samples of these tables anew, so that they contain no erased value."""
    known = {model._meta.db_table for model in registry.installed_models()} | set(outside_models.TABLES)
    with connection.cursor() as cursor:
        for table in tables:
            if table in known:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
                _clear_if_empty(cursor, table)


def _clear_if_empty(cursor, table: str) -> None:
    """Delete the samples of an empty table, which ANALYZE leaves as they are. Possible from PostgreSQL 18."""
    if connection.pg_version < PG_18:
        return
    cursor.execute(IS_EMPTY.format(table=connection.ops.quote_name(table)))
    if cursor.fetchone() == (True,):
        cursor.execute(
            "SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited)"
            " FROM pg_stats WHERE schemaname = current_schema() AND tablename = %s",
            [table],
        )
