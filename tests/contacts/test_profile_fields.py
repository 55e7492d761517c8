"""The list of a contact's profile fields is complete, and each place that should use it does."""

import re
from datetime import date

import pytest
from django.db import models
from django.utils import timezone, translation

from contacts import merge_outcome, merging, profile_fields
from contacts.models import Contact
from privacy.copies import copying
from tests.exports import steps
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.exports import kinds
from ticketshop.sales.models import Customer

pytestmark = pytest.mark.django_db

VALUES = {
    "email": "zoe@example.org",
    "phone": "+41795550177",
    "language": "fr",
    **dict(zip(profile_fields.COUNTRIES, ("FR", "IT", "PT"), strict=False)),
}
# Field -> how a page writes its value in words.
IN_WORDS = {"phone": "+41 79 555 01 77", "birth_date": "1990", "language": "French"}


def value_of(name: str):
    """A value that fits the column, and that no other column has; a new column of text or country needs no line here."""
    column = Contact._meta.get_field(name)
    if isinstance(column, models.DateField):
        return date(1990, 4, 12)
    return VALUES.get(name, f"X {name}"[: column.max_length])


def in_words(name: str) -> str:
    return IN_WORDS.get(name, str(value_of(name)))


@pytest.fixture
def pos():
    return PointOfSaleFactory(slug="theatre")


@pytest.fixture
def zoe(pos):
    """A contact with a value in each profile field, who ordered."""
    contact = ContactFactory(
        organiser=pos.organiser, **{name: value_of(name) for name in profile_fields.NAMES}
    )
    make_order({OfferFactory(pos=pos): 1}, buyer=contact, paid=True)
    return contact


def test_column_of_a_contact_is_a_profile_field_or_named_as_another_column():
    columns = {column.name for column in Contact._meta.concrete_fields}
    companions = {name for field in profile_fields.FIELDS for name in field.companions}
    lists = [set(profile_fields.NAMES), companions, set(profile_fields.OTHER_COLUMNS)]
    assert set.union(*lists) == columns
    assert sum(map(len, lists)) == len(columns), "a column is in two lists"


def test_text_columns_of_one_line_are_stored_on_one_line(pos):
    texts = [field.name for field in profile_fields.FIELDS if field.one_line]
    contact = ContactFactory(organiser=pos.organiser, **{name: f" {value_of(name)}\n" for name in texts})
    assert {name: getattr(contact, name) for name in texts} == {name: value_of(name) for name in texts}


def test_merge_into_an_empty_contact_keeps_every_profile_field(zoe, pos):
    keep = ContactFactory(organiser=pos.organiser, first_name="", last_name="", email="", language="")
    assert not any(getattr(keep, name) for name in profile_fields.NAMES)
    merging.merge(keep, zoe, by=None, now=timezone.now())
    keep.refresh_from_db()
    for name in profile_fields.NAMES:
        assert getattr(keep, name) == value_of(name), name


def test_page_of_a_merge_shows_every_profile_field(zoe, pos):
    empty = ContactFactory(organiser=pos.organiser, first_name="", last_name="", email="", language="")
    shown = " ".join(row.lose for row in merge_outcome.rows(empty, zoe))
    for name in profile_fields.NAMES:
        assert in_words(name) in shown, name


def test_merge_fingerprint_changes_with_every_profile_field(zoe):
    other = ContactFactory(organiser=zoe.organiser)
    for name in profile_fields.NAMES:
        changed = Contact.objects.get(pk=zoe.pk)
        setattr(changed, name, None)
        assert merging.fingerprint(changed, other) != merging.fingerprint(zoe, other), name


def test_profile_page_shows_and_saves_every_field_of_the_visitor(zoe, pos):
    Contact.objects.filter(pk=zoe.pk).update(user=UserFactory(email=zoe.email))
    visitor = TestClientVisitor()
    visitor.client.force_login(Contact.objects.get(pk=zoe.pk).user)
    form = visitor.open("/theatre/account/profile/").form("^last_name$")
    names = [field.name for field in profile_fields.FIELDS if field.by_visitor]
    assert set(names) < form.values.keys()
    for name in names:
        shown = in_words(name) if name == "phone" else str(value_of(name))
        assert form.values[name] == shown, name
    page = visitor.fill("^last_name$", {"last_name": "Changed"})
    zoe.refresh_from_db()
    expected = {name: value_of(name) for name in names} | {"last_name": "Changed"}
    assert {name: getattr(zoe, name) for name in names} == expected, page.text


def test_back_office_has_a_field_for_every_profile_field(zoe, pos):
    staff = Staff(make_staff(pos.organiser, "back office"))
    # Other forms of the page have fields too, such as the one of the language.
    form = staff.open(change(zoe)).form("^_save$")
    assert set(profile_fields.NAMES) - set(form.names) == set()


def test_customer_page_shows_every_profile_field(zoe, pos):
    staff = Staff(make_staff(pos.organiser, "back office"))
    source = staff.open(change(Customer.objects.get(pk=zoe.pk))).source
    # Lists of orders and mails on the same page show some of the values too.
    shown = re.findall(r'(?s)<div class="readonly">(.*?)</div>', source)
    for name in profile_fields.NAMES:
        assert any(in_words(name) in value for value in shown), name


def test_export_of_customers_has_every_profile_field(zoe, pos):
    table = kinds.KINDS["customers"].table(steps.ask("customers", pos.organiser, "customers"))
    keys = [column.key for column in table.columns]
    (row,) = [dict(zip(keys, row, strict=True)) for page in table.pages for row in page.rows]
    for name in profile_fields.NAMES:
        assert row[name] == value_of(name), name


def test_copy_of_ones_own_data_has_every_profile_field(zoe):
    with translation.override("en"):
        chapters = copying.read([zoe])
    entries = {
        entry.name: entry
        for chapter in chapters
        for record in chapter.records
        if record.model is Contact
        for entry in record.shown
    }
    for name in profile_fields.NAMES:
        assert entries[name].text, name
