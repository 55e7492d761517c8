"""The database's own samples of values."""

from django.db import connection
from procrastinate.contrib.django import app

from ..declarations import outside_models, registry

PG_18 = 180000
# The table is one of our own models'.
HAS_NONE = "SELECT NOT EXISTS (SELECT FROM {table})"


@app.task(name="privacy.analyse")
def analyse(tables: list[str]) -> None:
    """PostgreSQL keeps samples of values for its plans: taken anew, they hold nothing of the person."""
    ours = {model._meta.db_table for model in registry.installed_models()} | set(outside_models.TABLES)
    with connection.cursor() as cursor:
        for table in tables:
            if table in ours:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
                _clear_if_empty(cursor, table)


def _clear_if_empty(cursor, table: str) -> None:
    """Of a table that has no rows any more ANALYZE leaves the old samples."""
    if connection.pg_version < PG_18:
        return
    cursor.execute(HAS_NONE.format(table=connection.ops.quote_name(table)))
    if cursor.fetchone() == (True,):
        cursor.execute(
            "SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited)"
            " FROM pg_stats WHERE schemaname = current_schema() AND tablename = %s",
            [table],
        )
