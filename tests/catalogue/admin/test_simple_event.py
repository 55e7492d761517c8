"""The page *New event*: an event with a date, places and tariffs on one page."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.factories.catalogue import VenueFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.staff import Staff, change
from ticketshop.catalogue.models import Event, Offer, Tariff, Venue
from ticketshop.history import history

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-01")]
ZURICH = ZoneInfo("Europe/Zurich")
PAGE = "/admin/catalogue/event/simple/"
TYPED = {
    "title": "Hamlet", "teaser": "To be", "venue": "Great Hall", "day": "2027-02-05", "at": "20:00", "minutes": "90",
    "places": "80", "name_1": "Adult", "price_1": "40", "name_2": "Child", "price_2": "20,50",
}  # fmt: skip
MAKE = ("_save", "Make the event")


@pytest.fixture
def pos():
    return PointOfSaleFactory(slug="theatre", active=False)


@pytest.fixture
def owner(pos):
    return Staff(make_staff(pos.organiser))


def test_event_is_made_with_date_places_and_tariffs_and_leads_back_to_the_list(owner, pos):
    owner.open("/admin/")
    owner.open(owner.page.link("New event"))
    form = owner.page.form("^_save$")
    assert form.values["vat_rate"] == "0.00"  # an organiser without VAT number
    url = owner.page.url
    owner.submit(form, TYPED, button=MAKE)
    assert owner.page.url == change(pos).replace("change/", "ready/")
    assert "“Hamlet” is made" in owner.page.text
    event = Event.objects.get()
    assert (event.title_en, event.teaser_en, event.state, event.slug) == (
        "Hamlet",
        "To be",
        "published",
        "hamlet",
    )
    assert event.venue == Venue.objects.get(organiser=pos.organiser, name="Great Hall")
    assert list(event.points_of_sale.all()) == [pos]
    session = event.sessions.get()
    assert session.starts_at == datetime(2027, 2, 5, 20, tzinfo=ZURICH)
    assert session.ends_at == datetime(2027, 2, 5, 21, 30, tzinfo=ZURICH)
    assert [(row.name_en, row.price, row.vat_rate) for row in event.tariffs.all()] == [
        ("Adult", Decimal(40), Decimal(0)),
        ("Child", Decimal("20.50"), Decimal(0)),
    ]
    assert {offer.allotment.capacity for offer in Offer.objects.filter(session=session)} == {80}
    assert Offer.objects.filter(session=session).count() == 2
    assert history.of(event).get().action == "created"
    owner.open(url)
    owner.submit(form, TYPED, button=MAKE)
    assert Event.objects.count() == 1


def test_venue_of_the_same_name_is_used_and_that_of_another_organiser_is_not(owner, pos):
    VenueFactory(name="Great Hall")
    mine = VenueFactory(name="great hall", organiser=pos.organiser)
    owner.open(PAGE)
    assert owner.page.source.count('value="great hall"') == 1
    assert 'value="Great Hall"' not in owner.page.source
    owner.fill("^_save$", TYPED, button=MAKE)
    assert Event.objects.get().venue == mine


def test_organiser_with_a_vat_number_is_proposed_the_usual_rate(owner, pos):
    pos.organiser.vat_number = "CHE-1"
    pos.organiser.save()
    pos.active = True
    pos.save()
    owner.open(PAGE)
    form = owner.page.form("^_save$")
    form.values.pop("published")
    owner.submit(form, TYPED, button=MAKE)
    event = Event.objects.get()
    assert owner.page.url == change(event)
    assert event.state == Event.State.DRAFT
    assert Tariff.objects.first().vat_rate == Decimal("2.60")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"title": ""}, "This field is required."),
        ({"day": "2027-03-28", "at": "02:30"}, "does not exist on"),
        ({"price_2": ""}, "Enter its price; 0 if it is free."),
        ({"name_2": ""}, "Enter its name."),
        ({"places": "-1"}, "greater than or equal to 0"),
        ({"price_1": "much"}, "Enter a number such as 12.50 or 12,50."),
    ],
)
def test_error_keeps_everything_that_was_typed(values, sentence, owner):
    owner.open(PAGE)
    owner.fill("^_save$", {**TYPED, **values}, button=MAKE)
    assert any(sentence in error for error in owner.errors), owner.errors
    assert 'value="Great Hall"' in owner.page.source
    assert not Event.objects.exists()


def test_only_own_points_of_sale_can_be_chosen(owner, pos):
    second, foreign = PointOfSaleFactory(organiser=pos.organiser), PointOfSaleFactory()
    source = owner.open(f"{PAGE}?shop={second.pk}").source
    assert f'<option value="{second.pk}" selected>' in source
    assert foreign.name not in source
    owner.fill("^_save$", {**TYPED, "shop": str(foreign.pk)}, button=MAKE)
    assert owner.errors
    assert not Event.objects.exists()


def test_box_office_may_not_make_events(pos):
    box_office = Staff(make_staff(pos.organiser, "box office"))
    assert box_office.open(PAGE).status == 403
    assert "New event" not in box_office.open("/admin/").text
