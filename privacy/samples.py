"""The database's own samples of values."""

from django.db import connection
from procrastinate.contrib.django import app

from . import registry


@app.task(name="privacy.analyse")
def analyse(tables: list[str]) -> None:
    """PostgreSQL keeps samples of values for its plans: taken anew, they hold nothing of the person."""
    ours = {model._meta.db_table for model in registry.census()}
    with connection.cursor() as cursor:
        for table in tables:
            if table in ours:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
