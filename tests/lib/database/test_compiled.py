"""A compiled query returns the same rows as its queryset, and queries the database at each call."""

import copy
import inspect
import pickle

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Count, Q, Value
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.signals import post_init, pre_init
from django.utils import timezone, translation
from modeltranslation.fields import TranslationFieldDescriptor
from modeltranslation.translator import delete_mt_init

from tests.factories.catalogue import EventFactory, OfferFactory, VenueFactory
from ticketshop.catalogue.models import Event, Offer, Venue
from ticketshop.lib.database.compiled import AnyOf, Compiled, MadeOfRows, Parameter, array_of

pytestmark = pytest.mark.django_db


def fields(row) -> dict:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_rows_come_with_their_related_rows_as_from_the_queryset(django_assert_num_queries):
    offer = OfferFactory()
    Event.objects.update(venue=VenueFactory(organiser=offer.session.event.organiser))
    write = Offer.objects.select_related("tariff__only_with", "session__event__venue")
    compiled = Compiled(lambda: write.filter(session__starts_at__gt=Parameter("now"), pk=Parameter("pk")))
    with django_assert_num_queries(1):
        (found,) = compiled.all(now=timezone.now(), pk=offer.pk)
        event = found.session.event
        venue = event.venue
        assert found.tariff.only_with is None
    same = write.get(pk=offer.pk)
    pairs = [(found, same), (found.tariff, same.tariff), (event, same.session.event)]
    for mine, theirs in [*pairs, (venue, same.session.event.venue)]:
        assert type(mine) is type(theirs)
        assert fields(mine) == fields(theirs)
        assert not mine._state.adding


def test_no_model_relies_on_what_instances_of_compiled_queries_are_made_without():
    """See ``_made``: neither ``__init__`` nor the signals of Django are called, and no descriptor converts a column."""
    for model in apps.get_models():
        assert "from_db" not in vars(model), model
        for signal in (pre_init, post_init):
            live, _async = signal._live_receivers(model)
            assert [each.__name__ for each in live if each is not delete_mt_init] == [], model
        if "__init__" in vars(model):
            assert vars(model)["__init__"].__module__ == "modeltranslation.translator", model
        for field in model._meta.concrete_fields:
            descriptor = inspect.getattr_static(model, field.attname)
            known = (ForeignKeyDeferredAttribute, FileDescriptor, TranslationFieldDescriptor)
            assert not hasattr(descriptor, "__set__") or isinstance(descriptor, known), field


def test_instance_of_a_row_is_saved_changed_copied_and_pickled_like_another():
    OfferFactory()
    compiled = Compiled(lambda: Offer.objects.filter(pk__gt=Parameter("pk")).select_related("tariff"))
    offer = compiled.first(pk=0)
    same = Offer.objects.select_related("tariff").get()
    assert fields(pickle.loads(pickle.dumps(offer))) == fields(copy.copy(offer)) == fields(same)
    assert vars(offer).keys() == vars(same).keys()
    assert vars(offer.tariff).keys() == vars(same.tariff).keys()
    with translation.override("fr"):
        offer.tariff.name = "Adulte"
        offer.tariff.save()
    same.tariff.refresh_from_db()
    assert (same.tariff.name_fr, offer.tariff.name_en) == ("Adulte", same.tariff.name_en)


def test_columns_that_were_left_out_are_read_when_they_are_needed(django_assert_num_queries):
    venue = VenueFactory(name="Hall")
    found = Compiled(lambda: Venue.objects.only("organiser").filter(pk=Parameter("pk"))).first(pk=venue.pk)
    assert found.get_deferred_fields() >= {"name"}
    with django_assert_num_queries(1):
        assert found.name == "Hall"


def test_compiled_query_does_not_cache_results():
    compiled = Compiled(lambda: Event.objects.filter(slug=Parameter("slug")))
    assert compiled.first(slug="late") is None
    event = EventFactory(slug="late")
    assert compiled.first(slug="late") == event
    Event.objects.filter(pk=event.pk).update(title_en="Another")
    with translation.override("en"):
        assert compiled.first(slug="late").title == "Another"


def test_query_that_no_row_can_match_returns_none_without_asking(django_assert_num_queries):
    VenueFactory()
    assert Compiled(lambda: Venue.objects.filter(Q(pk__in=[]) | Q(pk__gt=Parameter("pk")))).all(pk=0) != []
    nothing = Compiled(lambda: Venue.objects.filter(pk__in=[], name=Parameter("name")))
    with django_assert_num_queries(0):
        assert (nothing.all(name="a"), nothing.first(name="a"), nothing.rows(name="a")) == ([], None, [])


def test_rows_come_with_their_annotations():
    venue = VenueFactory()
    EventFactory(organiser=venue.organiser, venue=venue)
    rows = Venue.objects.select_related("organiser").annotate(events=Count("event"), twice=Value(2))
    (row,) = Compiled(lambda: rows.filter(pk=Parameter("pk"))).all(pk=venue.pk)
    assert (row.events, row.twice, row.organiser, row.name) == (1, 2, venue.organiser, venue.name)


def test_one_of_a_list_and_the_shape_of_a_values_list():
    one, two, _other = VenueFactory(), VenueFactory(), VenueFactory()
    EventFactory(organiser=one.organiser, venue=one)
    compiled = Compiled(
        lambda: (
            Venue.objects.filter(pk=AnyOf("ids"))
            .annotate(events=Count("event"))
            .order_by("-pk")
            .values_list("pk", "events", "name")
        )
    )
    assert compiled.rows(ids=[one.pk, two.pk]) == [(two.pk, 0, two.name), (one.pk, 1, one.name)]
    assert compiled.rows(ids=[]) == []


def test_array_of_ids_finds_the_same_rows_as_a_list():
    venues = VenueFactory(), VenueFactory()
    query = Compiled(lambda: Venue.objects.filter(pk=AnyOf("ids")).order_by("pk").values_list("pk"))
    ids = [venue.pk for venue in venues]
    assert query.rows(ids=array_of(ids)) == query.rows(ids=ids) == [(pk,) for pk in ids]
    assert query.rows(ids=array_of([])) == []


def test_values_are_bound_not_written_into_the_statement():
    compiled = Compiled(lambda: Event.objects.filter(slug=Parameter("slug")))
    event = EventFactory(slug="x")
    assert compiled.first(slug="x") == event
    assert compiled.first(slug="x' OR 'x' = 'x") is None
    assert compiled.first(slug="%s") is None


def test_column_with_a_converter_is_read_as_by_the_model():
    offer = OfferFactory()
    pos = offer.session.event.points_of_sale.get()
    compiled = Compiled(lambda: type(pos).objects.filter(pk=Parameter("pk")).select_related("organiser"))
    found = compiled.first(pk=pos.pk)
    assert (found.languages, found.organiser.languages) == (["en", "fr"], ["en", "fr"])


@pytest.mark.django_db(transaction=True)
def test_a_lock_needs_a_transaction_here_too():
    compiled = Compiled(lambda: Event.objects.select_for_update().filter(pk=Parameter("pk")))
    assert connection.get_autocommit()
    with pytest.raises(Exception, match="select_for_update cannot be used outside of a transaction"):
        compiled.first(pk=1)


def test_rows_are_made_into_instances_again_only_if_a_column_differs():
    compiled = Compiled(lambda: Event.objects.filter(slug=Parameter("slug")).select_related("venue"))
    made = MadeOfRows(compiled.instances, most=10)
    venue = VenueFactory()
    EventFactory(slug="late", organiser=venue.organiser, venue=venue)

    def read() -> list[Event]:
        return made.get("late", compiled.tuples(slug="late"))

    first = read()
    assert read() is first
    Venue.objects.update(name="Elsewhere")
    (event,) = read()
    assert event.venue.name == "Elsewhere"
    Event.objects.update(venue=None)
    assert read()[0].venue is None
    assert made.get("another", compiled.tuples(slug="another")) == []


def test_no_more_rows_are_kept_than_allowed_but_always_the_latest():
    made = MadeOfRows(lambda rows: object(), most=5)
    made.get("two", [1, 2])
    made.get("three", ([1], [2, 3]))
    assert made.names == ["two", "three"]
    made.get("two", [1, 2, 3])  # another row: made again, now the latest
    assert made.names == ["two"]
    made.get("one", [1])
    assert made.names == ["two", "one"]
    latest = made.get("many", list(range(9)))
    assert made.names == ["many"]
    assert made.get("many", list(range(9))) is latest
