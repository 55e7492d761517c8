"""Deadlines and last days: what is said, printed, compared and enforced is one instant; a day ends where the organiser is."""

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from tests.accounts.pages import browser_of
from tests.factories.catalogue import OfferFactory, SeasonPassFactory, SessionFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.friends import make_visitor
from tests.sales.mails.test_order_mails import deliver
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import availability
from ticketshop.lib.dates import days
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import IssuedPass
from ticketshop.sales.orders import orders, reminders

ROOT = Path(__file__).parents[3]
ZURICH, NEW_YORK, AUCKLAND = (
    ZoneInfo(name) for name in ("Europe/Zurich", "America/New_York", "Pacific/Auckland")
)


# --- how a deadline is said --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instant", "language", "text"),
    [
        (datetime(2026, 12, 5, 0, 0, tzinfo=ZURICH), "en", "Friday 4 December 2026"),
        (datetime(2026, 12, 4, 20, 0, tzinfo=ZURICH), "en", "Friday 4 December 2026, 20:00"),
        (datetime(2026, 12, 4, 23, 59, tzinfo=ZURICH), "en", "Friday 4 December 2026, 23:59"),
        (datetime(2026, 12, 5, 0, 0, tzinfo=UTC), "en", "Saturday 5 December 2026, 01:00"),
        (datetime(2026, 12, 5, 0, 0, tzinfo=ZURICH), "fr", "vendredi 4 décembre 2026"),
    ],
)
def test_the_end_of_a_day_is_said_as_the_day_and_any_other_instant_with_its_time(instant, language, text):
    with translation.override(language), timezone.override(ZURICH):
        assert days.until_text(instant) == text


@pytest.mark.parametrize("zone", [ZURICH, NEW_YORK, AUCKLAND])
@pytest.mark.parametrize(
    "day", [date(2027, 3, 27), date(2027, 3, 28), date(2027, 10, 31), date(2026, 12, 31)]
)
def test_a_day_ends_when_the_next_one_begins_there(zone, day):
    end = days.end_of(day, zone)
    assert days.day_of(end, zone) == day + timedelta(days=1)
    assert days.day_of(end.astimezone(UTC) - timedelta(seconds=1), zone) == day


DEADLINES = "expires_at|valid_until|editable_until|token_expires_at|erasing_until|deferred_until|until"


def test_no_page_and_no_mail_says_a_deadline_by_its_date_alone():
    """A day without its time is right for the last day of a pass, which is a day; an instant goes through the filter."""
    pattern = re.compile(rf"([\w.]*\b(?:{DEADLINES}))\|(?:date|time):")
    found = [
        (path.name, name)
        for path in (ROOT / "templates").rglob("*.*")
        for name in pattern.findall(path.read_text())
    ]
    allowed = {
        ("pass.html", "issued.valid_until"), ("pass_row.html", "row.season_pass.valid_until"),
        ("season_pass.html", "season_pass.valid_until"), ("hold.html", "cart.held_until"),
        ("booking_pass.html", "issued.valid_until"),
        # The last day of a period that staff chose.
        ("figures.html", "until"),
        # The last day of whole years, or a day noted for an area of data.
        ("data_fate.html", "until"), ("data_outcome.html", "one.until"),
    }  # fmt: skip
    assert set(found) - allowed == set()
    assert ("pass.html", "issued.valid_until") in found


# --- unpaid orders -----------------------------------------------------------------------------------------------
@pytest.fixture
def pos(db):
    return PointOfSaleFactory(organiser__time_zone="Europe/Zurich")


def offer_in(pos, number: int):
    starts = datetime.combine(timezone.localdate() + timedelta(days=number), time(20), pos.organiser.zone)
    return OfferFactory(
        session=SessionFactory(event__pos=pos, starts_at=starts, ends_at=starts + timedelta(hours=2))
    )


def at(pos, hour: int, minute: int = 18) -> datetime:
    """Today at this time where the organiser is."""
    return datetime.combine(timezone.localdate(), time(hour, minute), pos.organiser.zone)


@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/New_York", "Pacific/Auckland"])
def test_an_unpaid_transfer_ends_at_the_end_of_the_day_that_every_place_says(db, zone, mailoutbox):
    pos = PointOfSaleFactory(organiser__time_zone=zone)
    now = at(pos, 19)
    order = make_order({offer_in(pos, 40): 1}, method="bank_transfer", now=now)
    last = days.day_of(now, pos.organiser.zone) + timedelta(days=10)
    assert order.expires_at == days.end_of(last, pos.organiser.zone)
    said = f"until {last:%A} {last.day} {last:%B %Y}"
    page = TestClientVisitor().open(order_mails.order_path(order)).text
    assert f"We keep your places {said}." in page
    assert f"{said}," not in page
    assert reminders.remind(now + timedelta(days=5)) == 1
    placed, reminder = deliver(mailoutbox)
    assert f"We keep your places {said}." in placed.body
    assert f"We keep your places {said}." in reminder.body
    staff = Staff(make_staff(pos.organiser, "box office"))
    assert f"{last:%A} {last.day} {last:%B %Y}" in staff.open(change(order)).text
    assert orders.expire_overdue(order.expires_at - timedelta(seconds=1)) == 0
    assert orders.expire_overdue(order.expires_at) == 1


def test_an_unpaid_transfer_ends_when_the_event_begins_and_says_the_time(pos, mailoutbox):
    offer = offer_in(pos, 3)
    order = make_order({offer: 1}, method="bank_transfer")
    assert order.expires_at == offer.session.starts_at
    day = offer.session.starts_at.date()
    said = f"until {day:%A} {day.day} {day:%B %Y}, 20:00"
    assert f"We keep your places {said}." in TestClientVisitor().open(order_mails.order_path(order)).text
    (placed,) = deliver(mailoutbox)
    assert f"We keep your places {said}." in placed.body


def test_a_pass_to_be_paid_at_the_box_office_is_kept_to_the_end_of_a_day(pos):
    order = make_order({SeasonPassFactory(pos=pos): 1}, method="on_site", now=at(pos, 9))
    assert order.expires_at.astimezone(ZURICH).time() == time.min


# --- the last day of a pass ----------------------------------------------------------------------------------------
def elsewhere() -> str:
    """A time zone in which it is another day than in UTC now."""
    return "Pacific/Niue" if timezone.now().hour < 11 else "Pacific/Kiritimati"


@pytest.fixture
def far(db):
    pos = PointOfSaleFactory(organiser__time_zone=elsewhere(), friends_family_enabled=True)
    assert days.day_of(timezone.now(), pos.organiser.zone) != timezone.now().date()
    return pos


def today_at(pos) -> date:
    return days.day_of(timezone.now(), pos.organiser.zone)


@pytest.mark.scenario("PAS-04")
@pytest.mark.parametrize(("last", "on_sale"), [(0, True), (-1, False)])
def test_a_pass_is_sold_to_the_end_of_its_last_day_where_the_organiser_is(far, last, on_sale):
    valid_until = today_at(far) + timedelta(days=last)
    season_pass = SeasonPassFactory(
        pos=far, name="Season", valid_from=valid_until - timedelta(days=3), valid_until=valid_until
    )
    visitor = TestClientVisitor()
    assert ("Season" in visitor.open(f"/{far.slug}/").text) is on_sale
    page = visitor.open(f"/{far.slug}/passes/{season_pass.slug}/")
    assert ("Add to cart" in page.text) is on_sale
    end = days.end_of(valid_until, far.organiser.zone)
    sold = availability.season_passes(far).get()
    assert availability.pass_on_sale(sold, end - timedelta(seconds=1))
    assert not availability.pass_on_sale(sold, end)


@pytest.mark.parametrize(("last", "shown"), [(0, True), (-1, False)])
def test_a_pass_stands_in_the_account_to_the_end_of_its_last_day(far, last, shown):
    buyer = make_visitor(far)
    order = make_order({SeasonPassFactory(pos=far, name="Season"): 1}, buyer=buyer, paid=True)
    IssuedPass.objects.filter(order=order).update(valid_until=today_at(far) + timedelta(days=last))
    for page in ("", "orders/"):
        text = browser_of(buyer).open(f"/{far.slug}/account/{page}").text
        assert ("Valid from" in text) is shown
