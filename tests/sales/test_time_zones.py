"""Another time zone of an organiser: every ticket that people have shows another time, and staff are asked first."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories.catalogue import EventFactory, OfferFactory, SessionFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.sales.mails import order_mails

pytestmark = pytest.mark.django_db
STARTS = datetime(2027, 7, 3, 20, tzinfo=ZoneInfo("Europe/Zurich"))
QUESTION = "Show other times on tickets that people have?"


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser))


def offer_at(pos, starts=STARTS, title="Hamlet"):
    event = EventFactory(pos=pos, title=title)
    return OfferFactory(
        session=SessionFactory(event=event, starts_at=starts, ends_at=starts + timedelta(hours=2))
    )


def save_zone(staff, pos, zone: str):
    staff.open(change(pos.organiser))
    return staff.save(time_zone=zone)


def test_a_time_zone_that_changes_sold_tickets_is_saved_after_a_question(staff, pos):
    order = make_order({offer_at(pos): 2})
    page = save_zone(staff, pos, "America/New_York")
    assert QUESTION in page.text
    assert "Hamlet: Saturday 3 July 2027, 14:00 instead of Saturday 3 July 2027, 20:00." in page.text
    assert "2 tickets show another time then." in page.text
    pos.organiser.refresh_from_db()
    assert pos.organiser.time_zone == "Europe/Zurich"
    page = staff.fill("^_confirmed$")
    assert "Every page and ticket shows the times of the new time zone." in page.text
    pos.organiser.refresh_from_db()
    assert pos.organiser.time_zone == "America/New_York"
    assert "14:00" in TestClientVisitor().open(order_mails.order_path(order)).text


def test_a_time_zone_that_changes_no_sold_ticket_is_saved_at_once(staff, pos):
    offer_at(pos)
    past = offer_at(pos, datetime(2025, 7, 3, 20, tzinfo=ZoneInfo("UTC")), "Over")
    make_order({past: 1}, now=datetime(2025, 7, 1, tzinfo=ZoneInfo("UTC")))
    other = PointOfSaleFactory()
    make_order({offer_at(other, title="Another house"): 1})
    assert QUESTION not in save_zone(staff, pos, "America/New_York").text
    make_order({offer_at(pos): 1})
    # The same times under another name.
    assert QUESTION not in save_zone(staff, pos, "US/Eastern").text
    pos.organiser.refresh_from_db()
    assert pos.organiser.time_zone == "US/Eastern"
