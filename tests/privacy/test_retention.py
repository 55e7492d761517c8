"""People nobody needs any more go by themselves, on the day of their organiser."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from contacts import adding, links
from contacts.models import Contact
from privacy import erasing, planning, retention, tasks
from privacy.models import Erasure
from tests.factories.accounts import UserFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("FF-32")]
DAY = date(2026, 3, 20)
# In Zurich the day begins an hour before it does in UTC, in New York four hours later (it is winter, and spring).
LAST, FIRST = datetime(2026, 3, 19, 22, 59, 59, tzinfo=UTC), datetime(2026, 3, 19, 23, 0, tzinfo=UTC)


def added(organiser=None, **values) -> Contact:
    """Somebody whose last day is DAY."""
    contact = ContactFactory(organiser=organiser or OrganiserFactory(), **values)
    Contact.objects.filter(pk=contact.pk).update(purge_after=DAY, created_via="friends_family")
    return contact


def is_erased(contact: Contact) -> bool:
    contact.refresh_from_db()
    assert (contact.erased_at is not None) == (not contact.full_name)
    return contact.erased_at is not None


def test_on_the_day_itself_and_not_before():
    contact = added()
    assert retention.unclaimed(LAST) == 0 and not is_erased(contact)
    assert retention.unclaimed(FIRST) == 1 and is_erased(contact)
    done = Erasure.objects.get()
    assert (done.state, done.channel, done.reason, done.by) == ("closed", "retention", "not_needed", None)


def test_the_day_is_the_organisers():
    here = added()
    far = added(OrganiserFactory(time_zone="America/New_York"))
    assert retention.unclaimed(FIRST) == 1 and is_erased(here) and not is_erased(far)
    assert retention.unclaimed(FIRST + timedelta(hours=5)) == 1 and is_erased(far)


def test_a_second_run_does_nothing():
    added(), added()
    assert retention.unclaimed(FIRST) == 2
    before = list(Erasure.objects.order_by("pk").values())
    assert retention.unclaimed(FIRST) == 0 and retention.unclaimed(FIRST + timedelta(days=9)) == 0
    assert list(Erasure.objects.order_by("pk").values()) == before


def test_who_ordered_or_was_given_a_ticket_stays():
    bought = make_order().buyer
    given = ContactFactory(organiser=bought.organiser)
    ticket = make_order(pos=bought.orders.get().point_of_sale).tickets.get()
    type(ticket).objects.filter(pk=ticket.pk).update(beneficiary=given)
    free = added(bought.organiser)
    Contact.objects.filter(pk__in=[bought.pk, given.pk]).update(purge_after=DAY)
    assert retention.unclaimed(FIRST) == 1 and is_erased(free)
    assert not is_erased(bought) and not is_erased(given)
    assert not Contact.objects.exclude(purge_after=None).exists(), "not looked at again each night"


def test_who_claimed_stays():
    contact = added()
    Contact.objects.filter(pk=contact.pk).update(user=UserFactory())
    assert retention.unclaimed(FIRST) == 0 and not is_erased(contact)


def test_who_orders_at_that_very_moment_stays(monkeypatch):
    order = make_order()
    contact = added(order.organiser)
    ask = erasing.request

    def a_moment_later(*args, **asked):
        type(order).objects.filter(pk=order.pk).update(buyer=contact)
        return ask(*args, **asked)

    monkeypatch.setattr(erasing, "request", a_moment_later)
    assert retention.unclaimed(FIRST) == 0 and not is_erased(contact)
    assert not Erasure.objects.exists()


def test_one_that_fails_does_not_stop_the_others(monkeypatch):
    first, second = added(), added()
    ask = planning.plan

    def busy(contact, **how):
        if contact == first:
            raise OSError
        return ask(contact, **how)

    monkeypatch.setattr(planning, "plan", busy)
    assert retention.unclaimed(FIRST) == 1 and is_erased(second) and not is_erased(first)


def test_it_runs_every_night():
    assert tasks.unclaimed.name == "privacy.unclaimed"
    contact = added()
    Contact.objects.filter(pk=contact.pk).update(purge_after=timezone.now().date() - timedelta(days=2))
    tasks.unclaimed(0)
    assert is_erased(contact)


# --- people who were brought by somebody who is erased ---------------------------------------------------------------


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")


def erase(contact: Contact) -> None:
    assert erasing.erase(contact, by=None, now=timezone.now()).state == "closed"


@pytest.mark.scenario("S36", "FF-37")
def test_strangers_who_were_invited_go_with_whoever_invited_them(zoe, pos):
    stranger = linked(zoe, pos, ("Far", "Stranger", "far@example.org")).child
    child = linked(zoe, pos, adding.Person("Tim", "Grey", no_email=True, birth_date=date(2018, 1, 2))).child
    gone = linked(zoe, pos, ("Old", "Stranger", "old@example.org"))
    links.remove(gone, by=zoe.user, now=timezone.now())
    erase(zoe)
    tomorrow = timezone.now() + timedelta(days=2)
    assert retention.unclaimed(tomorrow) == 3
    assert all(is_erased(one) for one in (stranger, child, gone.child))


@pytest.mark.scenario("S36", "FF-37")
def test_people_who_are_somebody_without_them_stay(zoe, pos):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    claimed = linked(zoe, pos, ("Ann", "Other", "ann@example.org")).child
    shared = linked(zoe, pos, ("Both", "Know", "both@example.org")).child
    assert linked(ann, pos, ("Both", "Know", "both@example.org")).child == shared
    guest = make_order(
        pos=pos, buyer={"first_name": "Gus", "last_name": "Guest", "email": "gus@example.org"}
    ).buyer
    assert linked(zoe, pos, ("Gus", "Guest", "gus@example.org")).child == guest
    days = dict(Contact.objects.exclude(pk=zoe.pk).values_list("pk", "purge_after"))
    erase(zoe)
    assert (
        claimed == ann and dict(Contact.objects.exclude(pk=zoe.pk).values_list("pk", "purge_after")) == days
    )
    assert retention.unclaimed(timezone.now() + timedelta(days=2)) == 0
