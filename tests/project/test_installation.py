"""`check`, `/health/ready` and the start of a process report what an installation lacks."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, override_settings
from psycopg import sql

from tests.project.production import statements
from ticketshop import installation
from ticketshop.checks import (
    database_fits,
    installation_is_complete,
    mail_backend_exists,
    pictures_survive,
    stripe_keys_have_one_name,
)

ROOT = Path(__file__).resolve().parents[2]
# Production also compresses the files, which takes three quarters of the time.
MANIFEST = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Reset what ``Readiness`` remembers."""
    monkeypatch.setattr(installation.Readiness, "_fit", False)
    monkeypatch.setattr(installation.Readiness, "_applied", set())


def reported() -> list[str]:
    """Return the messages of `check --deploy`."""
    return [problem.msg for problem in installation_is_complete(None)]


def ready() -> tuple[int, list[str]]:
    answer = Client().get("/health/ready")
    return answer.status_code, answer.json().get("missing", [])


@contextmanager
def static_files(folder: Path) -> Iterator[None]:
    """Serve static files from this folder by the names of its manifest, as production does."""
    with override_settings(STATIC_ROOT=folder, STORAGES={**settings.STORAGES, "staticfiles": MANIFEST}):
        yield


@pytest.mark.django_db
def test_complete_installation_has_no_faults():
    assert reported() == []
    assert ready() == (200, [])
    assert ready() == (200, []), "the second time from what was remembered"


@pytest.mark.django_db
def test_unapplied_migration_is_reported_also_after_an_older_backup_was_restored():
    assert ready() == (200, [])
    rows = MigrationRecorder(connection).migration_qs
    rows.filter(app="sales").delete()
    assert ready() == (503, ["migrations"])
    assert "sales.0001_initial" in reported()[0]
    assert "older than the program" in reported()[0]


def test_migrations_of_this_version_are_those_that_django_loads():
    loaded = MigrationLoader(None).disk_migrations
    assert len(loaded) > 50
    assert sorted(installation.migrations()) == sorted(loaded)


@pytest.mark.django_db
def test_missing_cache_table_is_reported():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE cache_entries")
    assert ready() == (503, ["cache"])
    assert reported() == ["The table cache_entries is missing."]


@pytest.mark.django_db
def test_missing_rights_are_reported_until_the_documented_statements_were_run():
    """Runs the documented statements for existing tables one by one."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop; SET LOCAL ROLE shop")
        assert ready()[1] == ["rights"]
        assert any("shop has no right to INSERT on account_" in message for message in reported())
        for text in statements("ON ALL TABLES", "ON ALL SEQUENCES", version=connection.pg_version):
            cursor.execute("RESET ROLE")
            assert len(reported()) == 0, "of the owner"
            cursor.execute(text)
            cursor.execute("SET LOCAL ROLE shop")
        assert ready() == (200, [])
        assert reported() == []
        cursor.execute("RESET ROLE; REVOKE DELETE ON sales_cart FROM shop; SET LOCAL ROLE shop")
        assert reported() == ["The database role shop has no right to DELETE on sales_cart."]
        cursor.execute("RESET ROLE; REVOKE USAGE ON SCHEMA public FROM PUBLIC; SET LOCAL ROLE shop")
        assert "shop has no right to USAGE on schema public" in reported()[0]


@pytest.mark.django_db
def test_missing_right_on_sequences_of_serial_columns_is_reported():
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop")
        for text in statements("ON ALL TABLES", version=connection.pg_version):
            cursor.execute(text)
        cursor.execute("SET LOCAL ROLE shop")
        assert any("no right to USAGE on procrastinate_" in message for message in reported())


@pytest.mark.django_db
def test_missing_maintain_gives_a_warning_from_postgresql_17():
    if connection.pg_version < installation.MAINTAIN_SINCE:
        pytest.skip("PostgreSQL 17 brought it")
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop")
        for text in statements("ON ALL TABLES", "ON ALL SEQUENCES", version=160000):
            cursor.execute(text)
        cursor.execute("SET LOCAL ROLE shop")
        assert ready() == (200, [])
        (message,) = reported()
        assert "no right to MAINTAIN" in message


@pytest.mark.django_db
def test_static_files_that_are_missing_or_older_than_the_program_are_reported(tmp_path):
    with static_files(tmp_path):
        assert ready() == (503, ["static"])
        assert "Run manage.py collectstatic" in installation_is_complete(None)[0].hint
        call_command("collectstatic", interactive=False, verbosity=0)
    with static_files(tmp_path):  # as after a restart
        assert reported() == []
        assert ready() == (200, [])
        (tmp_path / "shop" / "shop.css").write_text("of an earlier version")
        assert reported() == [f"{tmp_path} does not hold this version’s shop/shop.css."]


@pytest.mark.django_db
def test_older_server_is_refused_with_the_required_version(monkeypatch):
    fresh = connection.copy()
    del fresh.settings_dict["OPTIONS"]["pool"]
    monkeypatch.setattr(fresh.features, "minimum_database_version", (99,))
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", set())
    monkeypatch.setattr(installation, "connection", fresh)
    try:
        (problem,) = database_fits(None, databases=["default"])
    finally:
        fresh.close()
    assert "PostgreSQL 99" in problem.msg


def test_pictures_in_the_demo_folder_give_a_warning(settings):
    settings.MEDIA_ROOT = ROOT / "var" / "media"
    settings.DEMO = False
    assert [problem.id for problem in pictures_survive(None)] == ["ticketshop.W103"]
    settings.MEDIA_ROOT = Path("/var/lib/ticketshop/media")
    assert pictures_survive(None) == []


def test_key_of_stripe_under_two_names_gives_a_warning(settings):
    settings.STRIPE_ACCOUNTS = {
        "THEATRE": {"SECRET_KEY": "sk_1"},
        "STAGE": {"SECRET_KEY": "sk_1"},
        "HOOKS": {},
    }
    (problem,) = stripe_keys_have_one_name(None)
    assert problem.id == "ticketshop.W104"
    assert "STRIPE_THEATRE_SECRET_KEY and STRIPE_STAGE_SECRET_KEY contain the same key" in problem.msg
    assert "sk_1" not in str(problem)
    settings.STRIPE_ACCOUNTS = {"THEATRE": {"SECRET_KEY": "sk_1"}, "STAGE": {"SECRET_KEY": "sk_2"}}
    assert stripe_keys_have_one_name(None) == []


def test_mail_backend_that_does_not_exist_is_reported(settings):
    settings.EMAIL_BACKEND = "anymail.backends.pigeon.EmailBackend"
    assert [problem.id for problem in mail_backend_exists(None)] == ["ticketshop.E013"]
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    assert mail_backend_exists(None) == []


# --- a database of another locale ---------------------------------------------------------------------------------


@contextmanager
def database(name: str, options: str) -> Iterator[str]:
    """Create an empty database beside that of the tests, and yield its URL."""
    parameters = connection.get_connection_params()
    own = {key: parameters[key] for key in ("host", "port", "user", "password") if key in parameters}
    with psycopg.connect(**own, dbname="postgres", autocommit=True) as server:
        server.execute(
            sql.SQL(f"CREATE DATABASE {{}} TEMPLATE template0 {options}").format(sql.Identifier(name))
        )
        try:
            yield re.sub(r"(?<=/)[^/?]+(?=\?|$)", name, os.environ["DATABASE_URL"], count=1)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def run(url: str, *command: str) -> tuple[int, str]:
    """Run a Python program with this database; return its status and output."""
    # One worker, because gunicorn adds a traceback when two end together.
    environment = os.environ | {"DATABASE_URL": url, "PORT": "0", "WEB_CONCURRENCY": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.django_db
def test_database_of_another_encoding_is_refused(monkeypatch):
    name = f"encoding_{os.getpid()}"
    with database(name, "ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"):
        other = connection.copy()
        del other.settings_dict["OPTIONS"]["pool"]
        other.settings_dict["NAME"] = name
        monkeypatch.setattr(installation, "connection", other)
        try:
            (problem,) = database_fits(None, databases=["default"])
        finally:
            other.close()
    assert "has the encoding SQL_ASCII" in problem.msg


@pytest.mark.django_db
def test_database_whose_locale_breaks_search_is_refused_by_migrate_and_at_the_start():
    name = f"locale_{os.getpid()}"
    with database(name, "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'") as url:
        migrate = ["manage.py", "migrate"]
        web = ["-m", "gunicorn", "--config", "ticketshop/gunicorn.py"]
        for command in (migrate, web):
            status, output = run(url, *command)
            assert status != 0
            assert "does not know letters beyond ASCII" in output
            assert "ENCODING 'UTF8' LOCALE 'C.UTF-8'" in output
            assert "Traceback" not in output
