"""Contacts in the back office: search, changes, and history records without values."""

import json

import pytest
from django.contrib.admin.models import LogEntry

from contacts.models import Contact
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory, make_staff
from tests.staff import Staff, change, listing
from ticketshop.history import history
from ticketshop.history.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser():
    return OrganiserFactory(name="The Theatre")


@pytest.fixture
def staff(organiser):
    return Staff(make_staff(organiser, "back office"))


def test_list_search_finds_contacts_by_any_word_and_by_digits(staff, organiser):
    ContactFactory(
        organiser=organiser,
        first_name="Anne-Sophie",
        last_name="d’Étoile Groß",
        email="a.s.etoile@bühne.example",
        phone="+41227001414",
    )
    ContactFactory(organiser=organiser, first_name="Other", last_name="Person")
    ContactFactory(last_name="d’Étoile")
    number = Contact.objects.get(first_name="Anne-Sophie").number
    for text in ("anne", "SOPHIE", "étoile", "detoile", "gross", "groß anne", "a.s.et", "buhne", number, number[:5],
                 "022 700 14", "7001414", "+41 22"):  # fmt: skip
        page = staff.open(f"{listing(Contact)}?q={text.replace('+', '%2B').replace(' ', '+')}")
        assert page.source.count("Anne-Sophie") == 1, text
        assert "Other" not in page.source, text
    assert "Nothing found" in staff.open(f"{listing(Contact)}?q=sophia").text


def test_list_is_sorted_by_name(staff, organiser):
    for name in ("Zürcher", "Äbi", "Abt", "de Meuron"):
        ContactFactory(organiser=organiser, first_name="X", last_name=name)
    source = staff.open(listing(Contact)).source
    places = [source.index(f"X {name}") for name in ("Äbi", "Abt", "de Meuron", "Zürcher")]
    assert places == sorted(places)


def test_added_contact_has_a_number(staff, organiser):
    staff.open(f"{listing(Contact)}add/")
    staff.save(first_name="  Ada ", last_name="Lovelace", email="Ada@Example.org", phone="079 123 45 67")
    contact = Contact.objects.get()
    assert (contact.first_name, contact.email_key, contact.phone) == (
        "Ada",
        "ada@example.org",
        "+41791234567",
    )
    assert (contact.organiser, contact.created_via, bool(contact.number)) == (organiser, "back_office", True)
    assert [event.action for event in history.of(contact)] == ["created"]
    assert contact.number in staff.page.source


def test_change_is_in_the_history_without_values(staff, organiser):
    contact = ContactFactory(organiser=organiser, last_name="Before", email="before@example.org")
    staff.open(change(contact))
    page = staff.save(last_name="Afterwards", email="after@example.org")
    contact.refresh_from_db()
    assert (contact.last_name, contact.email_key) == ("Afterwards", "after@example.org")
    event = history.of(contact).first()
    assert (event.action, event.details, event.by) == (
        "changed",
        {"columns": ["email", "last_name"]},
        staff.user,
    )
    kept = json.dumps(list(Event.objects.values()), default=str) + str(list(LogEntry.objects.values()))
    for value in ("Before", "Afterwards", "before@", "after@"):
        assert value not in kept
    source = staff.open(change(contact)).source
    assert page.status == 200
    assert "E-mail address" in source
    assert "History" in source


def test_only_changed_columns_are_written(staff, organiser):
    """Two staff members edit the same contact: neither undoes the changes of the other."""
    contact = ContactFactory(organiser=organiser, first_name="Ada", city="Bern")
    form = staff.open(change(contact)).form("^_save$")
    Contact.objects.filter(pk=contact.pk).update(first_name="Augusta")
    staff.submit(form, {"city": "Basel"}, button=("_save", "Save"))
    contact.refresh_from_db()
    assert (contact.first_name, contact.city) == ("Augusta", "Basel")


def test_contact_without_a_name_is_refused_with_a_message(staff):
    staff.open(f"{listing(Contact)}add/")
    staff.save(email="nobody@example.org")
    assert "Enter a first name or a last name." in staff.errors
    assert not Contact.objects.exists()


def test_contact_that_never_had_a_name_can_be_saved_with_a_notice(staff, organiser):
    contact = ContactFactory(organiser=organiser, first_name="", last_name="", email="nameless@example.org")
    assert "(no name yet)" in staff.open(listing(Contact)).text
    assert "This contact has no name yet." in staff.open(change(contact)).text
    staff.save(city="Bern")
    assert staff.errors == []
    contact.refresh_from_db()
    assert (contact.city, contact.full_name) == ("Bern", "")
    staff.open(change(contact))
    staff.save(last_name="Hopper")
    assert "no name yet" not in staff.open(change(contact)).text
    staff.save(last_name="")
    assert "Enter a first name or a last name." in staff.errors, "a name that is there is not taken away"
    contact.refresh_from_db()
    assert contact.last_name == "Hopper"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "12"),
        ("phone", "call me"),
        ("email", "a@b@c"),
        ("birth_date", "30.02.2020"),
        ("country", "Switzerland"),
        ("first_name", "www.example.org"),
        ("kind", "robot"),
        ("street", "x" * 500),
        ("city", "\x00"),
    ],
)
def test_invalid_input_gets_a_message_and_is_shown_again(field, value, staff):
    staff.open(f"{listing(Contact)}add/")
    page = staff.save(**{"last_name": "Kept", field: value})
    assert page.status == 200
    assert staff.errors
    assert page.form("^_save$").values["last_name"] == "Kept"
    assert not Contact.objects.exists()


def test_box_office_can_view_and_not_change_contacts(organiser):
    contact = ContactFactory(organiser=organiser, last_name="Hopper")
    staff = Staff(make_staff(organiser, "box office"))
    page = staff.open(change(contact))
    assert "Hopper" in page.source
    assert 'name="_save"' not in page.source
    assert staff.open(f"{listing(Contact)}add/").status == 403
