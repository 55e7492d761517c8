"""Everything planted is found before an erasure, and nothing of it afterwards; nobody else loses anything."""

import logging

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from privacy import erasing, samples
from privacy.models import Erasure
from tests.privacy import planting, scanner
from tests.privacy.changes import Explained, between, money
from tests.privacy.planting import Planted
from tests.privacy.scanner import Hit
from tests.privacy.state import State

pytestmark = pytest.mark.django_db


def erase(state: State) -> Erasure:
    """As staff do; the jobs that were queued for afterwards run too."""
    erasure = erasing.erase(state.v.person.contact, by=state.a.staff, now=timezone.now())
    for job in ProcrastinateJob.objects.filter(task_name="privacy.analyse"):
        samples.analyse(**job.args)
    return erasure


def rows_of(planted: Planted) -> set[tuple[str, str]]:
    """(table, row) of everything planted of one person, and (file, "")."""
    rows = {(cell.model._meta.db_table, str(cell.pk)) for cell in planted.cells}
    return rows | {(f"file:exports/{name}", "") for _storage, name in planted.files}


def where(hit: Hit) -> tuple[str, str]:
    return (hit.place if hit.place.startswith("file:") else hit.place.partition(".")[0]), hit.row


# --- presence first ---------------------------------------------------------------------------------------------


@pytest.mark.scenario("S44")
def test_every_erasable_column_is_planted(state):
    assert set(state.v.unplanted) == set(planting.NEVER_THERE)


def test_every_token_is_found_where_it_was_planted(state):
    found = scanner.scan(state.sought)
    assert {token.name for token in state.v.tokens} - {hit.token for hit in found} == set()
    for cell in state.v.cells:
        if cell.token:
            place = f"{cell.model._meta.db_table}.{cell.model._meta.get_field(cell.column).column}"
            assert Hit(place, str(cell.pk), cell.token) in found
    # What the database makes of the columns, and what the program keeps beside its tables.
    places = {hit.place for hit in found}
    assert {"contacts_contact.search", "contacts_contact.sort_key", "cache_entries.cache_key"} <= places
    assert {"accounts_session.session_data", "mail_mail.recipient", "sales_cart.details"} <= places


# --- and then nothing -------------------------------------------------------------------------------------------


@pytest.mark.scenario("S01", "S05", "S19", "S22", "S23", "S24", "S25")
def test_nothing_is_left(state, caplog):
    caplog.set_level(logging.DEBUG)
    mail.outbox.clear()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert len({hit.row for hit in scanner.scan_statistics(state.sought)}) > 10
    erasure = erase(state)
    assert erasure.state == Erasure.State.CLOSED
    found = scanner.scan(state.sought)
    # The address alone is known to B too: the expected remainder, where it was and nowhere else.
    assert {
        hit for hit in found if where(hit) not in rows_of(state.twin) and hit.place != "pg_stats"
    } == set()
    assert {hit.token for hit in found} == {"v address"}
    assert [cell.declared for cell in state.v.left()] == []
    said = [record.getMessage() for record in caplog.records] + [caplog.text]
    assert caplog.records
    assert scanner.scan_texts(state.sought, "log", said) == set()
    assert mail.outbox == []


@pytest.mark.scenario("S04", "S09")
def test_nothing_else_changes(state):
    """Over-erasure is a failure too: every value of the database that changed was V's and declared to go."""
    explained, before, books = Explained(state.v.person), scanner.snapshot(), money()
    vs = rows_of(state.v)
    others = {hit for hit in scanner.scan_database(state.others, before) if where(hit) not in vs}
    erase(state)
    after = scanner.snapshot()
    changes = between(before, after)
    assert len(changes) > 100
    assert explained.leaves_open(changes) == set()
    assert {hit for hit in scanner.scan_database(state.others, after) if where(hit) not in vs} == others
    assert others
    assert len(books) > 20
    assert money() == books
    for planted in (state.w, state.twin):
        mine = [cell for cell in planted.cells if (cell.model._meta.db_table, str(cell.pk)) not in vs]
        assert mine
        assert all(cell.is_as_planted() for cell in mine)
