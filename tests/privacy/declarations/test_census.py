"""The census is the schema: a table, storage, cache, job or key that nobody declared stops the build, by its name."""

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

from privacy.declarations import cached_traces, outside_models, registry, third_party
from ticketshop.lib.personal import Erase, Json, NotPersonal, not_personal

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S44")]


def messages(errors) -> list[str]:
    return [error.msg for error in errors]


def said() -> list[str]:
    return messages(outside_models.surroundings_are_declared(None))


def tables() -> list[str]:
    return messages(outside_models.every_table_is_declared(None, databases=["default"]))


def test_as_it_is_everything_is_declared():
    assert said() == [] and tables() == []
    assert [one.msg for one in run_checks(databases=["default"]) if one.id.startswith("privacy.")] == []


def test_the_checks_run_with_the_others_and_with_the_database():
    registered = system_checks.registry.registered_checks
    assert {outside_models.surroundings_are_declared, outside_models.every_table_is_declared} <= registered
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
def test_a_table_of_nobody_is_named(made):
    with connection.cursor() as cursor:
        cursor.execute(made)
    assert tables() == ["The table diary does not say what it knows about a person."]


def test_a_table_that_is_declared_but_gone_is_named(monkeypatch):
    monkeypatch.setitem(cached_traces.TABLES, "diary", "words")
    assert tables() == ["The table diary is declared but does not exist."]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO older")
    monkeypatch.setitem(cached_traces.TABLES, "older", "names of files")
    assert tables() == [], "before the first migration nothing is there"


def test_no_database_no_question():
    assert outside_models.every_table_is_declared(None, databases=None) == []


def test_a_storage_is_named(settings):
    settings.STORAGES = {**settings.STORAGES, "scans": {"BACKEND": "x"}}
    assert said() == ["The storage scans does not say what it knows about a person."]
    del settings.STORAGES["scans"], settings.STORAGES["exports"]
    assert said() == ["The storage exports is declared but does not exist."]


def test_a_cache_is_named(settings):
    settings.CACHES = {**settings.CACHES, "pages": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert said() == ["The cache pages does not say what it knows about a person."]


def test_an_argument_of_a_job_is_named(monkeypatch):
    def tell(email, mail_id):
        """A job."""

    def look(context, birth_date):
        """A job that is given its context."""

    monkeypatch.setitem(app.tasks, "tell", Task(tell, blueprint=app, name="tell", queue="default"))
    monkeypatch.setitem(
        app.tasks, "look", Task(look, blueprint=app, name="look", queue="default", pass_context=True)
    )
    assert said() == [
        "The job look takes birth_date, which does not say what it knows about a person.",
        "The job tell takes email, which does not say what it knows about a person.",
    ]


def test_an_argument_of_a_job_may_not_be_personal(monkeypatch):
    monkeypatch.setitem(third_party.JOB_ARGUMENTS.keys, "mail_id", Erase())
    assert "The argument mail_id of a job knows a person, but no path leads from a job to one." in said()


@isolate_apps("contacts")
def test_a_claim_that_looks_wrong_is_named(monkeypatch):
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

    monkeypatch.setattr(registry, "census", lambda: [Diary])
    monkeypatch.setattr(
        outside_models, "VOUCHED", {"contacts.Diary.nickname": "of a dog", "contacts.Diary.gone": ""}
    )
    text = "says that it knows nothing about a person (a test): its name says otherwise."
    assert said() == [
        f"contacts.Diary.more.phone {text}",
        f"contacts.Diary.work_email {text}",
        "contacts.Diary.gone is vouched for but makes no such claim.",
    ]


def test_whoever_vouches_says_why():
    assert all(reason.strip() for reason in outside_models.VOUCHED.values())


def keys_that_occur(model, column: str) -> set[str]:
    rows = model._base_manager.exclude(**{f"{column}__isnull": True}).values_list(column, flat=True)
    return {key for row in rows if isinstance(row, dict) for key in row}


def undeclared_keys() -> set[str]:
    """Keys in JSON columns that say a word for each key, and none for these."""
    found = set()
    for model in registry.census():
        for name, word in registry.declaration(model).columns.items():
            if isinstance(word, Json):
                missing = keys_that_occur(model, name) - set(word.keys)
                found |= {f"{model._meta.label}.{name}.{key}" for key in missing}
    return found


def test_every_key_that_occurs_is_declared(state):
    """After everything the shop lets people do."""
    assert {"order", "link", "user"} <= keys_that_occur(registry_model("mail.Mail"), "about")
    # One that nobody declared is planted, to see that it goes.
    assert undeclared_keys() == {"mail.Mail.about.planted"}
    mail = registry_model("mail.Mail").objects.first()
    mail.about = {**mail.about, "hobby": "sailing"}
    mail.save()
    assert undeclared_keys() == {"mail.Mail.about.planted", "mail.Mail.about.hobby"}


def registry_model(label: str):
    return next(model for model in registry.census() if model._meta.label == label)
