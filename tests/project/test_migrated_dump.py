"""The dump of the migrated database: which migrations it is of, and that a restored database equals a migrated one."""

import os
import re

import psycopg
import pytest
from django.db import connection

from tests import migrated_dump


@pytest.fixture
def tree(tmp_path):
    for name in ("shop/migrations/0001_initial.py", "shop/models.py", "requirements/base.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first\n")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["shop/migrations/0001_initial.py", "shop/migrations/0002_next.py", "requirements/base.txt"]
)
def test_another_migration_or_requirement_makes_another_dump(tree, name):
    before = migrated_dump.path(tree)
    (tree / "shop/models.py").write_text("second\n")
    assert migrated_dump.path(tree) == before
    (tree / name).write_text("second\n")
    assert migrated_dump.path(tree) != before


def test_only_the_newest_dumps_stay(tmp_path):
    for number in range(migrated_dump.NUMBER_KEPT + 2):
        old = tmp_path / f"migrated-{number}.dump"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    migrated_dump.save(migrated_dump.url_of("postgres"), tmp_path / "migrated-new.dump")
    kept = {file.name for file in tmp_path.iterdir()}
    assert kept == {"migrated-new.dump"} | {
        f"migrated-{number}.dump" for number in range(3, migrated_dump.NUMBER_KEPT + 2)
    }


def without_casts(text: str) -> str:
    """Return statements without what PostgreSQL writes otherwise once it has read its own text of a condition."""
    return re.sub(r"[()]|::text(\[\])?|::character varying(\[\])?", "", text)


@pytest.mark.django_db(transaction=True)
def test_a_restored_database_equals_the_migrated_one(tmp_path):
    if not migrated_dump.is_usable():
        pytest.skip("the programs may be of another version than the server")
    name, dump = connection.settings_dict["NAME"], tmp_path / "migrated-now.dump"
    migrated_dump.save(migrated_dump.url_of(name), dump)
    with psycopg.connect(migrated_dump.url_of("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}_restored")
        try:
            assert migrated_dump.restore(migrated_dump.url_of(f"{name}_restored"), dump)
            texts = [migrated_dump.as_text(migrated_dump.url_of(of)) for of in (name, f"{name}_restored")]
        finally:
            server.execute(f"DROP DATABASE {name}_restored WITH (FORCE)")
    assert "CREATE TABLE public.sales_order " in texts[0]
    assert without_casts(texts[0]) == without_casts(texts[1])


def test_a_damaged_dump_is_deleted(tmp_path):
    dump = tmp_path / "migrated-damaged.dump"
    dump.write_bytes(b"nothing")
    assert not migrated_dump.restore(migrated_dump.url_of("postgres"), dump)
    assert not dump.exists()
