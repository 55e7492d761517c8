"""Copies of events and passes: what they get, and what stays with the original."""

import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import make_form
from tests.factories.sales import make_order
from ticketshop.catalogue.making import copying
from ticketshop.catalogue.models import Allotment, Event, Offer, OrderForm, SeasonPass, Session, Tariff
from ticketshop.history import history

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-02")]
ZURICH = ZoneInfo("Europe/Zurich")
NOW = timezone.now()


def copy(event: Event, first_day: date | None = None, key: uuid.UUID | None = None, by=None) -> Event:
    return copying.copy_event(event, first_day=first_day, key=key or uuid.uuid4(), by=by, now=NOW)


@pytest.fixture
def event():
    """An event with two dates in winter that share an allotment, three tariffs and a form."""
    event = EventFactory(
        title_en="Hamlet", title_fr="Hamlet, le prince", teaser_en="To be", teaser_fr="Être", slug="hamlet"
    )
    first = SessionFactory(
        event=event,
        starts_at=datetime(2027, 2, 5, 20, tzinfo=ZURICH),
        doors_at=datetime(2027, 2, 5, 19, 30, tzinfo=ZURICH),
        sales_end_at=datetime(2027, 2, 5, 18, tzinfo=ZURICH),
        state=Session.State.SOLD_OUT,
        sequence=3,
    )
    second = SessionFactory(event=event, starts_at=datetime(2027, 2, 12, 20, tzinfo=ZURICH))
    form = make_form("tariff", organiser=event.organiser)
    adult = TariffFactory(event=event, name_en="Adult", name_fr="Adulte", form=form, max_per_order=7)
    child = TariffFactory(event=event, name="Child", only_with=adult, age_until=12, active=False)
    offer = OfferFactory(session=first, tariff=adult, capacity=40)
    OfferFactory(session=second, tariff=adult, allotment=offer.allotment)
    OfferFactory(session=first, tariff=child, capacity=10)
    SessionFactory(
        event=event, starts_at=datetime(2027, 2, 19, 20, tzinfo=ZURICH), state=Session.State.CANCELLED
    )
    return event


def test_copy_has_texts_in_all_languages_tariffs_forms_and_switches(event):
    OrderForm.objects.create(event=event, form=make_form("order", organiser=event.organiser))
    copied = Event.objects.get(pk=copy(event).pk)
    assert (copied.title_en, copied.title_fr) == ("Hamlet", "Hamlet, le prince")
    assert (copied.teaser_en, copied.teaser_fr) == ("To be", "Être")
    assert (copied.slug, copied.state) == ("hamlet-2", Event.State.DRAFT)
    assert list(copied.points_of_sale.all()) == list(event.points_of_sale.all())
    assert copied.order_form.form == event.order_form.form
    adult, child = copied.tariffs.order_by("pk")
    assert (adult.name_en, adult.name_fr, adult.max_per_order) == ("Adult", "Adulte", 7)
    assert adult.form == event.tariffs.get(name_en="Adult").form
    assert (child.only_with, child.age_until, child.active) == (adult, 12, False)
    assert not copied.sessions.exists()
    assert history.of(copied).get().action == "event_copied"


def test_dates_keep_the_time_of_the_clock_when_the_clocks_change(event):
    copied = copy(event, date(2027, 7, 2))  # summer time
    first, second = copied.sessions.order_by("starts_at")
    assert first.starts_at == datetime(2027, 7, 2, 20, tzinfo=ZURICH)
    assert first.ends_at - first.starts_at == timedelta(hours=2)
    assert first.doors_at == datetime(2027, 7, 2, 19, 30, tzinfo=ZURICH)
    assert first.sales_end_at == datetime(2027, 7, 2, 18, tzinfo=ZURICH)
    assert second.starts_at == datetime(2027, 7, 9, 20, tzinfo=ZURICH)
    assert (first.state, first.sequence, first.changed_at) == (Session.State.ON_SALE, 0, None)


def test_allotments_are_new_shared_as_before_and_start_at_zero(event):
    sold = event.sessions.order_by("starts_at").first().offers.get(tariff__name_en="Adult")
    event.sessions.update(state=Session.State.ON_SALE)
    event.tariffs.update(form=None)
    make_order({sold: 2}, paid=True)
    sold.allotment.refresh_from_db()
    assert sold.allotment.sold == 2
    copied = copy(event, date(2028, 2, 4))
    by_capacity = {row.capacity: row for row in Allotment.objects.filter(offers__session__event=copied)}
    assert {capacity: row.sold for capacity, row in by_capacity.items()} == {40: 0, 10: 0}
    assert by_capacity[40].offers.count() == 2
    assert by_capacity[40].organiser_id == event.organiser_id
    assert "2028" in by_capacity[40].name
    assert Offer.objects.filter(session__event=copied).count() == 3
    sold.allotment.refresh_from_db()
    assert sold.allotment.sold == 2


def test_form_that_was_archived_is_not_asked_in_the_copy(event):
    tariff = event.tariffs.get(name_en="Adult")
    tariff.form.archived_at = NOW
    tariff.form.save()
    assert copy(event).tariffs.get(name_en="Adult").form is None


def test_picture_of_the_copy_is_a_separate_file(event):
    event.image.save("poster.png", ContentFile(b"picture"))
    copied = copy(event)
    assert copied.image.name != event.image.name
    event.image.delete()
    with copied.image.open("rb") as file:
        assert file.read() == b"picture"
    lost = EventFactory(image="events/none.png")
    assert not copy(lost).image


def test_same_key_makes_one_copy_and_belongs_to_one_organiser(event):
    key = uuid.uuid4()
    copied = copy(event, date(2028, 2, 4), key)
    assert copy(event, date(2028, 2, 4), key) == copied
    assert copied.sessions.count() == 2
    other = EventFactory()
    assert copy(other, None, key).organiser == other.organiser


@pytest.mark.django_db(transaction=True)
def test_same_page_sent_twice_at_once_makes_one_copy(monkeypatch):
    event, key = EventFactory(), uuid.uuid4()
    genuine = copying._copy_of_event

    def copy_of_event(*args):
        meet()
        return genuine(*args)

    monkeypatch.setattr(copying, "_copy_of_event", copy_of_event)
    first, second = at_once(lambda: copy(event, None, key), lambda: copy(event, None, key))
    assert first == second
    assert Event.objects.filter(copy_key=key).count() == 1


# Columns whose values a copy does not take over from the original.
OWN = {
    Event: {"id", "slug", "state", "copy_key", "image"},
    Tariff: {"id", "event", "only_with", "sales_start_at", "sales_end_at"},
    Session: {
        "id", "event", "starts_at", "ends_at", "doors_at", "sales_start_at", "sales_end_at", "state", "sequence", "changed_at",
    },
    SeasonPass: {
        "id", "slug", "active", "copy_key", "image", "allotment", "valid_from", "valid_until", "sales_start_at", "sales_end_at",
    },
}  # fmt: skip


@pytest.mark.parametrize("model", OWN)
def test_every_column_that_staff_can_not_edit_gets_its_default(model):
    """A new column that sales or jobs write must not be editable, or it would be copied."""
    written = {column.name for column in model._meta.concrete_fields if not column.editable}
    assert written - {"id"} <= OWN[model] | {
        column.name
        for column in model._meta.concrete_fields
        if column.has_default() or column.null or column.empty_strings_allowed
    }


def test_passes_of_a_season_are_copied_to_the_next_one():
    pos = PointOfSaleFactory()
    season_pass = SeasonPassFactory(
        pos=pos, name_en="Subscription", name_fr="Abonnement", entries=5, opens="entries", capacity=30
    )
    other = SeasonPassFactory(pos=pos)
    make_order({season_pass: 1}, paid=True)
    key, by = uuid.uuid4(), make_staff(pos.organiser)
    copies = copying.copy_passes([season_pass, other], days=365, key=key, by=by, now=NOW)
    copied = SeasonPass.objects.get(pk=copies[0].pk)
    assert (copied.name_en, copied.name_fr, copied.entries, copied.active) == (
        "Subscription", "Abonnement", 5, False,
    )  # fmt: skip
    assert copied.valid_from == season_pass.valid_from + timedelta(days=365)
    assert (copied.allotment.capacity, copied.allotment.sold) == (30, 0)
    assert copied.allotment != season_pass.allotment
    assert list(copied.points_of_sale.all()) == [pos]
    assert history.of(copied).get().by == by
    assert copying.copy_passes([season_pass, other], days=365, key=key, by=by, now=NOW) == copies
    assert SeasonPass.objects.count() == 4
