"""Two staff members on one page: saved changes of the other stay, or are shown before they are overwritten."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.catalogue import (
    EventFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form
from tests.staff import Staff, change
from ticketshop.catalogue.models import Session, Tariff

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(name="Box office", tagline="Old")


@pytest.fixture
def both(pos) -> tuple[Staff, Staff]:
    """Two at the same organiser."""
    return Staff(make_staff(pos.organiser, "owner")), Staff(make_staff(pos.organiser, "owner"))


def test_changes_of_different_fields_are_merged(pos, both):
    venue = VenueFactory(organiser=pos.organiser, name="Old hall", street="Rue 1", city="Geneva")
    for one in both:
        one.open(change(venue))
    both[0].save(name="New hall", city="Lausanne")
    both[1].save(street="Rue 2")
    assert both[1].errors == []
    venue.refresh_from_db()
    assert (venue.name, venue.street, venue.city) == ("New hall", "Rue 2", "Lausanne")


def test_conflicting_field_shows_the_other_value_before_it_is_overwritten(pos, both):
    venue = VenueFactory(organiser=pos.organiser, name="Old hall", city="Geneva")
    for one in both:
        one.open(change(venue))
    both[0].save(name="New hall", city="Lausanne")
    both[1].save(name="Great hall")
    assert both[1].errors == [
        "Somebody else changed this meanwhile, to: New hall. Save again to keep what stands here."
    ]
    venue.refresh_from_db()
    assert venue.name == "New hall"
    form = both[1].page.form("^_save$")
    assert (form.values["name"], form.values["city"]) == ("Great hall", "Lausanne")
    both[1].save()
    venue.refresh_from_db()
    assert (venue.name, venue.city) == ("Great hall", "Lausanne")
    # A third change between the two saves gives an error again.
    for one in both:
        one.open(change(venue))
    both[0].save(name="One")
    both[1].save(name="Two")
    both[0].open(change(venue))
    both[0].save(name="Three")
    both[1].save()
    assert any("to: Three." in one for one in both[1].errors)


def test_same_change_by_both_is_no_conflict(pos, both):
    venue = VenueFactory(organiser=pos.organiser, name="Old hall")
    for one in both:
        one.open(change(venue))
    for one in both:
        one.save(name="New hall")
        assert one.errors == []


def test_invalid_value_does_not_hide_a_conflict(pos, both):
    """An invalid value in a field that the other person changed: the next attempt shows the conflict too."""
    tariff = TariffFactory(event=EventFactory(pos=pos), price=Decimal(10))
    for one in both:
        one.open(change(tariff))
    both[0].save(price="12")
    both[1].save(price="a lot")
    assert any("to: 12.00." in one for one in both[1].errors)


def save(staff: Staff, values: dict) -> None:
    """Press *Save*; a value of None is a box without its tick."""
    form = staff.page.form("^_save$")
    for name in [name for name, value in values.items() if value is None]:
        form.values.pop(name, None)
    filled = {name: value for name, value in values.items() if value is not None}
    staff.submit(form, filled, button=("_save", "Save"))
    assert staff.errors == []


def test_all_kinds_of_fields_are_merged(pos, both):
    """Ticks, lists, languages, dates, texts in several languages, places of a date, and what a question's page adds."""
    event = EventFactory(pos=pos, venue=VenueFactory(organiser=pos.organiser, name="Hall"))
    session, season = SessionFactory(event=event), SeasonPassFactory(pos=pos)
    contact = ContactFactory(organiser=pos.organiser, last_name="Old")
    form = make_form("tariff", organiser=pos.organiser)
    first, question = ask(form, "Eats?", "yes_no"), ask(form, "How many", "number", rules={"max": 5})
    condition = {"when1_question": first.key, "when1_op": "is", "when1_choice": "yes"}
    of_the_shop = {"guest_checkout": None, "languages_1": "fr", "friends_family_mode": "discreet"}
    cases = [
        (pos, of_the_shop, {"hold_minutes": "20", "tagline_en": "New", "slug": "other"},
         ["guest_checkout", "languages", "friends_family_mode"]),
        (session, {"sales_start_at": "2026-01-02T03:04"}, {"state": "sold_out"}, ["sales_start_at"]),
        (event, {"venue": ""}, {"state": "draft"}, ["venue"]),
        (season, {"valid_until": "2029-01-31"}, {"max_per_order": "7"}, ["valid_until"]),
        (contact, {"birth_date": "2001-02-03"}, {"last_name": "New"}, ["birth_date"]),
        (question, {"rule_max": "9", **condition}, {"visibility": "mandatory"}, ["rules", "condition"]),
    ]  # fmt: skip
    for row, theirs, mine, columns in cases:
        before = [getattr(row, column) for column in columns]
        for one in both:
            one.open(change(row))
        save(both[0], theirs)
        row.refresh_from_db()
        changed = [getattr(row, column) for column in columns]
        assert not [column for column, *two in zip(columns, before, changed, strict=True) if two[0] == two[1]]
        save(both[1], mine)
        row.refresh_from_db()
        assert [getattr(row, column) for column in columns] == changed, columns
        assert {name: str(getattr(row, name)) for name in mine} == mine


def test_inline_rows_are_merged_by_their_id(pos, both):
    event = EventFactory(pos=pos)
    adult, child = (
        TariffFactory(event=event, name=name, position=number) for number, name in enumerate("AB")
    )
    for one in both:
        one.open(change(event))
    both[0].save(**{"tariffs-0-price": "31", "tariffs-1-name_en": "Child"})
    both[1].save(**{"tariffs-0-vat_rate": "2.5", "tariffs-1-name_en": "Kid"})
    assert [one for one in both[1].errors if "meanwhile" in one] == [
        "Somebody else changed this meanwhile, to: Child. Save again to keep what stands here."
    ]
    both[1].save()
    assert both[1].errors == []
    for row in (adult, child):
        row.refresh_from_db()
    assert (adult.price, adult.vat_rate, child.name) == (Decimal(31), Decimal("2.5"), "Kid")


def test_inline_row_deleted_meanwhile_stays_deleted_and_the_rest_is_saved(pos, both):
    event = EventFactory(pos=pos)
    first, second, third = (TariffFactory(event=event, position=number) for number in range(3))
    for one in both:
        one.open(change(event))
    both[0].save(**{"tariffs-1-DELETE": "on"})
    assert not Tariff.objects.filter(pk=second.pk).exists()
    both[1].save(
        **{
            "tariffs-1-price": "99",
            "tariffs-2-price": "33",
            "tariffs-3-name_en": "More",
            "tariffs-3-price": "5",
        }
    )
    assert "Meanwhile somebody else deleted 1 of the tariffs." in both[1].page.text
    found = dict(Tariff.objects.filter(event=event).values_list("pk", "price"))
    assert found.pop(first.pk) == first.price
    assert found.pop(third.pk) == Decimal(33)
    assert list(found.values()) == [Decimal(5)]
    # The last row: without this code Django would look for a missing row.
    for one in both:
        one.open(change(event))
    both[0].save(**{f"tariffs-{number}-DELETE": "on" for number in range(3)})
    both[1].save(teaser_en="Changed")
    event.refresh_from_db()
    assert (event.teaser, event.tariffs.count()) == ("Changed", 0)


def test_session_keeps_the_places_that_another_person_entered(pos, both):
    event = EventFactory(pos=pos)
    TariffFactory(event=event)
    both[0].open(change(event))
    start = timezone.localtime() + timedelta(days=9)
    both[0].save(
        **{
            "sessions-0-starts_at": f"{start:%Y-%m-%dT%H:%M}",
            "sessions-0-ends_at": f"{start + timedelta(hours=2):%Y-%m-%dT%H:%M}",
            "sessions-0-places": "50",
        }
    )
    session = Session.objects.get()
    for one in both:
        one.open(change(event))
    both[0].save(**{"sessions-0-places": "60"})
    both[1].save(**{"sessions-0-state": "sold_out"})
    assert both[1].errors == []
    session.refresh_from_db()
    assert session.state == "sold_out"
    both[1].open(change(event))
    assert both[1].page.form("^_save$").values["sessions-0-places"] == "60"


@pytest.mark.parametrize("carried", ["", "nonsense", "eJw=", "x" * 1000])
def test_page_with_an_unreadable_hidden_field_is_saved_as_posted(pos, both, carried):
    venue = VenueFactory(organiser=pos.organiser, name="Old hall")
    both[0].open(change(venue))
    both[0].save(name="New hall", _seen=carried)
    venue.refresh_from_db()
    assert venue.name == "New hall"
