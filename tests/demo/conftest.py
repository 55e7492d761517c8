"""The demo, filled once per process for all tests that only look at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time

import pytest
from django.db import connection

from tests.migrated_database import made_once
from ticketshop.demo import filling
from ticketshop.demo.programme.theatre import THEATRE

TODAY = date(2027, 3, 28)  # has 23 hours: times from 2 to 3 o'clock are missing
MIDNIGHT = datetime.combine(TODAY, time(), THEATRE.zone)


def _fill() -> None:
    filling.fill(TODAY)


def analyze() -> None:
    """Tell PostgreSQL how many rows there are now: without that, the rules of the books take 20 s for a demo."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@contextmanager
def filled() -> Iterator[None]:
    """Give the demo of ``TODAY`` in a transaction that ends with the block."""
    with made_once(_fill):
        analyze()
        yield


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The demo of ``TODAY``, gone after the module."""
    with django_db_blocker.unblock(), filled():
        yield
