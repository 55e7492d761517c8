"""Each mistake in a declaration is an error of ``manage.py check`` that names model, column and path."""

import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.core.checks.registry import registry as system_checks
from django.db import models
from django.db.models import Q
from django.test.utils import isolate_apps

from accounts.models import User
from contacts.models import Contact
from privacy.declarations import checks, registry, subjects
from ticketshop.lib import personal
from ticketshop.lib.areas import ORDERS, PROFILE
from ticketshop.lib.personal import (
    ADDRESS,
    CONTACT,
    CONTRACT,
    LOG_IN_SESSION,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    USER,
    Defer,
    DeleteRow,
    Erase,
    Json,
    Keep,
    KeepRow,
    LogInRows,
    NotPersonal,
    StampDay,
    Strategy,
    Unless,
    Unlink,
    Until,
    not_personal,
)
from ticketshop.organisers.models import Organiser

DOCUMENTATION = Path(__file__).resolve().parents[3] / "ticketshop/docs/privacy-declarations.md"
KINDS = {CONTACT, USER, SUBJECT_UUID, SUBJECT_UUIDS, ADDRESS, LOG_IN_SESSION}

pytestmark = pytest.mark.scenario("S44")


def check_messages(*checked: type[models.Model], monkeypatch) -> list[str]:
    """Return the messages of the check for these models alone."""
    monkeypatch.setattr(registry, "installed_models", lambda: list(checked))
    return [error.msg for error in checks.check_declarations(None)]


@pytest.fixture
def errors(monkeypatch):
    """``errors(Model, …)``: the messages of the check about these models."""
    return lambda *checked: check_messages(*checked, monkeypatch=monkeypatch)


# --- mistakes ------------------------------------------------------------------------------


@isolate_apps("contacts")
def test_model_without_declaration_is_an_error(errors):
    class Diary(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "contacts"

    assert errors(Diary) == ["contacts.Diary has no class Personal."]


@isolate_apps("contacts")
def test_declaration_of_a_base_model_is_not_inherited(errors):
    class Book(models.Model):
        text = models.TextField()

        class Meta:
            app_label, abstract = "contacts", True

        class Personal:
            columns = {"text": Erase()}

    class Diary(Book):
        class Meta:
            app_label = "contacts"

    assert errors(Diary) == ["contacts.Diary has no class Personal."]


@isolate_apps("contacts")
def test_misspelt_attribute_is_an_error_that_lists_the_right_ones(errors):
    class Diary(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {"text": NotPersonal("a poem")}
            defer = []

    (error,) = errors(Diary)
    assert error.startswith(
        "contacts.Diary: class Personal has “defer”, which is not an attribute of a declaration."
    )
    assert " defers," in error


@isolate_apps("contacts")
def test_column_without_strategy_is_an_error_for_each_type_of_column(errors):
    class Diary(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        secret = models.BooleanField()
        shelf = models.ForeignKey(ContentType, on_delete=models.CASCADE)
        text = models.TextField()
        pages = models.JSONField()
        day = models.DateField()
        photo = models.FileField()
        price = models.IntegerField()
        writer = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
        keeper = models.OneToOneField(User, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {}

    # A primary key, a boolean and a key to a model that is no person tell nothing by themselves.
    expected = ["text", "pages", "day", "photo", "price", "writer", "keeper"]
    assert errors(Diary) == [f"contacts.Diary.{name} has no strategy in class Personal." for name in expected]


@isolate_apps("contacts")
def test_unknown_strategy_is_an_error_also_inside_json(errors):
    class Diary(models.Model):
        text = models.TextField()
        pages = models.JSONField()
        notes = models.JSONField()
        title = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {
                "text": "erase",
                "pages": Json({"first": Erase, "second": Erase()}),
                "notes": Json({}, default=None),
                "title": Json({"x": Erase()}),
            }

    messages = errors(Diary)
    assert len(messages) == 4
    assert messages[0] == "contacts.Diary.text: 'erase' is not a strategy of ticketshop.lib.personal."
    assert messages[1].startswith("contacts.Diary.pages: <class")
    assert messages[2] == "contacts.Diary.notes: None is not a strategy of ticketshop.lib.personal."
    assert messages[3] == "contacts.Diary.title has the strategy Json but is not a JSON column."


@isolate_apps("contacts")
def test_declared_column_that_does_not_exist_is_an_error(errors):
    class Diary(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {"text": Erase(), "texts": Erase()}

    assert errors(Diary) == [
        "contacts.Diary.texts is declared but is not a column.",
        "contacts.Diary.text is erased with a person, but no path in “subject” leads to one.",
    ]


@isolate_apps("contacts")
def test_subject_path_that_does_not_exist_or_leads_elsewhere_is_an_error(errors):
    class Diary(models.Model):
        number = models.IntegerField()
        subject_uuid = models.UUIDField()
        writer = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            area = PROFILE
            subject = {
                "writer": CONTACT,
                "writer__user": USER,
                "subject_uuid": SUBJECT_UUID,
                "wrtier": CONTACT,
                "number__user": USER,
                "writer__users": USER,
                "number": CONTACT,
                "pk": CONTACT,
                "writer__organiser": CONTACT,
            }
            columns = {"writer": Unlink(), **not_personal("a test", "number", "subject_uuid")}

    assert errors(Diary) == [
        "contacts.Diary: the path “wrtier” to the person does not exist.",
        "contacts.Diary: the path “number__user” to the person does not exist.",
        "contacts.Diary: the path “writer__users” to the person does not exist.",
        "contacts.Diary: the path “number” does not lead to a contact.",
        "contacts.Diary: the path “pk” does not lead to a contact.",
        "contacts.Diary: the path “writer__organiser” does not lead to a contact.",
    ]


@isolate_apps("contacts")
def test_deferral_without_person_day_or_row_is_an_error(errors):
    class Diary(models.Model):
        a = models.TextField()
        b = models.TextField()
        day = models.DateField(null=True)
        writer = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="+")
        shop = models.ForeignKey(Organiser, null=True, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            subject = {"writer": CONTACT}
            area = PROFILE
            defers = [
                Defer(CONTRACT, "writer", Q(), Until("writer__created_at", 1), ("pk", "writer")),
                Defer(CONTRACT, "writer", Q(), Until("writer__created", 1)),
                Defer(CONTRACT, "day", Q(), Until("day", 1)),
                Defer(CONTRACT, "shop", Q(), Until("day", 1)),
                Defer(CONTRACT, "writer", Q(), Until("day", 1), ("day",)),
            ]
            columns = {
                "a": Erase(deferred_with="writer"),
                "b": Erase(deferred_with="writer__created_at"),
                "day": Erase(),
                "writer": Unlink(),
            }

    assert errors(Diary) == [
        "contacts.Diary.b is deferred with “writer__created_at”, which is not a row.",
        "contacts.Diary: the path “writer__created” does not lead to a day or an instant.",
        "contacts.Diary defers the erasure of “day”, which is not a person.",
        "contacts.Diary defers the erasure of “shop”, which is not a person.",
        "contacts.Diary defers “day”, which is not a row.",
    ]


@isolate_apps("contacts")
def test_strategy_that_empties_a_required_column_is_an_error(errors):
    class Diary(models.Model):
        number = models.IntegerField()
        written_at = models.DateTimeField()
        writer = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            subject = {"writer": CONTACT}
            area = PROFILE
            columns = {"number": Erase(), "written_at": StampDay(), "writer": Unlink()}

    assert errors(Diary) == [
        "contacts.Diary.number: Erase(deferred_with=None) does not fit a column that can’t be emptied.",
        "contacts.Diary.written_at: StampDay(deferred_with=None) does not fit a column that can’t be emptied.",
        "contacts.Diary.writer: Unlink(deferred_with=None) does not fit a column that can’t be emptied.",
    ]


@isolate_apps("contacts")
def test_delete_with_a_column_that_does_not_exist_is_an_error(errors):
    class Diary(models.Model):
        key = models.UUIDField()
        writer = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            subject = {"writer": CONTACT}
            area = PROFILE
            columns = {"key": DeleteRow(), "writer": DeleteRow()}
            delete_with = {"key": ((Contact, "subject_uuid"), (Contact, "keys")), "kex": ()}

    assert errors(Diary) == [
        "contacts.Diary deletes rows by contacts.Contact.keys, which does not exist.",
        "contacts.Diary deletes rows by contacts.Diary.kex, which does not exist.",
    ]


@isolate_apps("contacts")
def test_many_to_many_table_needs_a_strategy_only_for_keys_to_people(errors):
    class Diary(models.Model):
        readers = models.ManyToManyField(Contact, related_name="+")
        shelves = models.ManyToManyField(ContentType, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {}

    assert errors(Diary, Diary.readers.through, Diary.shelves.through) == [
        "contacts.Diary_readers.contact has no strategy in class Personal."
    ]


@isolate_apps("contacts")
def test_translated_column_has_the_strategy_of_its_original(errors, monkeypatch):
    class Diary(models.Model):
        text = models.TextField()
        text_fr = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {"text": NotPersonal("a test")}

    assert errors(Diary) == ["contacts.Diary.text_fr has no strategy in class Personal."]
    monkeypatch.setattr(
        Diary._meta.get_field("text_fr"), "translated_field", Diary._meta.get_field("text"), raising=False
    )
    assert errors(Diary) == []


@isolate_apps("contacts")
def test_example_in_the_documentation_passes_and_fails_as_described(monkeypatch):
    page = DOCUMENTATION.read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {**vars(personal), "Contact": Contact, "Organiser": Organiser, "ORDERS": ORDERS, "models": models}
    names["__name__"] = "contacts.example"
    exec(source, names)
    model = names["WaitingListRow"]
    assert check_messages(model, monkeypatch=monkeypatch) == []
    del model.Personal.columns["note"]
    (message,) = check_messages(model, monkeypatch=monkeypatch)
    assert message.replace("contacts.", "waiting.") in page


def test_documentation_lists_every_attribute_and_strategy():
    page = DOCUMENTATION.read_text(encoding="utf-8")
    strategies = {name for name, value in vars(personal).items() if is_strategy(value)}
    assert {"Erase", "Keep"} <= strategies
    missing = {name for name in (registry.ATTRIBUTES | strategies) - {"Strategy"} if f"`{name}" not in page}
    assert missing == set()


def is_strategy(value) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and not value.__name__.startswith("_")


# --- the installation as it is ------------------------------------------------------------------------------


def test_checks_are_registered_in_a_new_process():
    """In a new process, since the imports of this test would register the checks, too."""
    code = (
        "import django; django.setup(); from django.core.checks.registry import registry;"
        "print(*(f'{check.__module__}.{check.__name__}' for check in registry.get_checks()))"
    )
    registered = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DOCUMENTATION.parents[2]
    ).stdout.split()
    modules = "privacy.declarations"
    assert {
        f"{modules}.checks.check_declarations",
        f"{modules}.outside_models.check_outside_models",
        f"{modules}.outside_models.check_tables",
    } <= set(registered)


def test_check_finds_no_error():
    assert checks.check_declarations in system_checks.registered_checks
    assert [error for error in run_checks() if error.id.startswith("privacy.")] == []


def test_declarations_use_known_strategies_and_kinds():
    seen = set()
    for model in registry.installed_models():
        declaration = registry.declaration(model)
        assert declaration.declared, model
        seen |= {type(strategy) for strategy in declaration.columns.values()}
        for kind in declaration.subject.values():
            assert kind in KINDS or isinstance(kind, (Unless, LogInRows, KeepRow)), model
    assert {Erase, NotPersonal, Unlink, DeleteRow, Json} <= seen
    assert all(issubclass(strategy, Strategy) for strategy in seen)


def test_people_are_contacts_and_log_ins():
    assert {model for model in apps.get_models() if not model._meta.proxy and registry.is_person(model)} == {
        Contact,
        User,
    }


def test_rows_of_a_person_that_are_kept_for_years_have_the_day_from_which_the_years_count():
    declarations = {model: registry.declaration(model) for model in subjects.models_with_people()}
    for_years = {
        model
        for model, declaration in declarations.items()
        if any(isinstance(column, Keep) and column.basis.years for column in declaration.columns.values())
    }
    assert len(for_years) > 3
    assert [model for model in for_years if not declarations[model].retained_since] == []
