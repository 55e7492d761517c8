"""The date of this evening in the demo: there again on each day, with tickets to scan."""

import uuid
from datetime import date, datetime, time, timedelta

import pytest

from accounts.models import User
from tests.demo.conftest import TODAY, analyze
from ticketshop.demo import tonight
from ticketshop.demo.programme.theatre import THEATRE
from ticketshop.sales.bookings import own_passes
from ticketshop.sales.door import access, entries
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import books

pytestmark = pytest.mark.django_db
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(scope="module", autouse=True)
def evening_of_today(demo, django_db_blocker) -> None:
    """The date of this evening, in the demo."""
    with django_db_blocker.unblock():
        tonight.write(TODAY)
        analyze()


def evening(day: date):
    at = datetime.combine(day, time(18), THEATRE.zone)
    return next(
        session
        for session in access.sessions(User.objects.get(email="door@theatre.example"), at)
        if session.starts_at.astimezone(THEATRE.zone).date() == day and session.event.slug == tonight.SHOW
    )


def test_codes_of_this_evening_let_in():
    session = evening(TODAY)
    states = list(session.tickets.values_list("state", flat=True))
    assert states.count("valid") > 25
    assert states.count("reserved") == 2
    at = datetime.combine(TODAY, time(19, 10), THEATRE.zone)
    child = session.tickets.filter(line__offer__tariff__age_until=15, response__isnull=False).first()
    answer = entries.enter(session, child.code, Device(uuid.uuid4()), by=None, now=at)
    assert (answer.code, bool(answer.age)) == ("welcome", True)
    assert Ticket.objects.filter(session=session, order__buyer__user__email="alice@example.org").count() == 2
    assert {code: found for code, found in books.check().items() if found} == {}


@pytest.mark.scenario("PAS-01", "PAS-02")
def test_card_of_alice_books_a_place_this_evening_and_its_code_lets_in():
    session, issued = evening(TODAY), IssuedPass.objects.get(order__buyer__user__email="alice@example.org")
    at = datetime.combine(TODAY, time(19), THEATRE.zone)
    date = own_passes.date_of(issued, session, at)
    assert (date.refusal, date.most) == ("", 5)
    answer = entries.enter(session, issued.code, Device(uuid.uuid4()), by=None, now=at)
    assert (answer.code, answer.detail) == ("welcome", "4 entries left.")
    assert {code: found for code, found in books.check().items() if found} == {}


def test_another_day_has_its_own_evening_and_the_same_day_no_second_one():
    count = Order.objects.count()
    assert not tonight.write(TODAY)
    assert Order.objects.count() == count
    assert tonight.write(TOMORROW)
    assert evening(TOMORROW).tickets.filter(state="valid").count() > 25
    assert {code: found for code, found in books.check().items() if found} == {}


def test_theatre_that_is_not_the_demos_any_more_gets_no_date():
    User.objects.filter(email="office@theatre.example").update(email="other@theatre.example")
    assert not tonight.write(TOMORROW)
