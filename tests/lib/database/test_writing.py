"""Rows are inserted and updated as ``Model.save`` would insert them."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from contacts.models import Contact
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import AllotmentFactory, VenueFactory
from tests.factories.organisers import OrganiserFactory
from ticketshop.catalogue.models import Allotment, Venue
from ticketshop.history.models import Event
from ticketshop.lib.database import writing

pytestmark = pytest.mark.django_db


def values(row, *, without=()) -> dict:
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.primary_key and field.attname not in without
    }


def unsaved(organiser, **others) -> Contact:
    typed = {"first_name": "Zoë", "email": " Zoe@Example.ORG", "number": "N-1", "created_via": "guest_order"}
    return Contact(**{"organiser": organiser, "created_at": timezone.now()} | typed | others)


def test_inserted_row_has_the_values_that_save_writes():
    organiser, user = OrganiserFactory(), UserFactory()
    same = {"user": user, "created_at": timezone.now(), "birth_date": None}
    inserted, saved = unsaved(organiser, **same), unsaved(organiser, number="N-2", **same | {"user": None})
    writing.insert([inserted])
    saved.save()
    assert not inserted._state.adding
    inserted, saved = Contact.objects.get(pk=inserted.pk), Contact.objects.get(pk=saved.pk)
    own = ("subject_uuid", "number", "search", "user_id")
    assert values(inserted, without=own) == values(saved, without=own)
    assert inserted.user == user


def test_rows_of_several_models_that_refer_to_each_other_take_two_statements(django_assert_num_queries):
    organiser = OrganiserFactory()
    contact = unsaved(organiser)
    events = [
        Event(at=timezone.now(), model="contacts.contact", object_id="1", action=f"a{n}", details={"n": n})
        for n in range(3)
    ]
    allotment = Allotment(organiser=organiser, name="Hall", capacity=3)
    with django_assert_num_queries(2):
        writing.assign_keys([contact, allotment])
        writing.insert([contact, *events, allotment])
    assert Contact.objects.get() == contact
    assert Allotment.objects.get() == allotment
    assert list(Event.objects.order_by("pk").values_list("action", "details__n")) == [
        ("a0", 0),
        ("a1", 1),
        ("a2", 2),
    ]


def test_foreign_key_takes_the_key_that_the_other_row_got_later():
    organiser = OrganiserFactory.build()
    organiser.pk = None
    venue = Venue(organiser=organiser, name="Hall")
    writing.assign_keys([organiser, venue])
    writing.insert([organiser, venue])
    assert Venue.objects.get().organiser == organiser


def test_several_rows_of_one_model_get_their_keys_in_order():
    organiser = OrganiserFactory()
    allotments = [Allotment(organiser=organiser, name=f"Hall {n}", capacity=n) for n in range(1, 4)]
    writing.insert(allotments)
    assert [Allotment.objects.get(pk=row.pk).capacity for row in allotments] == [1, 2, 3]


def test_row_is_not_inserted_where_another_has_the_same_values_in_unique_columns():
    organiser = OrganiserFactory()
    first, second = unsaved(organiser), unsaved(organiser)
    assert writing.insert_unless(first, "organiser", "number")
    assert not writing.insert_unless(second, "organiser", "number")
    assert second.pk is None
    assert Contact.objects.get() == first
    with pytest.raises(IntegrityError), transaction.atomic():
        writing.insert([unsaved(organiser)])
    assert writing.insert_unless(unsaved(OrganiserFactory()), "organiser", "number")


def test_keys_are_assigned_to_unsaved_rows_only(django_assert_num_queries):
    kept, new = AllotmentFactory(), Allotment()
    before = kept.pk
    writing.assign_keys([kept, new])
    assert kept.pk == before
    assert new.pk not in {None, before}
    with django_assert_num_queries(0):
        writing.assign_keys([VenueFactory.build(pk=7)])


def test_updated_row_has_the_values_that_save_writes():
    first, second = AllotmentFactory(name="One"), AllotmentFactory(name="Two")
    first.name, second.name = "Three", "Four"
    assert writing.update(first)
    second.save()
    assert list(Allotment.objects.order_by("pk").values_list("name", flat=True)) == ["Three", "Four"]
    first.name, first.capacity = "Five", first.capacity + 1
    assert writing.update(first, "name")
    assert Allotment.objects.get(name="Five").capacity == first.capacity - 1


def test_update_of_a_deleted_row_tells_that_it_is_gone():
    row = AllotmentFactory()
    Allotment.objects.filter(pk=row.pk).delete()
    assert not writing.update(row)
    assert not Allotment.objects.exists()
