"""Two devices and one code on PostgreSQL."""

import uuid
from functools import partial

import pytest
from django.utils import timezone

from tests.at_once import at_once, second
from tests.factories.catalogue import SeasonPassFactory
from tests.factories.sales import make_order
from ticketshop.sales.door import entries
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.models import CheckIn, IssuedPass, Ticket
from ticketshop.sales.tickets import codes

from .conftest import make_evening
from .races import (
    meet_after_counting,
    meet_after_reading,
    scanned_by_two,
    without_the_condition,
    without_the_lock,
)

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 3


@pytest.fixture
def evening():
    """A date whose rows are committed."""
    return make_evening()


@pytest.mark.scenario("DOOR-02")
def test_of_two_devices_with_one_code_one_says_welcome(evening, monkeypatch):
    meet_after_reading(monkeypatch)
    for ticket in evening.sell(ROUNDS):
        assert scanned_by_two(evening, ticket) == ["already_in", "welcome"]
    assert CheckIn.objects.count() == ROUNDS


def test_without_the_condition_both_devices_say_welcome(evening, monkeypatch):
    meet_after_reading(monkeypatch)
    without_the_condition(monkeypatch)
    for ticket in evening.sell(ROUNDS):
        assert scanned_by_two(evening, ticket) == ["welcome", "welcome"]


def test_scan_that_arrives_twice_at_once_is_one_entry_with_one_answer(evening, monkeypatch):
    meet_after_reading(monkeypatch)
    (ticket,) = evening.sell()
    scan = partial(
        entries.enter, evening.session, ticket.code, Device(uuid.uuid4()), by=None, now=timezone.now()
    )
    assert [answer.code for answer in at_once(scan, scan)] == ["welcome", "welcome"]
    assert CheckIn.objects.count() == 1


def test_code_that_is_replaced_after_it_was_read_is_refused(evening, monkeypatch):
    meet_after_reading(monkeypatch)
    (ticket,) = evening.sell()
    scan = partial(
        entries.enter, evening.session, ticket.code, Device(uuid.uuid4()), by=None, now=timezone.now()
    )
    renew = partial(codes.renew, ticket.order, [codes.key_of(ticket)], by=None, now=timezone.now())
    answer, _renewed = at_once(scan, second(renew))
    assert answer.code == "replaced"
    assert not CheckIn.objects.exists()


def test_person_is_let_out_once(evening):
    (ticket,) = evening.sell()
    entries.enter(evening.session, ticket.code, Device(uuid.uuid4()), by=None, now=timezone.now())
    ticket = Ticket.objects.select_related("session").get()
    out = partial(entries.take_back, ticket, CheckIn.Kind.OUT, by=None, now=timezone.now())
    found = at_once(*(partial(out, Device(uuid.uuid4())) for _device in range(2)))
    assert sorted(found) == [False, True]


def sell_pass(evening) -> IssuedPass:
    season_pass = SeasonPassFactory(pos=evening.pos, booking_needed=False)
    return make_order({season_pass: 1}, paid=True).passes.get()


@pytest.mark.scenario("PAS-02")
def test_of_two_devices_with_one_pass_one_says_welcome(evening, monkeypatch):
    meet_after_counting(monkeypatch)
    assert scanned_by_two(evening, sell_pass(evening)) == ["already_in", "welcome"]


def test_without_the_lock_both_devices_let_one_pass_in(evening, monkeypatch):
    meet_after_counting(monkeypatch)
    without_the_lock(monkeypatch)
    assert scanned_by_two(evening, sell_pass(evening)) == ["welcome", "welcome"]
