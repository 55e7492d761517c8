"""A column that says nothing about the person stops the build, whoever made its table."""

import uuid

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
from privacy.declarations import checks, registry
from ticketshop.lib.areas import PROFILE
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

KINDS = {CONTACT, USER, SUBJECT_UUID, SUBJECT_UUIDS, ADDRESS, LOG_IN_SESSION}

pytestmark = pytest.mark.scenario("S44")


def complaints(*made: type[models.Model], monkeypatch) -> list[str]:
    """What the check says when the installation has these models too, and no others."""
    monkeypatch.setattr(registry, "census", lambda: list(made))
    return [error.msg for error in checks.every_column_is_declared(None)]


@pytest.fixture
def said(monkeypatch):
    """``said(Model, …)``: the check's messages about these models."""
    return lambda *made: complaints(*made, monkeypatch=monkeypatch)


# --- what is wrong is named ------------------------------------------------------------------------------


@isolate_apps("contacts")
def test_a_model_that_says_nothing_is_named(said):
    class Diary(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "contacts"

    assert said(Diary) == ["contacts.Diary has no class Personal."]


@isolate_apps("contacts")
def test_a_declaration_is_not_inherited(said):
    class Book(models.Model):
        text = models.TextField()

        class Meta:
            app_label, abstract = "contacts", True

        class Personal:
            columns = {"text": Erase()}

    class Diary(Book):
        class Meta:
            app_label = "contacts"

    assert said(Diary) == ["contacts.Diary has no class Personal."]


@isolate_apps("contacts")
def test_a_misspelt_attribute_is_an_error_that_lists_the_right_ones(said):
    class Diary(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {"text": NotPersonal("a poem")}
            defer = []

    (error,) = said(Diary)
    assert error.startswith("contacts.Diary: class Personal has “defer”, which nothing reads.")
    assert " defers," in error


@isolate_apps("contacts")
def test_every_kind_of_column_must_say_its_word(said):
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
    assert said(Diary) == [
        f"contacts.Diary.{name} does not say what it knows about a person." for name in expected
    ]


@isolate_apps("contacts")
def test_a_word_that_is_none_is_named_also_inside_json(said):
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

    messages = said(Diary)
    assert len(messages) == 4
    assert messages[0] == "contacts.Diary.text: 'erase' is no word of ticketshop.lib.personal."
    assert messages[1].startswith("contacts.Diary.pages: <class")
    assert messages[2] == "contacts.Diary.notes: None is no word of ticketshop.lib.personal."
    assert messages[3] == "contacts.Diary.title speaks of keys but is no JSON column."


@isolate_apps("contacts")
def test_a_declared_column_that_is_gone_is_named(said):
    class Diary(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {"text": Erase(), "texts": Erase()}

    assert said(Diary) == [
        "contacts.Diary.texts is declared but is no column.",
        "contacts.Diary.text is erased with a person, but no path leads to one.",
    ]


@isolate_apps("contacts")
def test_paths_to_the_person_exist_and_lead_to_the_kind_they_say(said):
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

    assert said(Diary) == [
        "contacts.Diary: the path “wrtier” to the person does not exist.",
        "contacts.Diary: the path “number__user” to the person does not exist.",
        "contacts.Diary: the path “writer__users” to the person does not exist.",
        "contacts.Diary: the path “number” does not lead to a contact.",
        "contacts.Diary: the path “pk” does not lead to a contact.",
        "contacts.Diary: the path “writer__organiser” does not lead to a contact.",
    ]


@isolate_apps("contacts")
def test_a_wait_is_for_somebody_ends_on_a_day_and_holds_rows(said):
    class Diary(models.Model):
        a = models.TextField()
        b = models.TextField()
        day = models.DateField(null=True)
        writer = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            subject = {"writer": CONTACT}
            area = PROFILE
            defers = [
                Defer(CONTRACT, "writer", Q(), Until("writer__created_at", 1), ("pk", "writer")),
                Defer(CONTRACT, "writer", Q(), Until("writer__created", 1)),
                Defer(CONTRACT, "day", Q(), Until("day", 1)),
                Defer(CONTRACT, "writer", Q(), Until("day", 1), ("day",)),
            ]
            columns = {
                "a": Erase(deferred_with="writer"),
                "b": Erase(deferred_with="writer__created_at"),
                "day": Erase(),
                "writer": Unlink(),
            }

    assert said(Diary) == [
        "contacts.Diary.b is deferred with “writer__created_at”, which is no row.",
        "contacts.Diary: the wait “writer__created” leads to no day or instant.",
        "contacts.Diary waits for “day”, who is nobody.",
        "contacts.Diary waits with “day”, which is no row.",
    ]


@isolate_apps("contacts")
def test_what_is_emptied_can_be_empty(said):
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

    assert said(Diary) == [
        "contacts.Diary.number can’t be emptied: Erase(deferred_with=None) does not fit the column.",
        "contacts.Diary.written_at can’t be emptied: StampDay(deferred_with=None) does not fit the column.",
        "contacts.Diary.writer can’t be emptied: Unlink(deferred_with=None) does not fit the column.",
    ]


@isolate_apps("contacts")
def test_what_goes_along_exists_at_both_ends(said):
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

    assert said(Diary) == [
        "contacts.Diary takes contacts.Contact.keys along, which does not exist.",
        "contacts.Diary takes contacts.Diary.kex along, which does not exist.",
    ]


@isolate_apps("contacts")
def test_a_table_between_two_models_speaks_where_one_of_them_is_a_person(said):
    class Diary(models.Model):
        readers = models.ManyToManyField(Contact, related_name="+")
        shelves = models.ManyToManyField(ContentType, related_name="+")

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {}

    assert said(Diary, Diary.readers.through, Diary.shelves.through) == [
        "contacts.Diary_readers.contact does not say what it knows about a person."
    ]


@isolate_apps("contacts")
def test_a_translation_speaks_as_the_text_it_translates(said, monkeypatch):
    class Diary(models.Model):
        text = models.TextField()
        text_fr = models.TextField()

        class Meta:
            app_label = "contacts"

        class Personal:
            columns = {"text": NotPersonal("a test")}

    assert said(Diary) == ["contacts.Diary.text_fr does not say what it knows about a person."]
    monkeypatch.setattr(
        Diary._meta.get_field("text_fr"), "translated_field", Diary._meta.get_field("text"), raising=False
    )
    assert said(Diary) == []


# --- the installation as it is ------------------------------------------------------------------------------


def test_the_check_runs_with_the_others():
    assert checks.every_column_is_declared in system_checks.registered_checks
    assert [error for error in run_checks() if error.id.startswith("privacy.")] == []


def test_every_declaration_is_of_the_grammar():
    seen = set()
    for model in registry.census():
        declaration = registry.declaration(model)
        assert declaration.declared, model
        seen |= {type(word) for word in declaration.columns.values()}
        for kind in declaration.subject.values():
            assert kind in KINDS or isinstance(kind, (Unless, LogInRows, KeepRow)), model
    assert {Erase, NotPersonal, Unlink, DeleteRow, Json} <= seen
    assert all(issubclass(strategy, Strategy) for strategy in seen)


def test_persons_are_the_contact_and_the_log_in():
    assert {model for model in apps.get_models() if not model._meta.proxy and registry.is_person(model)} == {
        Contact,
        User,
    }
