"""Fixtures for all tests: separate folders, pages without collected static files, a fast password hash."""

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.files.storage import storages
from django.test import TransactionTestCase, override_settings
from django.test.signals import setting_changed
from django.utils import timezone
from pytest_django.plugin import blocking_manager_key

from tests import migrated_database
from tests.waiting import PATIENCE
from ticketshop.lib import database, garbage
from ticketshop.lib.database import base as database_backend
from ticketshop.limits import limits

ROOT = Path(os.environ["VAR_DIR"])
numbers = itertools.count()


class QuickHasher(Argon2PasswordHasher):
    """The password algorithm of production with the lowest cost."""

    time_cost, memory_cost, parallelism = 1, 8, 1


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes says nothing on a machine that does other things, too.
    hypothesis.settings.register_profile("tests", deadline=None)
    hypothesis.settings.load_profile("tests")
    settings.PASSWORD_HASHERS = [f"{__name__}.{QuickHasher.__name__}", *settings.PASSWORD_HASHERS]
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where there is none
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # A model that names its storage has opened them all by now.
    setting_changed.send(sender=None, setting="STORAGES", value=settings.STORAGES, enter=True)
    # What a page may wait is short; on a busy machine a test would see that instead of what it is about.
    options = settings.DATABASES["default"]["OPTIONS"]
    options["options"] = re.sub(r"(_timeout)=\d+", rf"\1={PATIENCE * 1000}", options["options"])
    options["pool"].update(database.pool(PATIENCE * 1000))
    database_backend.PATIENCE = PATIENCE


def pytest_sessionstart(session: pytest.Session) -> None:
    """Migrate the database that the workers copy, while they start and collect the tests."""
    option = session.config.option
    if "PYTEST_XDIST_WORKER" not in os.environ and getattr(option, "tx", None) and not option.collectonly:
        migrated_database.start(session.config, session.config.stash[blocking_manager_key])


def pytest_collection_finish() -> None:
    """Search for unreachable objects as rarely as the shop's processes do: among all tests it took a quarter of Python's time."""
    garbage.search_rarely()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """Give this process its database; see ``migrated_database``."""
    before = settings.DATABASES["default"]["NAME"]
    with django_db_blocker.unblock():
        if not migrated_database.copy():
            migrated_database.make(f"test_{before}")
        if migrated_database.is_superuser():
            migrated_database.migrated_rows.save()
            # Django has no public place for another way; test_migrated_database.py fails if this one is not called any more.
            TransactionTestCase._fixture_teardown = lambda case: migrated_database.migrated_rows.restore()
    yield
    with django_db_blocker.unblock():
        migrated_database.drop(before)


@contextmanager
def own_folders() -> Iterator[Path]:
    """Set the settings for folders to a new temporary folder, and delete it afterwards."""
    base = ROOT / f"{os.getpid()}-{next(numbers)}"
    folders = {"MEDIA_ROOT": base / "media", "EXPORT_ROOT": base / "exports", "MAILBOX_DIR": base / "mailbox"}
    exports = settings.STORAGES["exports"]
    exports = {**exports, "OPTIONS": {**exports["OPTIONS"], "location": folders["EXPORT_ROOT"]}}
    with override_settings(VAR_DIR=base, STORAGES={**settings.STORAGES, "exports": exports}, **folders):
        # A field opens its storage once, when its model is made.
        file = apps.get_model("exports", "Job")._meta.get_field("file")
        before, file.storage = file.storage, storages["exports"]
        yield base
        file.storage = before
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def folders_of_the_module() -> Iterator[Path]:
    """Give the module-wide fixtures a folder."""
    with own_folders() as base:
        yield base


@pytest.fixture(autouse=True)
def folders(folders_of_the_module: Path) -> Iterator[Path]:
    """Give every test its own folders, with the files that the fixtures of its module have written.

    Where they have written none, it gets the folders of the module, emptied after each test: other settings take a millisecond.
    """
    if not folders_of_the_module.exists():
        yield folders_of_the_module
        shutil.rmtree(folders_of_the_module, ignore_errors=True)
        return
    with own_folders() as base:
        shutil.copytree(folders_of_the_module, base)
        yield base


@pytest.fixture(autouse=True)
def windows_of_limits(monkeypatch) -> None:
    """Let no window of a limit end in the minutes of a test: one that is open when the test begins stays open."""
    began, start_of = timezone.now(), limits._piece_start

    def start_in_test(limit: limits.Limit, now: datetime) -> datetime:
        is_during_the_test = not limit.sliding and began <= now < began + timedelta(minutes=9)
        return start_of(limit, began if is_during_the_test else now)

    monkeypatch.setattr(limits, "_piece_start", start_in_test)


@pytest.fixture
def provider(monkeypatch) -> Iterator:
    """The provider of the method "wallet", whose buyers pay on its page; the shop has that method during the test."""
    from tests.wallet import registered  # noqa: PLC0415  needs the models

    with registered(monkeypatch) as running:
        yield running


@pytest.fixture
def stripe(settings) -> Iterator:
    """The fake Stripe with the account THEATRE (``stripe.account``), used by the method "stripe" during the test."""
    from tests.fake_stripe import running  # noqa: PLC0415  needs the models

    with running(settings) as fake:
        yield fake
