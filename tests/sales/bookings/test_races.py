"""The last entry of a pass, taken by two at the same instant, on PostgreSQL."""

import uuid
from functools import partial

import pytest
from django.db import IntegrityError
from django.utils import timezone

from contacts import locking
from tests.at_once import at_once, meet
from tests.sales.bookings.conftest import Holder, make_holder
from ticketshop.sales.door import entries as door_entries
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.models import CheckIn, IssuedPass, Ticket
from ticketshop.sales.orders import books
from ticketshop.sales.orders.buyers import CannotPlace
from ticketshop.sales.passes import entries

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("PAS-01")]


def meet_after_counting(monkeypatch) -> None:
    """Let both count the entries of the pass before one of them takes one."""
    booked = entries.booked

    def all_counted_then_meet(issued, session):
        found = booked(issued, session) + entries.at_door(issued, session).counted
        meet()
        return found

    def booked_then_meet(issued, session):  # the door has counted its own entries before
        found = booked(issued, session)
        meet()
        return found

    monkeypatch.setattr(entries, "taken", all_counted_then_meet)
    monkeypatch.setattr(entries, "booked", booked_then_meet)


def without_the_locks(monkeypatch) -> None:
    """Lock neither the pass nor the buyer, whose lock comes before it."""
    passes = IssuedPass.objects.select_related("season_pass", "line", "order")
    monkeypatch.setattr(entries, "lock", lambda pk: passes.get(pk=pk))
    people = locking.Contact.objects.select_related("user", "organiser")
    monkeypatch.setattr(locking, "lock_all", lambda ids: people.in_bulk(list(ids)))


def book(holder: Holder) -> str:
    """Book one place. Return “booked”, or why not."""
    try:
        holder.book()
    except CannotPlace as error:
        return error.problems[0]
    except IntegrityError:
        return "server error"
    return "booked"


def scan(holder: Holder) -> str:
    """Scan the code of the pass at the door. Return the code of the answer."""
    device = Device(uuid.uuid4())
    session = holder.offer.session
    return door_entries.enter(session, holder.issued.code, device, by=None, now=timezone.now()).code


def test_last_entry_is_booked_in_one_of_two_tabs(monkeypatch):
    holder = make_holder(entries=1)
    meet_after_counting(monkeypatch)
    found = at_once(*[partial(book, holder)] * 2)
    assert sorted(found) == ["The 1 entry of this pass is used or booked.", "booked"]
    assert (Ticket.objects.count(), holder.left(), holder.sold()) == (1, 0, 1)
    assert books.check()["I13"] == []


def test_without_the_locks_two_tabs_book_one_entry(monkeypatch):
    holder = make_holder()
    meet_after_counting(monkeypatch)
    without_the_locks(monkeypatch)
    assert at_once(*[partial(book, holder)] * 2) == ["booked", "booked"]
    assert Ticket.objects.count() == 2


def test_entry_is_taken_by_a_booking_or_at_the_door(monkeypatch):
    holder = make_holder(entries=1, booking_needed=False)
    meet_after_counting(monkeypatch)
    booked, scanned = at_once(partial(book, holder), partial(scan, holder))
    assert (booked == "booked") != (scanned == "welcome")
    assert holder.left() == 0
    assert Ticket.objects.count() + CheckIn.objects.count() == 1


def test_without_the_locks_a_booking_and_the_door_take_one_entry(monkeypatch):
    holder = make_holder(booking_needed=False)
    meet_after_counting(monkeypatch)
    without_the_locks(monkeypatch)
    assert at_once(partial(book, holder), partial(scan, holder)) == ["booked", "welcome"]
