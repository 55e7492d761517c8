"""Changes by staff and sold places show on the next page; the number of queries stays."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories.accounts import BACKEND
from tests.factories.catalogue import (
    CategoryFactory,
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.organisers import PointOfSaleFactory
from tests.friends import linked, make_visitor
from tests.project.test_two_visitors import TOKEN
from ticketshop.catalogue import availability, programme
from ticketshop.catalogue.models import Allotment, Category, Event, SeasonPass, Session, Tariff, Venue
from ticketshop.lib.web import piece_cache
from ticketshop.organisers.models import Organiser, PointOfSale

pytestmark = pytest.mark.django_db
SHOP, EVENT, PASS = "/theatre/", "/theatre/events/letter/", "/theatre/passes/season/"


@pytest.fixture
def pos(settings):
    """Return a shop with an event of two tariffs on two dates, and a pass. Pages are not cached."""
    settings.PAGE_CACHE_SECONDS = 0
    pos = PointOfSaleFactory(slug="theatre")
    category = CategoryFactory(organiser=pos.organiser)
    event = EventFactory(
        pos=pos,
        slug="letter",
        venue=VenueFactory(organiser=pos.organiser, city="Geneva"),
        category=category,
        teaser="About a letter",
    )
    adult = TariffFactory(event=event, name="Adult", position=1)
    child = TariffFactory(event=event, name="Child", position=2, only_with=adult)
    for days in (10, 11):
        session = SessionFactory(event=event, starts_at=timezone.now() + timedelta(days=days))
        first = OfferFactory(session=session, tariff=adult)
        OfferFactory(session=session, tariff=child, allotment=first.allotment)
    SeasonPassFactory(pos=pos, slug="season", capacity=100)
    return pos


@pytest.fixture
def forget(monkeypatch) -> Callable[[], None]:
    """Return a function after which pages are made as by a new process."""

    def empty():
        monkeypatch.setattr(piece_cache, "_CACHE", piece_cache.PieceCache())
        for made in (
            availability.READ_EVENTS,
            availability.READ_OFFERS,
            programme.READ_IDS,
            programme.READ,
            programme.PROGRAMMES,
        ):
            made.clear()

    return empty


def page(url: str, language: str = "en") -> str:
    return TOKEN.sub(r"\1", Client(headers={"accept-language": language}).get(url).content.decode())


# A timedelta stands for that long from now.
CHANGES = [
    (EVENT, Event, {"title_en": "The Envelope"}),
    (EVENT, Event, {"teaser_en": "About an envelope"}),
    (EVENT, Event, {"description_en": "It is *late*."}),
    (EVENT, Event, {"image": "events/other.webp", "image_alt_en": "An envelope"}),
    (EVENT, Event, {"category": None}),
    (EVENT, Event, {"venue": None}),
    (EVENT, Event, {"state": "draft"}),
    (EVENT, Category, {"name_en": "Opera"}),
    (EVENT, Venue, {"name": "Great Hall"}),
    (EVENT, Tariff, {"price": Decimal("12.30")}),
    (EVENT, Tariff, {"description_en": "with a card"}),
    (EVENT, Tariff, {"name_en": "Everybody"}),
    (EVENT, Tariff, {"tickets_per_unit": 4}),
    (EVENT, Tariff, {"min_per_order": 2}),
    (EVENT, Tariff, {"max_per_order": 3}),
    (EVENT, Tariff, {"active": False}),
    (EVENT, Tariff, {"sales_end_at": timedelta(hours=-1)}),
    (EVENT, Session, {"doors_at": timedelta(days=9)}),
    (EVENT, Session, {"state": "cancelled"}),
    (EVENT, Session, {"sales_start_at": timedelta(days=2)}),
    (EVENT, Allotment, {"sold": 95}),
    (EVENT, Allotment, {"capacity": 0}),
    (EVENT, PointOfSale, {"name_en": "The Other House"}),
    (EVENT, PointOfSale, {"hold_minutes": 7}),
    (EVENT, PointOfSale, {"accent_colour": "#123456"}),
    (EVENT, PointOfSale, {"languages": ["en"]}),
    (EVENT, Organiser, {"currency": "EUR"}),
    (EVENT, Organiser, {"time_zone": "Asia/Tokyo"}),
    (EVENT, Organiser, {"city": "Thun"}),
    (SHOP, Event, {"title_en": "The Envelope"}),
    (SHOP, Event, {"image": "events/other.webp"}),
    (SHOP, Event, {"state": "draft"}),
    (SHOP, Category, {"name_en": "Opera"}),
    (SHOP, Venue, {"name": "Great Hall"}),
    (SHOP, Tariff, {"price": Decimal("12.30")}),
    (SHOP, Tariff, {"active": False}),
    (SHOP, Session, {"state": "cancelled"}),
    (SHOP, Session, {"sales_end_at": timedelta(hours=-1)}),
    (SHOP, Allotment, {"sold": 95}),
    (SHOP, Allotment, {"sold": 100}),
    (SHOP, SeasonPass, {"price": Decimal("99.50")}),
    (SHOP, SeasonPass, {"name_en": "Half a season"}),
    (SHOP, SeasonPass, {"active": False}),
    (SHOP, SeasonPass, {"sales_start_at": timedelta(days=2)}),
    (SHOP, PointOfSale, {"tagline_en": "By the sea"}),
    (SHOP, Organiser, {"currency": "EUR"}),
    (SHOP, Organiser, {"time_zone": "Asia/Tokyo"}),
    (PASS, SeasonPass, {"price": Decimal("99.50")}),
    (PASS, Allotment, {"sold": 100}),
]


@pytest.mark.parametrize(
    "url, model, values", CHANGES, ids=lambda value: getattr(value, "__name__", str(value))[:60]
)
def test_change_is_on_the_next_page(pos, forget, url, model, values):
    before = page(url)
    assert page(url) == before
    now = timezone.now()
    model.objects.update(
        **{name: now + value if isinstance(value, timedelta) else value for name, value in values.items()}
    )
    after = page(url)
    assert after != before
    forget()
    assert page(url) == after


def test_every_language_has_its_own_page(pos):
    Event.objects.update(title_en="The Letter", title_fr="La Lettre")
    for url in (SHOP, EVENT):
        assert "The Letter" in page(url)
        assert "La Lettre" in page(url, "fr")
        assert "The Letter" in page(url)


def test_sales_open_and_end_at_their_times_without_a_change(pos, forget):
    now = timezone.now()
    hours = [now + timedelta(hours=number) for number in range(12)]
    first, second = Session.objects.order_by("starts_at")
    Session.objects.filter(pk=first.pk).update(sales_start_at=hours[1], starts_at=hours[7], ends_at=hours[9])
    Session.objects.filter(pk=second.pk).update(sales_start_at=hours[2], sales_end_at=hours[4])
    Tariff.objects.filter(name_en="Adult").update(sales_start_at=hours[3], sales_end_at=hours[5])
    Tariff.objects.filter(name_en="Child").update(sales_end_at=hours[6])
    last_day = timezone.localdate(hours[-1], pos.organiser.zone)
    SeasonPass.objects.update(sales_start_at=hours[1], sales_end_at=hours[8], valid_until=last_day)

    def shown(instant) -> list:
        dates = availability.event(pos, "letter", instant).dates(instant)
        found = programme.programme(pos, instant)
        return [
            [(row.state, [one.on_sale for one in row.offers]) for row in dates.rows],
            [(row.state, row.from_price, row.to_price) for row in found.events],
            [row.on_sale for row in found.passes],
        ]

    instants = [hour + step for hour in hours for step in (-timedelta.resolution, timedelta(0))]
    instants += [now + timedelta(hours=48)]
    by_time = [shown(instant) for instant in instants]
    again = [shown(instant) for instant in instants]
    fresh = []
    for instant in instants:
        forget()
        fresh.append(shown(instant))
    assert by_time == again == fresh
    changes = sum(one != other for one, other in pairwise(fresh))
    assert changes >= 8, "each of the times changes something"


def test_pages_need_the_same_queries_for_any_number_of_dates(pos, django_assert_num_queries):
    for _again in range(2):
        with django_assert_num_queries(4):
            assert "Only together with" in page(EVENT)
        with django_assert_num_queries(7):
            page(SHOP)
    session = SessionFactory(event=Event.objects.get(), starts_at=timezone.now() + timedelta(days=20))
    OfferFactory(session=session, tariff=Tariff.objects.get(name_en="Adult"))
    Tariff.objects.filter(name_en="Adult").update(
        active=False
    )  # its name is still shown beside the other tariff
    with django_assert_num_queries(4):
        assert "Only together with" in page(EVENT)
    with django_assert_num_queries(7):
        page(SHOP)


def test_event_page_of_a_signed_in_visitor_needs_the_same_queries_for_any_number_of_friends(
    pos, django_assert_num_queries
):
    PointOfSale.objects.update(friends_family_enabled=True)
    pos.refresh_from_db()
    contact, client = make_visitor(pos), Client()
    client.force_login(contact.user, backend=BACKEND)
    client.get(EVENT)
    for names in (["Bob"], ["Carol", "Dan"]):
        for name in names:
            linked(contact, pos, (name, "Miller", f"{name.lower()}@example.org"))
        with django_assert_num_queries(
            9
        ):  # two of the log-in, shop, event, offers, places, contact, passes, friends
            source = client.get(EVENT).content.decode()
        assert all(f"{name} Miller" in source for name in names)
