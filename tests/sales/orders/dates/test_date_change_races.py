"""A changed date saved by two at once, and its job run by two workers at once: one change, one mail each."""

from datetime import timedelta
from functools import partial

import pytest

from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import BUYER, make_order
from tests.sales.orders.dates.test_date_changes import typed
from tests.staff import Staff, change
from ticketshop.catalogue import dates
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.office import scoped_admin
from ticketshop.office.mixins.concurrent_edits import ConcurrentEditsMixin
from ticketshop.sales.models import DateChange
from ticketshop.sales.orders.dates import date_change_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def offer():
    offer = OfferFactory(pos=PointOfSaleFactory(organiser__time_zone="Europe/Zurich"))
    make_order({offer: 1}, paid=True)
    make_order({offer: 1}, buyer={**BUYER, "first_name": "Ada", "email": "ada@example.org"}, paid=True)
    return offer


def two_who_confirm(offer) -> list:
    """Two members of staff who have the same question on screen."""
    calls, start = [], offer.session.starts_at + timedelta(days=1)
    for _number in range(2):
        staff = Staff(make_staff(offer.session.event.organiser, "back office"))
        staff.open(change(offer.session))
        staff.save(starts_at=typed(start), ends_at=typed(start + timedelta(hours=2)))
        calls.append(partial(staff.fill, "^_confirmed$"))
    return calls


@pytest.fixture
def between(monkeypatch):
    """The two meet between reading what a date was before, and writing it."""
    save = scoped_admin.ScopedAdmin.start_watch

    def then_meet(self, request, obj):
        save(self, request, obj)
        meet()

    monkeypatch.setattr(scoped_admin.ScopedAdmin, "start_watch", then_meet)


def test_two_who_save_the_same_change_at_once_make_one_change(offer, between):
    at_once(*two_who_confirm(offer))
    offer.session.refresh_from_db()
    assert (DateChange.objects.count(), offer.session.sequence) == (1, 1)


def unlocked(self, *args, **values):
    return super(ConcurrentEditsMixin, self).changeform_view(*args, **values)


def test_without_the_locks_on_the_date_there_are_two_changes(offer, between, monkeypatch):
    # One holds for every page of the back office, the other for the dates a change is about.
    monkeypatch.setattr(ConcurrentEditsMixin, "changeform_view", unlocked)
    read = dates.facts_of
    monkeypatch.setattr(dates, "facts_of", lambda sessions, lock=False: read(sessions))
    at_once(*two_who_confirm(offer))
    assert DateChange.objects.count() == 2


@pytest.fixture
def changed(offer):
    at_once(two_who_confirm(offer)[0])
    return DateChange.objects.get()


@pytest.fixture
def queueing(monkeypatch):
    """Two workers meet before they queue a mail."""
    queue = outbox.queue

    def meet_first(*args, **values):
        meet()
        return queue(*args, **values)

    monkeypatch.setattr(outbox, "queue", meet_first)


def run_twice(change_made) -> int:
    """The job, by two workers at once; the number of mails."""
    at_once(*[partial(date_change_job.carry_out_change.func, change_made.pk)] * 2)
    return Mail.objects.filter(kind="date_changed").count()


def test_two_workers_at_once_tell_each_buyer_once(changed, queueing):
    assert run_twice(changed) == 2


def test_without_the_key_of_the_mail_buyers_get_two_mails(changed, queueing, monkeypatch):
    queue = outbox.queue
    monkeypatch.setattr(outbox, "queue", lambda *args, once=None, **values: queue(*args, **values))
    assert run_twice(changed) == 4
