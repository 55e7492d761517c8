"""The catalogue in the back office: dates, prices and places go on sale together."""

import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_cart, make_order
from tests.staff import Staff, change, listing
from ticketshop.catalogue import availability, offers, places
from ticketshop.catalogue.models import Allotment, Category, Event, Offer, SeasonPass, Session, Tariff
from ticketshop.history import history

pytestmark = pytest.mark.django_db
NEXT_YEAR = timezone.now().year + 1


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__languages=["en", "fr"], organiser__time_zone="Europe/Zurich")


@pytest.fixture
def genevan():
    """Speaks French first."""
    pos = PointOfSaleFactory(organiser__languages=["fr", "en"], organiser__time_zone="Europe/Zurich")
    pos.staff = Staff(make_staff(pos.organiser, "back office"))
    return pos


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "back office"))


def session_values(number: int = 0, places="", day: int = 3, **more) -> dict:
    values = {
        "starts_at": f"{NEXT_YEAR}-12-0{day}T20:00",
        "ends_at": f"{NEXT_YEAR}-12-0{day}T22:00",
        "places": places,
        **more,
    }
    return {f"sessions-{number}-{name}": value for name, value in values.items()}


def tariff_values(number: int = 0, name="Full price", price="35.00") -> dict:
    return {f"tariffs-{number}-name_en": name, f"tariffs-{number}-price": price}


def test_an_event_with_a_date_and_a_tariff_is_on_sale_at_once(staff, pos):
    staff.open(f"{listing(Event)}add/")
    values = {"title_en": "The Imaginary Invalid", "points_of_sale": pos.pk, "state": "published"}
    staff.save(**values, **tariff_values(), **session_values(places=120))
    event = Event.objects.get()
    assert (event.title_en, event.slug, event.organiser) == (
        "The Imaginary Invalid",
        "the-imaginary-invalid",
        pos.organiser,
    )
    session = event.sessions.get()
    assert session.starts_at == datetime(NEXT_YEAR, 12, 3, 20, tzinfo=ZoneInfo("Europe/Zurich"))
    offer = Offer.objects.get()
    assert (offer.session, offer.tariff.name_en, offer.allotment.capacity) == (session, "Full price", 120)
    assert "The Imaginary Invalid" in offer.allotment.name
    assert availability.offer_on_sale(offer, timezone.now())
    assert history.of(event).get().action == "created"
    assert make_order({offer: 2}).total == 70


def test_a_new_tariff_is_sold_at_every_date_that_is_not_over(staff, pos):
    event = EventFactory(pos=pos)
    now = timezone.now()
    coming = OfferFactory(session=SessionFactory(event=event)).session
    over = OfferFactory(session=SessionFactory(event=event, starts_at=now - timedelta(days=2))).session
    staff.open(change(event))
    staff.save(**tariff_values(2, "Child", "18.00"))
    tariff = Tariff.objects.get(name_en="Child")
    assert [offer.session for offer in tariff.offers.all()] == [coming]
    assert tariff.offers.get().allotment == coming.offers.exclude(tariff=tariff).get().allotment
    assert not over.offers.filter(tariff=tariff)


def test_a_new_date_is_sold_in_every_active_tariff(staff, pos):
    event = EventFactory(pos=pos)
    adult, child = TariffFactory(event=event), TariffFactory(event=event, name="Child")
    TariffFactory(event=event, name="Old", active=False)
    staff.open(change(event))
    staff.save(**session_values(places=50))
    found = Offer.objects.filter(session=event.sessions.get())
    assert {offer.tariff for offer in found} == {adult, child}
    assert Allotment.objects.get().capacity == 50


def test_date_without_a_tariff_shows_a_message_and_gets_its_places_later(staff, pos):
    event = EventFactory(pos=pos)
    staff.open(change(event))
    page = staff.save(**session_values(places=50))
    assert "1 date is not on sale" in page.text
    assert not Allotment.objects.exists()
    staff.open(change(event))
    staff.save(**tariff_values(), **{"sessions-0-places": 60})
    assert Allotment.objects.get().capacity == 60
    assert Offer.objects.count() == 1


def test_an_offer_taken_away_does_not_come_back_by_itself(staff, pos):
    event = EventFactory(pos=pos)
    session = SessionFactory(event=event)
    first = OfferFactory(session=session)
    gone = OfferFactory(session=session, tariff=TariffFactory(event=event), allotment=first.allotment)
    gone.delete()
    staff.open(change(event))
    staff.save(teaser_en="Changed")
    assert Offer.objects.get() == first


REFUSED = [
    (session_values(places=-1), "greater than or equal to 0"),
    (session_values(places="10" * 9), "less than or equal to"),
    (session_values(places="many"), "whole number"),
    (
        session_values(ends_at=f"{NEXT_YEAR}-12-03T19:00"),
        "This end is not after the start. Enter a later one.",
    ),
    (session_values(starts_at=f"{NEXT_YEAR}-02-30T19:00"), "valid date"),
    (tariff_values(price="-1"), "greater than or equal to 0"),
    (tariff_values(price="NaN"), "number"),
    (tariff_values(price="1e9"), "such as 12.50 or 12,50"),
    (tariff_values(price="1000000000"), "no more than 9 digits"),
    ({"slug": "not a slug!"}, "slug"),
    ({"title_en": ""}, "required"),
]


def test_bad_input_is_a_sentence_and_nothing_is_stored(staff, pos):
    form = staff.open(f"{listing(Event)}add/").form("^_save$")
    for values, sentence in REFUSED:
        entered = {"title_en": "Antigone", "points_of_sale": pos.pk, **values}
        assert staff.submit(form, entered, button=("_save", "Save")).status == 200
        assert any(sentence in error for error in staff.errors), (sentence, staff.errors)
        assert not Event.objects.exists()


# --- places -------------------------------------------------------------------------------------------
def test_places_are_changed_where_they_are_shown(staff, pos):
    offer = OfferFactory(pos=pos, capacity=10)
    make_order({offer: 4})
    make_cart({offer: 2})
    page = staff.open(change(offer.session.event))
    assert "4 sold, 4 left" in page.text
    staff.save(**{"sessions-0-places": 20})
    offer.allotment.refresh_from_db()
    assert (offer.allotment.capacity, offer.allotment.sold) == (20, 4)


@pytest.mark.parametrize("where", ["event", "session", "allotment"])
def test_capacity_below_what_is_sold_is_refused(where, staff, pos):
    offer = OfferFactory(pos=pos, capacity=10)
    make_order({offer: 4})
    row, field = {
        "event": (offer.session.event, "sessions-0-places"),
        "session": (offer.session, "places"),
        "allotment": (offer.allotment, "capacity"),
    }[where]
    staff.open(change(row))
    page = staff.save(**{field: 3})
    assert page.status == 200
    assert any("4 places are sold already" in error for error in staff.errors)
    offer.allotment.refresh_from_db()
    assert (offer.allotment.capacity, offer.allotment.sold) == (10, 4)
    staff.save(**{field: 4})
    offer.allotment.refresh_from_db()
    assert offer.allotment.capacity == 4


def test_the_database_refuses_it_too(pos):
    offer = OfferFactory(pos=pos, capacity=10)
    make_order({offer: 4})
    with pytest.raises(IntegrityError), transaction.atomic():
        Allotment.objects.update(capacity=3)
    assert not offers.resize(offer.allotment_id, 3)
    assert offers.resize(offer.allotment_id, 4)


def test_a_page_that_waited_does_not_turn_back_what_was_sold_meanwhile(staff, pos):
    offer = OfferFactory(pos=pos, capacity=10)
    form = staff.open(change(offer.allotment)).form("^_save$")
    make_order({offer: 4})
    staff.submit(form, {"name": "Renamed"}, button=("_save", "Save"))
    offer.allotment.refresh_from_db()
    assert (offer.allotment.name, offer.allotment.sold) == ("Renamed", 4)
    assert places.left([offer.allotment_id]) == {offer.allotment_id: 6}


def test_the_list_of_allotments_says_what_is_left(staff, pos):
    offer = OfferFactory(pos=pos, capacity=10)
    make_order({offer: 4})
    source = staff.open(listing(Allotment)).source
    assert '<td class="field-sold">4</td>' in source
    assert '<td class="field-left">6</td>' in source


def test_a_date_that_was_sold_is_not_deleted(staff, pos):
    offer = OfferFactory(pos=pos)
    make_order({offer: 1})
    form = staff.open(change(offer.session.event)).form("^_save$")
    page = staff.submit(form, {"sessions-0-DELETE": "on"}, button=("_save", "Save"))
    assert page.status == 200
    assert Session.objects.filter(pk=offer.session_id).exists()


# --- one date, one tariff -----------------------------------------------------------------------------
def test_date_offers_only_tariffs_of_its_event(staff, pos):
    offer, other = OfferFactory(pos=pos), OfferFactory(pos=pos)
    form = staff.open(change(offer.session)).form("^_save$")
    assert str(offer.tariff_id) in form.choices["offers-0-tariff"]
    assert str(other.tariff_id) not in form.choices["offers-0-tariff"]
    staff.submit(form, {"offers-0-tariff": other.tariff_id}, button=("_save", "Save"))
    assert any("valid choice" in error for error in staff.errors)


def test_a_tariff_goes_only_with_another_of_its_event(staff, pos):
    event = EventFactory(pos=pos)
    adult, child = TariffFactory(event=event), TariffFactory(event=event, name="Child")
    foreign = TariffFactory(event=EventFactory(pos=pos))
    form = staff.open(change(child)).form("^_save$")
    assert str(foreign.pk) not in form.choices["only_with"]
    staff.submit(form, {"only_with": adult.pk}, button=("_save", "Save"))
    child.refresh_from_db()
    assert child.only_with == adult
    staff.open(change(child))
    staff.submit(form, {"only_with": child.pk}, button=("_save", "Save"))
    assert any("another tariff" in error for error in staff.errors)


# --- texts, addresses, passes -------------------------------------------------------------------------
def test_texts_are_asked_in_the_organisers_languages_the_first_one_needed(genevan):
    staff = genevan.staff
    form = staff.open(f"{listing(Event)}add/").form("^_save$")
    assert {"title_fr", "title_en"} <= form.names
    assert "title_de" not in form.names
    assert staff.page.source.index("title_fr") < staff.page.source.index("title_en")
    staff.save(title_en="Only English", points_of_sale=genevan.pk)
    assert any("required" in error for error in staff.errors)
    staff.save(
        title_fr="Antigone",
        title_en="",
        points_of_sale=genevan.pk,
        **{"tariffs-0-name_fr": "Plein", "tariffs-0-price": "9"},
    )
    event = Event.objects.get()
    assert (event.title_fr, event.title_en or "") == ("Antigone", "")
    assert (str(event), event.tariffs.get().name_fr) == ("Antigone", "Plein")


def test_two_events_of_one_title_have_two_addresses(staff, pos):
    for _ in range(2):
        staff.open(f"{listing(Event)}add/")
        staff.save(title_en="Été", points_of_sale=pos.pk)
    assert set(Event.objects.values_list("slug", flat=True)) == {"ete", "ete-2"}


def test_a_title_that_makes_no_address_gets_one(staff):
    staff.open(f"{listing(Category)}add/")
    staff.save(name_en="演劇")
    assert Category.objects.get().slug


def test_a_season_pass_gets_its_places(staff, pos):
    staff.open(f"{listing(SeasonPass)}add/")
    values = {
        "name_en": "Abonnement",
        "points_of_sale": pos.pk,
        "price": "120.00",
        "valid_from": f"{NEXT_YEAR}-01-01",
        "valid_until": f"{NEXT_YEAR}-12-31",
        "places": "80",
    }
    staff.save(**values)
    season_pass = SeasonPass.objects.get()
    assert (season_pass.allotment.capacity, season_pass.slug) == (80, "abonnement")
    make_order({season_pass: 3})
    staff.open(change(season_pass))
    staff.save(places=2)
    assert any("3 places are sold already" in error for error in staff.errors)
    staff.save(places=3)
    season_pass.allotment.refresh_from_db()
    assert season_pass.allotment.capacity == 3


def test_rules_of_passes_are_sentences(staff, pos):
    form = staff.open(change(SeasonPassFactory(pos=pos))).form("^_save$")
    for values, sentence in (
        ({"entries": 2, "entries_per_date": 3}, "fewer entries in all"),
        ({"opens": "events"}, "at least one event"),
        ({"valid_until": f"{NEXT_YEAR - 3}-01-01"}, "not before the first"),
    ):
        assert staff.submit(form, values, button=("_save", "Save")).status == 200
        assert any(sentence in error for error in staff.errors), staff.errors


# --- pictures -----------------------------------------------------------------------------------------
def send_picture(staff, event, content: bytes, name="poster.png"):
    form = staff.open(change(event)).form("^_save$")
    data = {**form.values, "image": SimpleUploadedFile(name, content, "image/png"), "_save": "Save"}
    return staff.client.post(change(event), data, headers={"origin": "http://testserver"})


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "navy").save(file, "PNG")
    return file.getvalue()


def test_a_picture_is_remade_and_the_old_one_goes(staff, pos, django_capture_on_commit_callbacks):
    event = EventFactory(pos=pos)
    assert send_picture(staff, event, picture()).status_code == 302
    event.refresh_from_db()
    first = event.image.name
    assert first.startswith("events/")
    assert first.endswith(".webp")
    assert "poster" not in first
    with default_storage.open(first) as file, Image.open(file) as image:
        assert image.format == "WEBP"
    with django_capture_on_commit_callbacks(execute=True):
        send_picture(staff, event, picture())
    event.refresh_from_db()
    assert event.image.name != first
    assert not default_storage.exists(first)
    assert default_storage.exists(event.image.name)


def test_a_picture_that_is_none_is_refused_on_the_page(staff, pos):
    event = EventFactory(pos=pos)
    response = send_picture(staff, event, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "poster.svg")
    assert response.status_code == 200
    assert "no picture we can read" in response.content.decode()
    event.refresh_from_db()
    assert not event.image


def test_published_and_withdrawn_together(staff, pos):
    event = EventFactory(pos=pos, state=Event.State.DRAFT)
    token = staff.open(listing(Event)).form("^action$").values["csrfmiddlewaretoken"]
    for action, state in (("publish", "published"), ("withdraw", "draft")):
        data = {"csrfmiddlewaretoken": token, "action": action, "_selected_action": event.pk, "index": "0"}
        staff.send("POST", listing(Event), data)
        event.refresh_from_db()
        assert event.state == state
    assert history.of(event).count() == 2


def test_a_change_names_the_columns_of_event_dates_and_tariffs(staff, pos):
    offer = OfferFactory(pos=pos)
    event = offer.session.event
    staff.open(change(event))
    staff.save(**{"teaser_en": "New", "tariffs-0-price": "36.00", "tariffs-0-name_en": "Full"})
    details = history.of(event).first().details
    assert details["columns"] == ["tariff.name_en", "tariff.price", "teaser_en"]
    assert "Tariff: price" in staff.open(change(event)).source


def test_an_event_with_many_dates_is_shown_and_saved_a_page_at_a_time(staff, pos):
    event = OfferFactory(pos=pos).session.event
    event.sessions.update(
        starts_at=timezone.now() - timedelta(days=90), ends_at=timezone.now() - timedelta(days=89)
    )
    Session.objects.bulk_create(
        Session(event=event, starts_at=starts, ends_at=starts + timedelta(hours=2))
        for starts in (timezone.now() + timedelta(days=number - 50, hours=3) for number in range(160))
    )
    page = staff.open(change(event))
    form = page.form("^_save$")
    assert form.values["sessions-INITIAL_FORMS"] == "40"
    assert len(form.values) < 700
    # The next date is on it: 51 are over.
    assert "Dates 41 to 80 of 161" in page.text
    row = event.sessions.order_by("starts_at")[79]
    assert form.values["sessions-39-id"] == str(row.pk)
    later = timezone.localtime(row.starts_at, ZoneInfo("Europe/Zurich")) + timedelta(minutes=10)
    values = {"sessions-39-starts_at": f"{later:%Y-%m-%dT%H:%M:%S}"}
    page = staff.submit(form, values, button=("_dates", "5"))
    assert staff.errors == []
    assert page.url == f"{change(event)}?dates=5"
    row.refresh_from_db()
    assert abs(row.starts_at - later) < timedelta(seconds=1)
    assert event.sessions.count() == 161
    assert "Dates 161 to 161 of 161" in page.text
    form = page.form("^_save$")
    assert form.values["sessions-TOTAL_FORMS"] == "2", "a new date can be added on the last page"
    staff.submit(form, session_values(1), button=("_save", "Save"))
    assert staff.errors == []
    assert event.sessions.count() == 162
    assert staff.open(f"{change(event)}?dates=nonsense").status == 200
