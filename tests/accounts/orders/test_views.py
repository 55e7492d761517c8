"""The list of the visitor's orders."""

from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from contacts.linking import adding, links
from contacts.models import Contact, ContactLink
from privacy.erasure import erasing
from tests.accounts.pages import browser_of
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.sales.orders.giving.shop import Giving
from ticketshop.sales import access
from ticketshop.sales.bookings import own_passes
from ticketshop.sales.models import IssuedPass, Ticket
from ticketshop.sales.orders import cancelled_lines, single_tickets

pytestmark = pytest.mark.django_db


def test_list_states_what_was_cancelled_of_a_paid_order():
    pos = friendly_pos()
    alice = make_visitor(pos)
    order = make_order({OfferFactory(pos=pos, price=Decimal(20)): 3}, buyer=alice, paid=True)
    browser, page = browser_of(alice), f"/{pos.slug}/account/orders/"
    assert "cancelled" not in browser.open(page).text
    for cancelled, stated in ((0, "of which CHF 20.00 cancelled"), (1, "of which CHF 40.00 cancelled")):
        unit = cancelled_lines.units_of(order)[cancelled]
        single_tickets.cancel(order, [unit.key], by=None, now=timezone.now())
        text = browser.open(page).text.replace("\N{NO-BREAK SPACE}", " ")
        assert "CHF 60.00" in text
        assert stated in text


class Shown:
    """Alice bought tickets and passes for herself and for other people; a shop of another organiser sells to her too."""

    def __init__(self):
        self.shop = Giving(now=timezone.now())  # with one ticket for Alice
        self.pos, self.alice, self.bob = self.shop.pos, self.shop.alice, self.shop.bob
        self.season_pass = SeasonPassFactory(pos=self.pos)
        self.dan = make_visitor(self.pos, "Dan", "Ray", email="dan@example.org")
        self.child = linked(
            self.alice, self.pos, adding.Person("Tim", "Martin", no_email=True, birth_date=date(2018, 5, 1))
        )
        self.of_dan = linked(self.alice, self.pos, ("Dan", "Ray", "dan@example.org"))
        self.shop.accepted()
        abroad = friendly_pos()
        make_order(
            {OfferFactory(pos=abroad): 1, SeasonPassFactory(pos=abroad): 1}, pos=abroad, user=self.alice.user
        )

    def buy(self, link: ContactLink | None = None) -> tuple[Ticket, IssuedPass]:
        """Return a ticket and a pass that Alice bought for a person, or that carry the name of a guest alone."""
        holder = {"first_name": "Alice", "last_name": "Guest"}
        if link:
            child = link.child
            holder = {"first_name": child.first_name, "last_name": child.last_name, "person": str(link.pk)}
        order = make_order(
            {self.shop.offer: 1, self.season_pass: 1}, buyer=self.alice, holders=[holder] * 2, paid=True
        )
        return order.tickets.get(), order.passes.get()

    def rows(self, contact: Contact) -> tuple[set, set, set]:
        """Return the tickets, the passes, and the passes to book with."""
        return (
            set(access.tickets_of(contact.user, self.pos)),
            set(access.passes_of(contact.user, self.pos)),
            set(own_passes.of_visitor(contact)),
        )


def test_tickets_and_passes_are_those_bought_without_a_person_chosen_for_the_visitor_and_given():
    shown = Shown()
    given = shown.shop.ticket
    own, of_bob = shown.buy(), shown.buy(shown.shop.link)
    of_child, of_dan = shown.buy(shown.child), shown.buy(shown.of_dan)
    erased = shown.buy(linked(shown.alice, shown.pos, ("Eve", "Gone", "eve@example.org")))
    erasing.erase(erased[0].beneficiary, by=None, now=timezone.now())
    assert Ticket.objects.get(pk=erased[0].pk).holder_erased_at
    assert shown.rows(shown.alice) == ({own[0]}, {own[1]}, {own[1], of_child[1]})
    assert shown.rows(shown.bob) == ({given, of_bob[0]}, {of_bob[1]}, {of_bob[1]})
    assert shown.rows(shown.dan) == ({of_dan[0]}, {of_dan[1]}, {of_dan[1]})
    # A given ticket stays with them after the connection is declined, those bought for them do not.
    for link in (shown.shop.link, shown.of_dan):
        links.not_me(ContactLink.objects.get(pk=link.pk), by=link.child.user, now=timezone.now())
    assert shown.rows(shown.bob) == ({given}, set(), set())
    assert shown.rows(shown.dan) == (set(), set(), set())
    assert shown.rows(shown.alice) == ({own[0]}, {own[1]}, {own[1], of_child[1]})
