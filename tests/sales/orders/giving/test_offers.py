"""Offers of tickets: who can be asked, what is refused and why, and what ends an offer."""

from datetime import timedelta

import icalendar
import pytest
from django.utils import timezone

from contacts.linking import adding, links
from contacts.models import ContactLink
from privacy.erasure import erasing
from tests.factories.sales import make_order
from tests.friends import linked, make_visitor
from tests.migrated_database import once_per_file
from tests.sales.mails.test_order_mails import deliver, mark_sent
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.limits import limits
from ticketshop.sales.admission_lists import tickets_of_lines
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, ReplacedCode, Ticket, TicketGift
from ticketshop.sales.orders import orders
from ticketshop.sales.orders.giving import acceptance, offers, on_order_page, taking_back
from ticketshop.sales.orders.views import lines_of

from .shop import Giving, client_of, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("TIC-05")]
NOW = timezone.now


def make_shop() -> Giving:
    return Giving(now=NOW())


made_shop = once_per_file(make_shop)


def refusal(shop, ticket=None) -> str:
    with pytest.raises(offers.CannotGive) as error:
        offers.offer(ticket or shop.read(), shop.link, by=shop.alice.user, now=shop.now)
    assert not TicketGift.objects.exclude(state="ended").exists()
    return error.value.sentence


def is_open(gift, now) -> bool:
    return offers.open_offers(now).filter(pk=gift.pk).exists()


# --- who and what ------------------------------------------------------------------------------------------
def test_the_switch_of_the_tariff_is_off_for_a_new_one_and_the_page_does_not_exist(shop):
    page = f"/{shop.pos.slug}/account/orders/tickets/{shop.ticket.pk}/give/"
    assert client_of(shop.alice).get(page).status_code == 200
    assert type(shop.tariff)().may_be_given is False
    type(shop.tariff).objects.update(may_be_given=False)
    assert client_of(shop.alice).get(page).status_code == 404
    assert "can’t be given any more" in refusal(shop)


def test_without_friends_and_family_at_the_shop_no_ticket_is_given(shop):
    type(shop.pos).objects.update(friends_family_enabled=False)
    assert "can’t be given any more" in refusal(shop)


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("not connected", lambda shop: links.remove(shop.link, by=None, now=shop.now)),
        ("not connected", lambda shop: ContactLink.objects.update(status="pending")),
        ("not connected", lambda shop: ContactLink.objects.update(permission_parent="none")),
        ("used at the entrance", lambda shop: Ticket.objects.update(state="used", used_at=shop.now)),
        ("is cancelled", lambda shop: orders.cancel(shop.order, by=None, now=shop.now)),
        ("date of this ticket is cancelled", lambda shop: Session.objects.update(state="cancelled")),
        ("has begun", lambda shop: Session.objects.update(starts_at=shop.now)),
        ("You chose the person for this ticket", lambda shop: Ticket.objects.update(beneficiary=shop.bob)),
    ],
)
def test_a_ticket_that_cannot_be_given_is_refused_with_the_reason(shop, why, change):
    change(shop)
    assert why in refusal(shop)


def test_an_unpaid_ticket_is_refused(shop):
    unpaid = make_order({shop.offer: 1}, pos=shop.pos, buyer=shop.alice)
    assert "not paid yet" in refusal(shop, unpaid.tickets.get())


def test_people_without_an_email_address_and_of_other_parents_cannot_be_chosen(shop):
    linked(shop.alice, shop.pos, adding.Person("Zoé", "Martin", no_email=True))
    carol = make_visitor(shop.pos, "Carol", "Smith", email="carol@example.org")
    foreign = linked(carol, shop.pos)
    assert [link.child for link in offers.people_to_ask(shop.alice)] == [shop.bob]
    alice = signed_in(shop.alice)
    page = alice.open(f"/{shop.pos.slug}/account/orders/tickets/{shop.ticket.pk}/give/")
    page = alice.fill("person", {"person": foreign.pk})
    assert "not connected with this person" in page.text
    assert not TicketGift.objects.exists()


def test_pages_of_other_people_are_not_found(shop):
    gift, ticket = shop.offered(), shop.ticket
    carol = client_of(make_visitor(shop.pos, "Carol", "Smith", email="carol@example.org"))
    base = f"/{shop.pos.slug}/account/orders"
    for page in (f"offers/{gift.pk}/", f"tickets/{ticket.pk}/give/"):
        assert carol.get(f"{base}/{page}").status_code == 404
        assert carol.post(f"{base}/{page}", {"do": "accept"}).status_code == 404
    # The page of the other side.
    assert client_of(shop.alice).get(f"{base}/offers/{gift.pk}/").status_code == 404
    assert client_of(shop.bob).get(f"{base}/tickets/{ticket.pk}/give/").status_code == 404
    given = shop.accepted(gift)
    for contact in (shop.alice, shop.bob):
        expected = 200 if contact == shop.bob else 404
        for page in ("", "pdf/", "calendar/", "name/", "give-back/"):
            answer = client_of(contact).get(f"{base}/tickets/{given.pk}/{page}")
            assert answer.status_code == expected, (contact, page)


# --- answers and ends --------------------------------------------------------------------------------------
def test_an_offer_that_is_taken_back_ends_and_the_person_gets_a_mail(shop, mailoutbox):
    gift = shop.offered()
    mark_sent()
    page = f"/{shop.pos.slug}/account/orders/tickets/{shop.ticket.pk}/give/"
    client_of(shop.alice).post(page, {"do": "withdraw"})
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["bob@example.org"]
    assert "Alice Martin keeps this ticket after all" in letter.body
    with pytest.raises(acceptance.OfferOver):
        acceptance.accept(gift, {}, None, language="en", by=shop.bob.user, now=shop.now)
    assert (
        "This offer is over"
        in signed_in(shop.bob).open(f"/{shop.pos.slug}/account/orders/offers/{gift.pk}/").text
    )
    assert shop.read().code == shop.ticket.code
    client_of(shop.alice).post(page, {"do": "withdraw"})
    assert deliver(mailoutbox) == []
    assert is_open(shop.offered(), shop.now), "it can be offered again"


def test_a_declined_offer_leaves_the_ticket_as_it_was_and_tells_the_buyer(shop, mailoutbox):
    gift = shop.offered()
    mark_sent()
    client_of(shop.bob).post(f"/{shop.pos.slug}/account/orders/offers/{gift.pk}/", {"do": "decline"})
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["alice@example.org"]
    assert "Bob Miller has declined the ticket" in letter.body
    ticket = shop.read()
    assert (ticket.code, ticket.holder, ticket.gift) == (shop.ticket.code, "Alice Martin", None)


@pytest.mark.parametrize(
    "end",
    [
        lambda shop: links.decline(shop.link, by=None, now=shop.now),
        lambda shop: Ticket.objects.update(state="used", used_at=shop.now),
        lambda shop: Session.objects.update(state="cancelled"),
        lambda shop: Session.objects.update(starts_at=shop.now),
        lambda shop: orders.cancel(shop.order, by=None, now=shop.now),
        lambda shop: type(shop.tariff).objects.update(may_be_given=False),
        lambda shop: type(shop.pos).objects.update(friends_family_enabled=False),
    ],
)
def test_an_offer_ends_by_itself(shop, end):
    gift = shop.offered()
    assert is_open(gift, shop.now)
    end(shop)
    assert not is_open(gift, shop.now)
    with pytest.raises(acceptance.OfferOver):
        acceptance.accept(gift, {}, None, language="en", by=shop.bob.user, now=shop.now)


def test_the_person_asked_gets_a_mail_when_the_ticket_is_cancelled(shop, mailoutbox):
    gift = shop.offered()
    mark_sent()
    orders.cancel(shop.order, by=None, now=NOW())
    letters = [letter for letter in deliver(mailoutbox) if letter.to == ["bob@example.org"]]
    assert len(letters) == 1
    assert "no longer offered" in letters[0].body
    gift.refresh_from_db()
    assert gift.state == "ended"


@pytest.mark.scenario("S35")
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_an_open_offer_ends_when_one_of_the_two_is_erased(shop, who):
    gift = shop.offered()
    erasing.erase(getattr(shop, who), by=None, now=NOW())
    assert not offers.open_offers(NOW()).filter(pk=gift.pk).exists()
    assert not ReplacedCode.objects.exists()
    assert shop.read().code == shop.ticket.code


def test_a_ticket_is_offered_to_one_person_at_a_time(shop):
    shop.offered()
    with pytest.raises(offers.CannotGive) as error:
        shop.offered()
    assert "offered to somebody already" in error.value.sentence


def test_twenty_offers_an_hour_are_allowed(shop):
    for _number in range(17):
        limits.note("ticket_offer", f"user:{shop.alice.user.pk}", shop.now)
    for _number in range(3):
        offers.withdraw(shop.offered(), by=shop.alice.user, now=shop.now)
    with pytest.raises(offers.TooManyOffers):
        shop.offered()
    assert is_open(
        offers.offer(shop.read(), shop.link, by=shop.alice.user, now=shop.now + timedelta(hours=2)), shop.now
    )


def test_the_maximum_per_person_counts_for_the_person_who_accepts(shop):
    shop.tariff.max_per_person = 1
    shop.tariff.save()
    make_order({shop.offer: 1}, pos=shop.pos, buyer=shop.bob, paid=True)
    with pytest.raises(acceptance.TooManyForPerson) as error:
        shop.accepted()
    assert "at most 1 per person" in error.value.sentence
    assert shop.read().code == shop.ticket.code


# --- afterwards --------------------------------------------------------------------------------------------
def test_the_history_of_both_people_the_order_and_the_ticket_has_no_values(shop):
    shop.accepted()
    rows = [shop.ticket, shop.order, shop.alice, shop.bob]
    for row in rows:
        records = history.of(row).filter(action__in=("ticket_offered", "ticket_given"))
        assert [record.action for record in records] == ["ticket_given", "ticket_offered"]
        assert all(record.details == {} for record in records)


def test_the_connection_ends_and_the_ticket_stays(shop, mailoutbox):
    given = shop.accepted()
    links.decline(ContactLink.objects.get(), by=shop.bob.user, now=shop.now)
    page = signed_in(shop.bob).open(f"/{shop.pos.slug}/account/orders/")
    assert given.code in page.source
    mark_sent()
    orders.cancel(shop.order, by=None, now=NOW())
    assert ["bob@example.org"] in [letter.to for letter in deliver(mailoutbox)]


@pytest.mark.parametrize("by_staff", [False, True], ids=["given back", "taken back by staff"])
def test_each_change_of_the_buyers_calendar_has_a_higher_sequence(shop, by_staff):
    seen = []

    def read() -> None:
        calendar = icalendar.Calendar.from_ical(
            client_of(shop.alice).get(f"{order_mails.order_path(shop.order)}calendar.ics").content
        )
        (event,) = calendar.walk("VEVENT")
        seen.append((event["STATUS"], int(event["SEQUENCE"])))

    read()
    given = shop.accepted()
    read()
    if by_staff:
        taking_back.take_back(given, by=None, now=NOW())
    else:
        shop.accepted(offers.offer_back(shop.read(), by=shop.bob.user, now=shop.now))
    read()
    assert [status for status, _sequence in seen] == ["CONFIRMED", "CANCELLED", "CONFIRMED"]
    sequences = [sequence for _status, sequence in seen]
    assert sequences == sorted(set(sequences))


def test_a_second_offer_is_read_from_the_order_page_without_a_query_for_each_ticket(
    shop, django_assert_num_queries, rf
):
    made = shop.new_order(3)
    shop.ticket = made.tickets.order_by("pk").first()
    shop.offered()
    order = Order.objects.select_related("buyer", "point_of_sale").get(pk=made.pk)
    request = rf.get("/")
    request.user = shop.alice.user
    for number in (1, 3):
        tickets = tickets_of_lines(order, lines_of(order))[:number]
        with django_assert_num_queries(1):
            on_order_page.show(request, order, tickets)
        assert [getattr(ticket, "can_give", False) for ticket in tickets] == [True] * number
