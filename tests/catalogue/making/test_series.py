"""Dates by weekday, across the change to summer time."""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.catalogue import EventFactory, SessionFactory, TariffFactory
from ticketshop.catalogue import offers
from ticketshop.catalogue.making import series
from ticketshop.catalogue.models import Offer, Session

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-02")]
ZURICH = ZoneInfo("Europe/Zurich")
NOW = timezone.now()
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6


def rule(**changes) -> series.Rule:
    values = {
        "first": date(2027, 3, 19), "last": date(2027, 4, 4), "weekdays": frozenset({FRIDAY, SUNDAY}), "times": (time(20),),
    }  # fmt: skip
    return series.Rule(**values | changes)


def make(event, instants, places=30):
    return series.make(
        event,
        instants,
        lasting=timedelta(hours=2),
        doors_before=timedelta(minutes=30),
        places=places,
        by=None,
        now=NOW,
    )


def test_dates_are_on_the_chosen_weekdays_without_exceptions_at_the_same_time_of_the_clock():
    found = series.starts(rule(exceptions=frozenset({date(2027, 3, 26)}), times=(time(20), time(15))), ZURICH)
    assert [f"{start.astimezone(ZURICH):%a %d.%m. %H:%M %z}" for start in found.instants] == [
        "Fri 19.03. 15:00 +0100",
        "Fri 19.03. 20:00 +0100",
        "Sun 21.03. 15:00 +0100",
        "Sun 21.03. 20:00 +0100",
        "Sun 28.03. 15:00 +0200",  # summer time began that night
        "Sun 28.03. 20:00 +0200",
        "Fri 02.04. 15:00 +0200",
        "Fri 02.04. 20:00 +0200",
        "Sun 04.04. 15:00 +0200",
        "Sun 04.04. 20:00 +0200",
    ]


def test_time_that_the_clocks_skip_is_left_out_and_a_repeated_one_is_the_first():
    found = series.starts(rule(times=(time(2, 30),)), ZURICH)
    assert [f"{start:%d.%m.}" for start in found.skipped] == ["28.03."]
    assert len(found.instants) == 5
    autumn = rule(first=date(2027, 10, 31), last=date(2027, 10, 31), times=(time(2, 30),))
    assert [f"{start.astimezone(ZURICH):%H:%M %z}" for start in series.starts(autumn, ZURICH).instants] == [
        "02:30 +0200"
    ]


def test_dates_get_places_in_every_active_tariff_and_a_second_time_makes_none():
    event = EventFactory()
    adult = TariffFactory(event=event)
    TariffFactory(event=event, active=False)
    instants = series.starts(rule(), ZURICH).instants
    SessionFactory(event=event, starts_at=instants[1])
    made = make(event, instants)
    assert len(made) == 5
    assert len(make(event, instants)) == 0
    assert event.sessions.count() == 6
    session = Session.objects.get(event=event, starts_at=instants[0])
    assert session.ends_at == instants[0] + timedelta(hours=2)
    assert session.doors_at == instants[0] - timedelta(minutes=30)
    offer = Offer.objects.get(session=session)
    assert (offer.tariff, offer.allotment.capacity, offer.allotment.sold) == (adult, 30, 0)


@pytest.mark.django_db(transaction=True)
def test_same_page_sent_twice_at_once_makes_the_dates_once(monkeypatch):
    event = EventFactory()
    TariffFactory(event=event)
    instants = series.starts(rule(), ZURICH).instants
    genuine = series.existing

    def existing(*args):
        there = genuine(*args)
        meet()
        return there

    monkeypatch.setattr(series, "existing", existing)
    counts = at_once(lambda: len(make(event, instants)), lambda: len(make(event, instants)))
    assert sorted(counts) == [0, len(instants)]


def test_number_of_queries_does_not_grow_with_the_dates(django_assert_max_num_queries):
    event = EventFactory()
    TariffFactory(event=event)
    instants = series.starts(rule(last=date(2027, 9, 1)), ZURICH).instants
    assert len(instants) > 40
    with django_assert_max_num_queries(12):
        make(event, instants)
    assert offers.open_sessions(event, {}) == []
