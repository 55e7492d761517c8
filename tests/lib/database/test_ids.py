"""Conditions by keys: the rows are those of an OR, each once."""

import pytest
from django.db.models import Q

from tests.factories.catalogue import EventFactory, VenueFactory
from tests.factories.organisers import PointOfSaleFactory
from ticketshop.catalogue.models import Event
from ticketshop.lib.database.ids import few_keys, fulfils_any, keys_of_any

pytestmark = pytest.mark.django_db


def test_fulfils_any_and_keys_of_any_return_each_row_with_one_of_the_conditions_once():
    pos = PointOfSaleFactory()
    hall, barn = (VenueFactory(organiser=pos.organiser, name=name) for name in ("Hall", "Barn"))
    both = EventFactory(pos=pos, slug="hamlet", venue=hall)
    of_venue = EventFactory(pos=pos, slug="other", venue=hall)
    of_slug = EventFactory(pos=pos, slug="hamlet-again")
    EventFactory(pos=pos, slug="neither", venue=barn)
    conditions = Q(venue__name="Hall"), Q(slug__startswith="hamlet")
    rows = Event.objects.filter(fulfils_any(Event.objects, *conditions)).order_by("pk")
    assert list(rows) == [both, of_venue, of_slug]
    assert sorted(keys_of_any(Event.objects, *conditions)) == [both.pk, of_venue.pk, of_slug.pk]
    within = Event.objects.filter(pk__in=[both.pk, of_slug.pk])
    assert set(Event.objects.filter(fulfils_any(within, *conditions))) == {both, of_slug}
    assert not Event.objects.filter(fulfils_any(Event.objects, Q(slug="none"), Q(pk__in=[]))).exists()


def test_few_keys_are_none_if_a_condition_has_more_rows(django_assert_num_queries):
    events = {EventFactory(slug=f"hamlet-{number}").pk for number in range(3)}
    other = EventFactory(slug="other")
    conditions = [Q(slug__startswith="hamlet"), Q(pk=other.pk), Q(slug="other")]
    with django_assert_num_queries(1):
        assert few_keys(Event.objects, conditions, most=4) == events | {other.pk}
    assert few_keys(Event.objects, conditions, most=3) is None
    assert few_keys(Event.objects, conditions[:1], most=2) is None
    assert few_keys(Event.objects, [Q(slug="none")], most=2) == set()
