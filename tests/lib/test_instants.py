"""Instants that the database returns."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg.postgres import types
from psycopg.pq import Format

from ticketshop.lib.database.base import InstantLoader

pytestmark = pytest.mark.django_db
OID = types["timestamptz"].oid
TEXTS = (
    "2026-11-29 06:13:47.123456+00",
    "2026-03-29 02:30:00.5+02",
    "2026-11-29 06:13:47+05:30",
    "1960-01-31 23:59:59.000001+00",
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59.999999+00",
    "1890-01-01 12:00:00-00:01:15",
)


def read(text: str):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        return cursor.fetchone()[0]


@pytest.mark.parametrize("text", TEXTS)
def test_instants_are_read_as_django_reads_them(text):
    django_loader = type("Loader", (BaseTzLoader,), {"timezone": UTC})(OID, connection.connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz::text", [text])
        stored = cursor.fetchone()[0].encode()

    instant = read(text)

    assert instant == django_loader.load(stored) == datetime.fromisoformat(text)
    assert instant.tzinfo is UTC


def test_connection_has_the_fast_loader():
    connection.ensure_connection()

    assert connection.connection.adapters.get_loader(OID, Format.TEXT) is InstantLoader


@pytest.mark.parametrize("text", ["infinity", "10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"])
def test_instant_that_python_has_not_is_refused(text):
    with pytest.raises(DataError):
        read(text)
