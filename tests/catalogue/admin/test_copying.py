"""The pages *Copy* and *Dates by weekday*: what is made is shown first, and made once."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.factories.catalogue import EventFactory, OfferFactory, SeasonPassFactory, SessionFactory
from tests.factories.organisers import make_staff
from tests.staff import Staff, change
from ticketshop.catalogue.models import Event, SeasonPass

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-02")]
ZURICH = ZoneInfo("Europe/Zurich")
SEE, MAKE = ("planned", "Continue"), ("planned", "Make")


@pytest.fixture
def event():
    session = SessionFactory(
        event=EventFactory(title="Hamlet"), starts_at=datetime(2027, 3, 20, 20, tzinfo=ZURICH)
    )
    OfferFactory(session=session, capacity=80)
    return session.event


@pytest.fixture
def staff(event):
    return Staff(make_staff(event.organiser, "back office"))


def page(row, name: str) -> str:
    return change(row).replace("change/", f"{name}/")


def test_copy_shows_its_dates_first_and_is_made_once(staff, event):
    staff.open(change(event))
    staff.open(staff.page.link("Copy"))
    staff.fill("^planned$", {"first_day": "2027-04-03"}, button=SEE)
    assert "Saturday 3 April 2027, 20:00" in staff.page.text
    assert Event.objects.count() == 1
    confirm = staff.page.form("^planned$")
    url = staff.page.url
    staff.submit(confirm, button=MAKE)
    copied = Event.objects.exclude(pk=event.pk).get()
    assert staff.page.url == change(copied)
    assert "This is the copy. It is a draft" in staff.page.text
    assert copied.sessions.get().starts_at == datetime(2027, 4, 3, 20, tzinfo=ZURICH)
    staff.open(url)
    staff.submit(confirm, button=MAKE)
    assert staff.page.url == change(copied)
    assert Event.objects.count() == 2


def test_copy_with_something_changed_after_the_preview_is_shown_again(staff, event):
    staff.open(page(event, "copy"))
    staff.fill("^planned$", {"first_day": "2027-04-03"}, button=SEE)
    staff.fill("^planned$", {"first_day": "2027-04-10"}, button=MAKE)
    assert "You changed something, so nothing was made yet." in staff.page.text
    assert "Saturday 10 April 2027, 20:00" in staff.page.text
    assert Event.objects.count() == 1
    form = staff.page.form("^planned$")
    form.values.pop("with_dates")
    staff.submit(form, button=MAKE)
    staff.fill("^planned$", button=MAKE)
    assert not Event.objects.exclude(pk=event.pk).get().sessions.exists()


def test_copy_without_a_day_is_refused_and_nothing_typed_is_lost(staff, event):
    staff.open(page(event, "copy"))
    assert 'value="2028-03-18"' in staff.page.source  # the same day of the week a year later
    staff.fill("^planned$", {"first_day": ""}, button=SEE)
    assert staff.errors == ["Enter the day of the first date."]
    staff.fill("^planned$", {"first_day": "31.31.2027"}, button=SEE)
    assert "31.31.2027" in staff.page.source


def test_dates_by_weekday_are_shown_and_added(staff, event):
    staff.open(change(event))
    staff.open(staff.page.link("Dates by weekday"))
    form = staff.page.form("^planned$")
    assert (form.values["times"], form.values["minutes"], form.values["places"]) == ("20:00", "120", "80")
    typed = {
        "first": "2027-03-20", "last": "2027-04-04", "weekdays": ["5", "6"], "times": "02:30, 20:00",
        "exceptions": "2027-04-03\n2027-04-04",
    }  # fmt: skip
    staff.submit(form, typed, button=SEE)
    text = staff.page.text
    assert "6 dates with 80 places each will be made." in text
    assert "Saturday 20 March 2027, 20:00 is there already" in text
    assert "Sunday 28 March 2027, 02:30 left out: the clocks go forward that night" in text
    assert "3 April" not in text
    assert event.sessions.count() == 1
    staff.fill("^planned$", button=MAKE)
    assert "6 dates were added." in staff.page.text
    assert event.sessions.count() == 7


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"last": "2027-03-01"}, "The last day is before the first one."),
        ({"last": "2029-03-01"}, "At most 400 days at once."),
        ({"weekdays": ["0", "1", "2", "3", "4", "5", "6"], "last": "2028-03-20"}, "at most 200 are made at once"),
        ({"weekdays": []}, "Choose at least one day of the week."),
        ({"weekdays": ["0"], "last": "2027-03-20"}, "None of these days of the week lies in the period."),
        ({"times": "twenty"}, "“twenty” is not a time. Write it as 20:00."),
        ({"exceptions": "Easter"}, "“Easter” is not a day. Write it as 2026-12-24."),
        ({"places": ""}, "This field is required."),
    ],
)  # fmt: skip
def test_rule_that_makes_no_sense_is_refused_with_what_to_do(values, sentence, staff, event):
    staff.open(page(event, "dates"))
    typed = {"first": "2027-03-20", "last": "2027-06-20", "weekdays": ["5"], **values}
    staff.fill("^planned$", typed, button=SEE)
    assert any(sentence in error for error in staff.errors), staff.errors
    assert event.sessions.count() == 1


def test_dates_need_a_tariff_first(staff, event):
    form = staff.open(page(event, "dates")).form("^planned$")
    event.tariffs.update(active=False)
    for shown in (
        staff.submit_late(page(event, "dates"), form, first="2027-03-20", last="2027-06-20"),
        staff.open(page(event, "dates")),
    ):
        assert "no tariff on sale" in shown.text
        assert shown.url == change(event)
    assert event.sessions.count() == 1


def test_passes_of_a_season_are_copied_together(staff, event):
    pos = event.points_of_sale.get()
    season_pass = SeasonPassFactory(pos=pos, valid_from=date(2027, 9, 1), valid_until=date(2028, 6, 30))
    other = SeasonPassFactory(pos=pos, valid_from=date(2027, 9, 1), valid_until=date(2028, 6, 30))
    foreign = SeasonPassFactory(valid_from=date(2027, 9, 1), valid_until=date(2028, 6, 30))
    staff.open(page(season_pass, "copy"))
    assert other.name in staff.page.text
    assert foreign.name not in staff.page.text
    typed = {"first_day": "2028-09-01", "chosen": [str(season_pass.pk), str(other.pk)]}
    staff.fill("^planned$", typed, button=SEE)
    staff.fill("^planned$", button=MAKE)
    assert "2 passes were copied." in staff.page.text
    copies = SeasonPass.objects.filter(valid_from=date(2028, 9, 1), active=False)
    assert {copied.valid_until for copied in copies} == {date(2029, 7, 1)}
    assert copies.count() == 2


def test_row_of_another_organiser_is_not_found(staff, event):
    for row, name in ((EventFactory(), "copy"), (EventFactory(), "dates"), (SeasonPassFactory(), "copy")):
        assert staff.open(page(row, name)).status == 404
    assert staff.open(page(event, "copy")).status == 200
