"""After a test that commits, the database contains what the migrations have made, and nothing else."""

import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.test import TransactionTestCase

from privacy.erasure import statistics
from tests.at_once import lock_waiters, watcher
from tests.factories.organisers import OrganiserFactory
from tests.journeys.conftest import make_shop
from tests.migrated_database import MigratedRows, is_superuser, made_once, migrated_rows
from tests.visitor import TestClientVisitor
from tests.waiting import wait_for
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.roles import ROLES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def superuser(db):
    if not is_superuser():
        pytest.skip("Django's own flush is used")


def all_rows() -> dict[str, list[str]]:
    """Return the rows of all tables as text, by table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [table for (table,) in cursor.fetchall()]
        rows = {}
        for table in tables:
            cursor.execute(f'SELECT r::text FROM "{table}" r ORDER BY 1')
            rows[table] = [row for (row,) in cursor.fetchall()]
    return rows


def write_and_delete() -> None:
    shop = make_shop()
    TestClientVisitor().add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    cache.set("kept", "for a while", 300)
    statistics.analyse.defer(tables=[])
    Permission.objects.filter(codename="view_order").delete()
    Group.objects.filter(name="owner").update(name="somebody else")
    ContentType.objects.create(app_label="nothing", model="nothing")


def test_restored_database_has_the_rows_of_the_migrations_in_every_table():
    migrated = all_rows()
    assert len(migrated["auth_group"]) == len(ROLES)
    assert migrated["organisers_organiser"] == migrated["sales_cart"] == []
    write_and_delete()
    changed = {table for table, rows in all_rows().items() if rows != migrated[table]}
    assert changed >= {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "cache_entries",
        "django_content_type",
        "organisers_organiser",
        "procrastinate_jobs",
        "sales_cartline",
    }
    migrated_rows.restore()
    assert all_rows() == migrated


def test_saved_rows_are_those_of_all_tables():
    rows = MigratedRows()
    rows.save()
    assert rows.tables == migrated_rows.tables
    assert set(rows.tables) == set(all_rows())
    assert len(rows.tables) > 60


def test_restoring_waits_for_another_connection_that_has_written():
    OrganiserFactory()
    with watcher() as other, watcher() as observer:
        other.autocommit = False
        other.execute("UPDATE organisers_organiser SET name = 'Later'")
        with ThreadPoolExecutor(1) as threads:
            restoring = threads.submit(restore_in_thread)
            wait_for(lambda: lock_waiters(observer), "the lock of the tables")
            other.commit()
            restoring.result()
    assert not Organiser.objects.exists()


def restore_in_thread() -> None:
    migrated_rows.restore()
    connection.close()


def test_a_test_that_commits_ends_with_restoring():
    class Commits(TransactionTestCase):
        def runTest(self):
            write_and_delete()

    migrated, result = all_rows(), unittest.TestResult()
    unittest.TestSuite([Commits()]).run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful()
    assert all_rows() == migrated


def test_rows_and_files_made_once_are_the_same_a_second_time():
    calls = []

    def make():
        calls.append(default_storage.save("made.txt", ContentFile(b"made")))
        write_and_delete()
        return PointOfSale.objects.get()

    migrated, made = all_rows(), []
    for _ in range(2):
        with made_once(make) as pos:
            made.append((pos.pk, all_rows(), Path(default_storage.path("made.txt")).read_bytes()))
            with (
                pytest.raises(IntegrityError),
                transaction.atomic(),
            ):  # triggers and foreign keys are on again
                PointOfSale.objects.filter(pk=pos.pk).update(organiser_id=0)
                connection.check_constraints()
        default_storage.delete("made.txt")
        assert all_rows() == migrated
    assert made[0] == made[1]
    assert made[0][1] != migrated
    assert len(calls) == 1


def test_rows_of_another_block_are_not_kept_with_those_made_once():
    def make_outer():
        return OrganiserFactory(name="Outer")

    def make_inner():
        return OrganiserFactory(name="Inner")

    with made_once(make_outer), made_once(make_inner):
        assert Organiser.objects.filter(name="Outer").exists()
    for _ in range(2):
        with made_once(make_inner) as inner:
            assert Organiser.objects.filter(pk=inner.pk).exists()
            assert not Organiser.objects.filter(name="Outer").exists()
