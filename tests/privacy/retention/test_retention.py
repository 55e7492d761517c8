"""The retention job erases unused contacts on their day in the organiser's time zone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.models import User
from contacts.linking import adding, links, staff_links
from contacts.models import Contact, ContactLink, LinkType
from privacy import retention, tasks
from privacy.declarations import expiry
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import planning
from tests.factories.accounts import UserFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.privacy.retention.rules import only_rules_of
from ticketshop.catalogue.models import Session
from ticketshop.jobs import rows as jobs
from ticketshop.jobs.models import Failure
from ticketshop.lib.personal import RETENTION
from ticketshop.sales.models import Order, Refund, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("FF-32")]
DAY = date(2026, 3, 20)
# In Zurich the day begins an hour before it does in UTC, in New York four hours later (it is winter, and spring).
LAST, FIRST = datetime(2026, 3, 19, 22, 59, 59, tzinfo=UTC), datetime(2026, 3, 19, 23, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def rules():
    with only_rules_of("contacts"):
        yield


def added(organiser=None, **values) -> Contact:
    """Return a contact whose purge date is DAY."""
    contact = ContactFactory(organiser=organiser or OrganiserFactory(), **values)
    Contact.objects.filter(pk=contact.pk).update(purge_after=DAY, created_via="friends_family")
    return contact


def people_gone(now) -> int:
    """Return the number of people the job erases."""
    return retention.run(now).get("contacts.Contact", 0)


def is_erased(contact: Contact) -> bool:
    contact.refresh_from_db()
    assert (contact.erased_at is not None) == (not contact.full_name)
    return contact.erased_at is not None


def test_unclaimed_contact_is_erased_on_its_day_and_not_before():
    contact = added()
    assert people_gone(LAST) == 0 and not is_erased(contact)
    assert people_gone(FIRST) == 1 and is_erased(contact)
    done = Erasure.objects.get()
    assert (done.state, done.channel, done.reason, done.by) == ("closed", "retention", "not_needed", None)


def test_day_is_in_the_organisers_zone():
    here = added()
    far = added(OrganiserFactory(time_zone="America/New_York"))
    assert people_gone(FIRST) == 1 and is_erased(here) and not is_erased(far)
    assert people_gone(FIRST + timedelta(hours=5)) == 1 and is_erased(far)


def test_a_second_run_does_nothing():
    added(), added()
    assert people_gone(FIRST) == 2
    before = list(Erasure.objects.order_by("pk").values())
    assert people_gone(FIRST) == 0 and people_gone(FIRST + timedelta(days=9)) == 0
    assert list(Erasure.objects.order_by("pk").values()) == before


def test_added_contact_who_ordered_is_kept_as_a_customer():
    bought, free = make_order().buyer, added()
    Contact.objects.filter(pk=bought.pk).update(purge_after=DAY, created_via="friends_family")
    assert people_gone(FIRST) == 1 and is_erased(free) and not is_erased(bought)
    assert bought.purge_after is None
    assert people_gone(FIRST + timedelta(days=400)) == 0 and bought.purge_after is None


def with_ticket(contact: Contact, *, ends: datetime) -> Ticket:
    """Return a ticket for ``contact`` in an order of another buyer, at a session that ends at ``ends``."""
    ticket = make_order(pos=PointOfSaleFactory(organiser=contact.organiser), paid=True).tickets.get()
    Ticket.objects.filter(pk=ticket.pk).update(beneficiary=contact, holder_first_name=contact.first_name)
    Session.objects.filter(pk=ticket.session_id).update(starts_at=ends - timedelta(hours=2), ends_at=ends)
    return ticket


@pytest.mark.scenario("S37")
def test_past_ticket_does_not_keep_an_unclaimed_contact():
    contact = added()
    ticket = with_ticket(contact, ends=FIRST - timedelta(days=3))
    assert people_gone(FIRST) == 1 and is_erased(contact)
    ticket.refresh_from_db()
    assert (ticket.beneficiary, ticket.holder, ticket.state) == (None, "", "valid")


@pytest.mark.scenario("S37")
def test_upcoming_ticket_keeps_a_contact_until_the_day_after_its_event():
    contact = added()
    ticket = with_ticket(contact, ends=datetime(2026, 4, 20, 20, tzinfo=UTC))
    assert people_gone(FIRST) == 0 and not is_erased(contact)
    assert contact.purge_after == date(2026, 4, 21)
    assert people_gone(datetime(2026, 4, 20, 21, tzinfo=UTC)) == 0
    assert people_gone(datetime(2026, 4, 21, 3, 20, tzinfo=UTC)) == 1 and is_erased(contact)
    ticket.refresh_from_db()
    assert ticket.holder == "" and ticket.state == "valid"


def test_contact_with_a_claimed_account_stays():
    contact = added()
    Contact.objects.filter(pk=contact.pk).update(user=UserFactory())
    assert people_gone(FIRST) == 0 and not is_erased(contact)


def test_contact_who_orders_during_the_run_stays(monkeypatch):
    order = make_order()
    contact = added(order.organiser)
    ask = erasing.request

    def a_moment_later(*args, **asked):
        type(order).objects.filter(pk=order.pk).update(buyer=contact)
        return ask(*args, **asked)

    monkeypatch.setattr(erasing, "request", a_moment_later)
    assert people_gone(FIRST) == 0 and not is_erased(contact)
    assert not Erasure.objects.exists()


def test_failing_contact_does_not_stop_the_others(monkeypatch):
    first, second = added(), added()
    ask = planning.plan

    def busy(contact, **how):
        if contact == first:
            raise OSError
        return ask(contact, **how)

    monkeypatch.setattr(planning, "plan", busy)
    assert people_gone(FIRST) == 1 and is_erased(second) and not is_erased(first)
    failure = Failure.objects.get()
    assert (failure.row, failure.organiser) == (str(first.pk), first.organiser)
    monkeypatch.undo()
    assert jobs.try_all_again(failure.next_at) == 1 and is_erased(first)


def test_retention_runs_every_night():
    assert tasks.erase_what_is_over.name == RETENTION
    assert RETENTION in {name for name, _id in app.periodic_registry.periodic_tasks}
    contact = added()
    Contact.objects.filter(pk=contact.pk).update(purge_after=timezone.now().date() - timedelta(days=2))
    tasks.erase_what_is_over(0)
    assert is_erased(contact)


# --- people added by an erased person ---------------- ---------------------------------------------------------------


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")


def erase(contact: Contact) -> None:
    assert erasing.erase(contact, by=None, now=timezone.now()).state == "closed"


CHILD = adding.Person("Tim", "Grey", no_email=True, birth_date=date(2018, 1, 2))


@pytest.mark.scenario("S36", "FF-37")
def test_invited_people_are_erased_with_the_only_person_who_added_them(zoe, pos):
    stranger = linked(zoe, pos, ("Far", "Stranger", "far@example.org")).child
    child = linked(zoe, pos, CHILD).child
    gone = linked(zoe, pos, ("Old", "Stranger", "old@example.org"))
    links.remove(gone, by=zoe.user, now=timezone.now())
    erase(zoe)
    assert all(is_erased(one) for one in (stranger, child, gone.child))
    assert people_gone(timezone.now() + timedelta(days=2)) == 0


@pytest.mark.scenario("S36", "FF-37")
def test_people_with_other_links_or_orders_stay(zoe, pos):
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
    assert people_gone(timezone.now() + timedelta(days=2)) == 0


# --- people without an address ---------------------------------------------------------------------------------------


def test_child_is_erased_thirty_days_after_its_last_link(zoe, pos):
    # At noon: a day of the organiser's is not one of Greenwich at night.
    now = (timezone.now() + timedelta(days=1)).replace(hour=12)
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    child = linked(zoe, pos, CHILD).child
    second = staff_links.add(
        parent=ann, child=child, link_type=LinkType.objects.get(code="friends_family"), by=None, now=now,
        permission="manage", consent_reason="the other parent",
    )  # fmt: skip
    assert people_gone(now + timedelta(days=400)) == 0, "as long as somebody has them in their list"
    links.remove(ContactLink.objects.get(parent=zoe), by=zoe.user, now=now)
    assert people_gone(now + timedelta(days=400)) == 0
    links.remove(second, by=ann.user, now=now + timedelta(days=100))
    # One run a year later, or each night: the day is the same.
    assert people_gone(now + timedelta(days=129)) == 0
    child.refresh_from_db()
    assert child.purge_after == (now + timedelta(days=130)).date()
    assert people_gone(now + timedelta(days=131)) == 1 and is_erased(child)


def test_child_that_is_linked_again_has_no_purge_date(zoe, pos):
    now = timezone.now()
    link = linked(zoe, pos, CHILD)
    links.remove(link, by=zoe.user, now=now)
    retention.run(now)
    link.child.refresh_from_db()
    assert link.child.purge_after is not None
    assert links.undo_remove(link, most=20, by=zoe.user, now=now + timedelta(minutes=5))
    assert people_gone(now + timedelta(days=60)) == 0
    link.child.refresh_from_db()
    assert link.child.purge_after is None


def test_child_of_an_erased_parent_gets_a_purge_date(zoe, pos):
    child = linked(zoe, pos, CHILD).child
    ContactLink.objects.all().delete()
    now = timezone.now()
    assert people_gone(now) == 0
    child.refresh_from_db()
    assert child.purge_after == timezone.localdate(now, expiry.zone_of(pos.organiser)) + timedelta(days=30)
    assert people_gone(now + timedelta(days=31)) == 1 and is_erased(child)


# --- customers without recent use -----------------------------------------------------------------------------------

YEARS = timedelta(days=3 * 365)


@pytest.mark.scenario("S45")
def test_unused_contact_is_erased_after_three_years():
    contact = ContactFactory()
    assert people_gone(contact.created_at + YEARS - timedelta(days=1)) == 0
    assert people_gone(contact.created_at + YEARS) == 1 and is_erased(contact)
    assert Erasure.objects.get().channel == "retention"


@pytest.mark.scenario("S45")
@pytest.mark.parametrize("sign", ["an order", "a ticket", "a log-in", "a list"])
def test_contact_with_recent_use_stays(sign, pos):
    contact = make_visitor(pos, "Vera", "Zweig")
    user = contact.user
    lately = contact.created_at + timedelta(days=900)
    if sign == "an order":
        make_order(pos=pos, user=contact.user, paid=True)
        Order.objects.update(placed_at=lately)
        Session.objects.update(starts_at=contact.created_at, ends_at=contact.created_at + timedelta(hours=1))
    elif sign == "a ticket":
        with_ticket(contact, ends=lately)
    elif sign == "a log-in":
        User.objects.filter(pk=user.pk).update(last_login=lately)
    else:
        ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
        User.objects.filter(pk=ann.user_id).update(last_login=lately)
        linked(ann, pos, ("Vera", "Zweig", contact.email))
    people_gone(contact.created_at + YEARS + timedelta(days=9))
    assert not is_erased(contact)
    people_gone(lately + YEARS + timedelta(days=9))
    # A contact in a list is erased after the person whose list it was.
    people_gone(lately + 2 * YEARS + timedelta(days=9))
    assert is_erased(contact) and not User.objects.filter(pk=user.pk).exists()


@pytest.mark.scenario("S45")
def test_orders_stay_when_the_retention_job_erases_a_customer(pos):
    order = make_order(pos=pos, paid=True)
    before = Order.objects.values("reference", "total", "placed_at", "state").get(pk=order.pk)
    buyer, day = order.buyer, max(order.placed_at, order.tickets.get().session.ends_at) + YEARS
    assert people_gone(day - timedelta(days=2)) == 0
    assert people_gone(day + timedelta(days=1)) == 1 and is_erased(buyer)
    assert Order.objects.values("reference", "total", "placed_at", "state").get(pk=order.pk) == before


@pytest.mark.scenario("S45")
def test_organiser_sees_upcoming_erasures_and_sets_the_years(pos):
    contact = ContactFactory(organiser=pos.organiser)
    today = timezone.localdate(contact.created_at + YEARS, expiry.zone_of(pos.organiser))
    assert expiry.upcoming(pos.organiser, today - timedelta(days=31), 30) == []
    (due,) = expiry.upcoming(pos.organiser, today - timedelta(days=9), 30)
    assert (due.model, due.day, due.rows) == (Contact, today, 1)
    pos.organiser.customer_years = 4
    pos.organiser.save()
    assert people_gone(contact.created_at + YEARS) == 0
    assert people_gone(contact.created_at + timedelta(days=4 * 365)) == 1


def test_open_refund_keeps_a_customer(pos):
    order = make_order(pos=pos, paid=True)
    orders.cancel(order, by=None, now=timezone.now())
    later = order.tickets.get().session.ends_at + YEARS + timedelta(days=1)
    Refund.objects.update(requested_at=later - timedelta(days=200))
    assert people_gone(later) == 0 and not is_erased(order.buyer)
    payments.refund_done(order.payments.get().refunds.get(), by=None, now=later)
    assert people_gone(later) == 1 and is_erased(order.buyer)


def test_as_many_queries_to_look_at_thirty_people_as_at_three(pos):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            retention.run(timezone.now())
        return len(queries)

    for _number in range(3):
        ContactFactory(organiser=pos.organiser)
    before = count()
    for _number in range(30):
        ContactFactory(organiser=pos.organiser)
    assert count() == before
