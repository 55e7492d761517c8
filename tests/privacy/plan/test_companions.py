"""People added by one person alone are erased with that person: listed in the preview, spared by staff, deferred by a ticket."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format

from contacts.linking import adding, links
from contacts.models import Contact, ContactLink
from privacy import retention
from privacy.declarations import expiry, ownerless
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import companions, planning
from tests.accounts.pages import browser_of
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.privacy.office import bin_page
from tests.staff import Staff, change
from ticketshop.catalogue.models import Session
from ticketshop.sales.models import Order, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S36", "S37")]
TIM = adding.Person("Tim", "Zweig", no_email=True, birth_date=date(2018, 1, 2))
TITLE = "People only this person connected: erased with them"


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def vera(pos) -> Contact:
    return make_visitor(pos, "Vera", "Zweig", email="vera@zweig.example")


@pytest.fixture
def tim(vera, pos) -> Contact:
    """Vera's child, without an address."""
    return linked(vera, pos, TIM).child


@pytest.fixture
def staff(pos) -> Staff:
    return Staff(make_staff(pos.organiser, "owner"))


def ticket_for(person: Contact, buyer: Contact, *, over: bool) -> Ticket:
    link = ContactLink.objects.get(parent=buyer, child=person)
    holders = [
        {"first_name": link.entered_first_name, "last_name": link.entered_last_name, "person": str(link.pk)}
    ]
    offer = OfferFactory(pos=friendly(buyer))
    ticket = make_order({offer: 1}, user=buyer.user, holders=holders, paid=True).tickets.get()
    assert ticket.beneficiary == person and ticket.holder
    if over:
        ended = timezone.now() - timedelta(days=3)
        Session.objects.filter(pk=ticket.session_id).update(
            starts_at=ended - timedelta(hours=2), ends_at=ended
        )
    return ticket


def friendly(contact: Contact):
    return contact.organiser.points_of_sale.get()


def is_erased(contact: Contact) -> bool:
    contact.refresh_from_db()
    assert (contact.erased_at is not None) == (not contact.full_name)
    return contact.erased_at is not None


def test_companions_are_listed_and_erased_with_the_person(vera, tim, pos, staff):
    friend = linked(vera, pos, ("Far", "Friend", "far@friend.example")).child
    page = staff.open(bin_page(vera))
    assert TITLE in page.text and "Tim Zweig" in page.text and "Far Friend" in page.text
    assert not is_erased(tim), "looking changes nothing"
    ticked = {**page.form("^seen$").values, "together": [str(tim.pk), str(friend.pk)]}
    assert staff.client.post(bin_page(vera), ticked).status_code == 302
    receipt = staff.open(change(Erasure.objects.get(together_with=None)))
    assert "erased later" not in receipt.text
    assert is_erased(vera) and is_erased(tim) and is_erased(friend)
    main = Erasure.objects.get(together_with=None)
    others = main.companions.all()
    assert {(one.state, one.channel, one.by) for one in others} == {("closed", "together", staff.user)}
    assert "People who were known through this one alone" in receipt.text
    assert all(one.receipt in receipt.text for one in others)
    assert ownerless.counts() == {} and not ContactLink.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM contacts_contact WHERE contacts_contact::text ~* 'tim|zweig|far@friend'"
        )
        assert cursor.fetchone() == (0,)


def test_spared_companion_is_erased_later_by_retention(vera, tim, pos, staff):
    friend = linked(vera, pos, ("Far", "Friend", "far@friend.example")).child
    form = staff.open(bin_page(vera)).form("^seen$")
    assert set(form.choices["together"]) == {str(tim.pk), str(friend.pk)}
    staff.submit(form, {"together": str(friend.pk)})
    assert is_erased(vera) and is_erased(friend) and not is_erased(tim)
    today = timezone.localdate(timezone.now(), expiry.zone_of(pos.organiser))
    assert tim.full_name == "Tim Zweig" and tim.purge_after == today + timedelta(days=30)
    assert Erasure.objects.get(together_with=None).spared == [], "no number is kept"
    retention.run(timezone.now() + timedelta(days=29))
    assert not is_erased(tim)
    retention.run(timezone.now() + timedelta(days=31))
    assert is_erased(tim)


def test_all_companions_may_be_unticked(vera, tim, staff):
    form = staff.open(bin_page(vera)).form("^seen$")
    values = {name: value for name, value in form.values.items() if name != "together"}
    answer = staff.client.post(bin_page(vera), values)
    assert answer.status_code == 302 and is_erased(vera) and not is_erased(tim)


def test_past_ticket_does_not_keep_a_companion(vera, tim, staff):
    ticket = ticket_for(tim, vera, over=True)
    erasing.erase(vera, by=None, now=timezone.now())
    assert is_erased(vera) and is_erased(tim)
    ticket.refresh_from_db()
    assert (ticket.beneficiary, ticket.holder, ticket.state) == (None, "", "valid")


def test_upcoming_ticket_keeps_a_child_until_the_day_after_its_event(vera, tim, pos, staff):
    ticket = ticket_for(tim, vera, over=False)
    ends = ticket.session.ends_at
    page = staff.open(bin_page(vera))
    assert "when a ticket to come is over" in page.text
    staff.fill("^seen$", {})
    assert is_erased(vera) and not is_erased(tim)
    receipt = staff.open(change(Erasure.objects.get(together_with=None))).text
    day = date_format(
        timezone.localtime(ends, expiry.zone_of(pos.organiser)) + timedelta(days=1), "SHORT_DATE_FORMAT"
    )
    assert "People who were known through this one alone and are erased later" in receipt
    assert f"1 on {day}, when a ticket to come is over" in receipt
    assert "Tim" not in receipt
    ticket.refresh_from_db()
    assert ticket.holder == "Tim Zweig" and ticket.state == "valid"
    assert Order.objects.get(pk=ticket.order_id).buyer is None
    retention.run(ends)
    assert not is_erased(tim)
    retention.run(ends + timedelta(days=1))
    assert is_erased(tim)
    ticket.refresh_from_db()
    assert ticket.holder == "" and ownerless.counts() == {}


def test_people_with_other_links_or_orders_are_not_companions(vera, pos, staff):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    linked(vera, pos, ("Ann", "Other", "ann@example.org"))
    shared = linked(vera, pos, ("Both", "Know", "both@example.org")).child
    assert linked(ann, pos, ("Both", "Know", "both@example.org")).child == shared
    bought = linked(vera, pos, ("Gus", "Guest", "gus@example.org")).child
    typed = {"first_name": "Gus", "last_name": "Guest", "email": "gus@example.org"}
    assert make_order(pos=pos, buyer=typed).buyer == bought
    page = staff.open(bin_page(vera))
    assert TITLE not in page.text
    staff.fill("^seen$", {})
    assert is_erased(vera) and not any(is_erased(one) for one in (ann, shared, bought))


def test_former_friend_without_other_links_is_a_companion(vera, pos):
    link = linked(vera, pos, ("Old", "Friend", "old@friend.example"))
    links.remove(link, by=vera.user, now=timezone.now())
    erasing.erase(vera, by=None, now=timezone.now())
    assert is_erased(link.child)


def test_companion_added_since_the_preview_is_shown_before_the_erasure(vera, pos, staff):
    form = staff.open(bin_page(vera)).form("^seen$")
    child = linked(vera, pos, TIM).child
    again = staff.submit(form, {})
    assert "Something changed since you opened this page" in again.text and "Tim Zweig" in again.text
    assert not is_erased(vera) and not is_erased(child)


def test_companion_added_by_another_person_meanwhile_stays(vera, tim, pos, monkeypatch):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    request = companions._request_locked

    def a_moment_later(erasure, contact, now):
        ContactLink.objects.filter(child=tim).update(parent=ann)
        request(erasure, contact, now)

    monkeypatch.setattr(companions, "_request_locked", a_moment_later)
    erasing.erase(vera, by=None, now=timezone.now())
    assert is_erased(vera) and not is_erased(tim)


@pytest.mark.parametrize("step", ["begin", "empty_database", "delete_files", "verify"])
def test_companions_are_erased_by_the_next_run_after_a_kill(vera, tim, monkeypatch, step):
    states = {"begin": "confirmed", "empty_database": "claimed", "delete_files": "emptied", "verify": "filed"}
    run, ran = erasing.STEPS[states[step]], []

    def killed(erasure, now):
        run(erasure, now)
        ran.append(erasure)
        if len(ran) == 1:
            raise KeyboardInterrupt

    monkeypatch.setitem(erasing.STEPS, states[step], killed)
    with pytest.raises(KeyboardInterrupt):
        erasing.erase(vera, by=None, now=timezone.now())
    erasing.go_on(timezone.now())
    assert is_erased(vera) and is_erased(tim)
    assert Erasure.objects.filter(state="closed").count() == 2
    assert erasing.go_on(timezone.now()) == 0


def test_person_sees_companions_by_the_names_they_typed(vera, tim, pos):
    ContactLink.objects.filter(child=tim).update(entered_first_name="Timmy")
    page = browser_of(vera).open("/theatre/account/data/delete/")
    assert "People known here through you alone" in page.text
    assert "Timmy Zweig" in page.text and "Tim Zweig" not in page.text


def test_person_without_companions_takes_one_query(vera, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert companions.companions_of(vera, now=timezone.now()) == []


def test_companion_has_its_own_receipt(vera, tim, staff):
    erasing.erase(vera, by=staff.user, now=timezone.now())
    child = Erasure.objects.get(channel="together")
    page = staff.open(change(child))
    assert "with the person who had added them" in page.text and "Tim" not in page.text


def test_fingerprint_changes_with_the_companions(vera, pos):
    before = planning.plan(vera, now=timezone.now()).fingerprint
    assert planning.plan(vera, now=timezone.now()).fingerprint == before
    linked(vera, pos, TIM)
    assert planning.plan(vera, now=timezone.now()).fingerprint != before
