"""The checks name each table, storage, cache, job argument and JSON key that is not declared."""

import pytest
from django.core.checks import registry as system_checks
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, models
from django.db.models.fields.json import JSONField
from django.test.utils import isolate_apps
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from privacy.declarations import outside_models, registry, third_party
from ticketshop.lib.personal import Erase, Json, NotPersonal, not_personal

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S44")]


def messages(found) -> list[str]:
    return [error.msg for error in found]


def errors() -> list[str]:
    return messages(outside_models.check_outside_models(None))


def tables() -> list[str]:
    return messages(outside_models.check_tables(None, databases=["default"]))


def test_checks_of_the_installation_find_nothing():
    assert errors() == [] and tables() == []
    assert [error.msg for error in run_checks(databases=["default"]) if error.id.startswith("privacy.")] == []


def test_checks_are_registered_and_tables_are_compared_with_the_database_only():
    registered = system_checks.registry.registered_checks
    assert {outside_models.check_outside_models, outside_models.check_tables} <= registered
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE diary (words text)")
    call_command("check", fail_level="WARNING")
    call_command("check", databases=["default"])
    with pytest.raises(SystemCheckError, match="diary"):
        call_command("check", databases=["default"], fail_level="WARNING")


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE diary (words text)",
        "CREATE SCHEMA aside; CREATE TABLE aside.diary (words text)",
        "CREATE MATERIALIZED VIEW diary AS SELECT last_name FROM contacts_contact",
    ],
    ids=["a table", "a table in another schema", "a view that stores"],
)
def test_undeclared_table_is_a_warning(made):
    with connection.cursor() as cursor:
        cursor.execute(made)
    assert tables() == ["The table diary is not declared."]


def test_declared_table_that_is_missing_is_a_warning(monkeypatch):
    monkeypatch.setitem(outside_models.TABLES, "diary", "words")
    assert tables() == ["The table diary is declared but does not exist."]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO older")
    monkeypatch.setitem(outside_models.TABLES, "older", "names of files")
    assert tables() == [], "before the first migration nothing is there"


def test_tables_without_a_database_are_not_checked():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE diary (words text)")
    assert tables() != []
    assert outside_models.check_tables(None, databases=None) == []


def test_undeclared_storage_is_an_error(settings):
    settings.STORAGES = {**settings.STORAGES, "scans": {"BACKEND": "x"}}
    assert errors() == ["The storage scans is not declared."]
    del settings.STORAGES["scans"], settings.STORAGES["exports"]
    assert errors() == ["The storage exports is declared but does not exist."]


def test_undeclared_cache_is_an_error(settings):
    settings.CACHES = {**settings.CACHES, "pages": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert errors() == ["The cache pages is not declared."]


def test_undeclared_job_argument_is_an_error(monkeypatch):
    def tell(email, mail_id):
        """A job."""

    def look(context, birth_date):
        """A job that is given its context."""

    monkeypatch.setitem(app.tasks, "tell", Task(tell, blueprint=app, name="tell", queue="default"))
    monkeypatch.setitem(
        app.tasks, "look", Task(look, blueprint=app, name="look", queue="default", pass_context=True)
    )
    assert errors() == [
        "The job look has the argument birth_date, which is not declared.",
        "The job tell has the argument email, which is not declared.",
    ]


def test_personal_job_argument_is_an_error(monkeypatch):
    monkeypatch.setitem(third_party.JOB_ARGUMENTS.keys, "mail_id", Erase())
    assert "The argument mail_id of a job is personal, but no path leads from a job to a person." in errors()


@isolate_apps("contacts")
def test_suspicious_name_declared_as_not_personal_is_an_error(monkeypatch):
    class Diary(models.Model):
        nickname = models.TextField()
        work_email = models.TextField()
        colour = models.TextField()
        more = JSONField(default=dict)

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {
                **not_personal("a test", "nickname", "work_email", "colour"),
                "more": Json({"mother": {}, "phone": NotPersonal("a test"), "size": NotPersonal("a test")}),
            }

    monkeypatch.setattr(registry, "installed_models", lambda: [Diary])
    monkeypatch.setattr(
        outside_models, "REVIEWED", {"contacts.Diary.nickname": "of a dog", "contacts.Diary.gone": ""}
    )
    text = "is declared as not personal (a test), but its name suggests that it is."
    assert errors() == [
        f"contacts.Diary.more.phone {text}",
        f"contacts.Diary.work_email {text}",
        "contacts.Diary.gone is in REVIEWED but is not declared as not personal.",
    ]


def test_reviewed_columns_have_a_reason():
    assert all(reason.strip() for reason in outside_models.REVIEWED.values())


def keys_that_occur(model, column: str) -> set[str]:
    rows = model._base_manager.exclude(**{f"{column}__isnull": True}).values_list(column, flat=True)
    return {key for row in rows if isinstance(row, dict) for key in row}


def undeclared_keys() -> set[str]:
    """Return keys that occur in columns with the strategy Json but are not declared there."""
    found = set()
    for model in registry.installed_models():
        for name, strategy in registry.declaration(model).columns.items():
            if isinstance(strategy, Json):
                missing = keys_that_occur(model, name) - set(strategy.keys)
                found |= {f"{model._meta.label}.{name}.{key}" for key in missing}
    return found


def test_json_keys_in_stored_rows_are_declared(state):
    """``state`` is a shop after all that visitors and staff can do."""
    assert {"order", "link", "user"} <= keys_that_occur(registry_model("mail.Mail"), "about")
    # The fixture plants this undeclared key, to see that an erasure removes it.
    assert undeclared_keys() == {"mail.Mail.about.planted"}
    mail = registry_model("mail.Mail").objects.first()
    mail.about = {**mail.about, "hobby": "sailing"}
    mail.save()
    assert undeclared_keys() == {"mail.Mail.about.planted", "mail.Mail.about.hobby"}


def registry_model(label: str):
    return next(model for model in registry.installed_models() if model._meta.label == label)
