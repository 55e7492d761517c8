"""One evening of a theatre in a real Chromium, from the counter to the books: each part finds what the one before has left."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.steps import sign_in
from tests.browser.test_door import type_code
from tests.factories.catalogue import OfferFactory, SeasonPassFactory, TariffFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.orders.giving.shop import BOBS_MENU, Giving
from ticketshop.catalogue.models import Offer, Session
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import books


@dataclass
class Evening:
    """A date tonight: Alice has a ticket that she may give to Bob, and a pass; the tariff asks for a menu. Children are sold at the counter."""

    giving: Giving
    child: Offer
    issued: IssuedPass

    @property
    def home(self) -> str:
        return f"/{self.giving.pos.slug}/"

    @property
    def door(self) -> str:
        return f"/door/{self.giving.offer.session_id}/"


@pytest.fixture
def evening(live_server) -> Iterator[Evening]:
    expect.set_options(timeout=60_000)  # milliseconds; a machine may be busy with something else
    giving = Giving(form=True, now=timezone.now())
    begins = giving.now + timedelta(hours=3)
    session = Session.objects.get(pk=giving.offer.session_id)
    Session.objects.filter(pk=session.pk).update(starts_at=begins, ends_at=begins + timedelta(hours=2))
    tariff = TariffFactory(event=session.event, name="Child", price=18)
    child = OfferFactory(session=session, tariff=tariff, allotment=giving.offer.allotment)
    PaymentMethodFactory(point_of_sale=giving.pos, code="cash")
    season_pass = SeasonPassFactory(pos=giving.pos, booking_needed=False, entries=5, entries_per_date=2)
    season_pass.tariffs.add(giving.tariff)
    holder = {"first_name": "Alice", "last_name": "Martin", "person": "me"}
    order = make_order({season_pass: 1}, pos=giving.pos, buyer=giving.alice, holders=[holder], paid=True)
    yield Evening(giving, child, order.passes.get())
    expect.set_options(timeout=None)


def sell_for_cash(page: Page, evening: Evening) -> list[str]:
    """Sell two children's tickets without a person. Return their codes."""
    page.locator(f"#id_offer-{evening.child.pk}").fill("2")
    page.get_by_label("Cash").check()
    page.locator("#counter").get_by_role("button", name="Sell").last.click()
    expect(page.locator(".counter-sum")).to_contain_text("CHF 36.00")
    expect(page.get_by_role("link", name="Print tickets")).to_be_focused()
    return list(Order.objects.get(without_person=True).tickets.values_list("code", flat=True))


def give(alice: Page, bob: Page, evening: Evening) -> None:
    """Alice offers her ticket, Bob accepts it with another name and his answer, and Alice sees that it is given."""
    alice.get_by_role("link", name="Give this ticket").first.click()
    alice.get_by_label("Bob Miller").check()
    alice.get_by_role("button", name="Offer the ticket").click()
    expect(alice.get_by_text("Take the offer back")).to_be_visible()
    bob.goto(f"{evening.home}account/")
    bob.get_by_role("link", name="Accept or decline").click()
    bob.get_by_role("button", name="Accept the ticket").click()
    expect(bob.get_by_text("This field is required.").first).to_be_visible()
    bob.locator("[name=name-first_name]").fill("Robert")
    bob.get_by_label("Menu").fill(BOBS_MENU)
    bob.get_by_role("button", name="Accept the ticket").click()
    expect(bob.get_by_text("Robert Miller").first).to_be_visible()
    alice.goto(f"{evening.home}orders/{evening.giving.order.reference}/{evening.giving.order.secret}/")
    expect(alice.get_by_text("given to Bob Miller on")).to_be_visible()
    assert "Robert" not in alice.content() and BOBS_MENU not in alice.content()


def book(alice: Page, evening: Evening) -> Ticket:
    """Alice books a place with her pass and answers the form of its tariff. Return the ticket."""
    alice.goto(f"{evening.home}bookings/{evening.issued.pk}/{evening.giving.offer.session_id}/")
    alice.get_by_label("Menu").fill("fish")
    alice.get_by_role("button", name="Book 1 place").click()
    expect(alice.get_by_text("Your place is booked.")).to_be_visible()
    expect(alice.get_by_text("Booked with “")).to_be_visible()
    return Ticket.objects.get(booked_with=evening.issued)


@pytest.mark.scenario("BOX-01", "TIC-05", "PAS-01", "PAS-02", "DOOR-02", "DOOR-03", "BOX-04")
def test_evening_from_the_counter_to_the_books(evening, browse):
    giving, old_code = evening.giving, evening.giving.ticket.code
    clerk, doorman = (make_staff(giving.pos.organiser, role) for role in ("box office", "door"))
    with browse() as box, browse(viewport=PHONE) as alice, browse(viewport=PHONE, color_scheme="dark") as bob:
        sign_in(box, clerk, "/admin/sales/order/counter/")
        sold = sell_for_cash(box, evening)
        sign_in(alice, giving.alice.user, f"{evening.home}account/orders/")
        sign_in(bob, giving.bob.user, f"{evening.home}account/")
        give(alice, bob, evening)
        booked = book(alice, evening)
        with browse(viewport=PHONE) as door:
            sign_in(door, doorman, evening.door)
            for code, word in (
                (sold[0], "✓ Welcome"),
                (sold[0], "✕ Already in"),
                (old_code, "✕ Replaced"),
                (giving.read().code, "✓ Welcome"),
                (booked.code, "✓ Welcome"),
                (evening.issued.code, "✓ Welcome"),
                (evening.issued.code, "✕ Already in"),
            ):
                type_code(door, code, word)
            expect(door.locator("#count")).to_have_text("4 of 5 in")
        box.goto("/admin/sales/order/takings/")
        expect(box.locator("#content")).to_contain_text("you took CHF 36.00 in cash")
        box.locator("#id_count_opening").fill("100")
        box.locator("#id_count_counted").fill("136")
        box.get_by_role("button", name="Note the count").click()
        expect(box.locator("#content")).to_contain_text("you took CHF 0.00 in cash")
    assert IssuedPass.objects.get().entries_left == 3
    assert sorted(Ticket.objects.values_list("state", flat=True)) == ["used", "used", "used", "valid"]
    assert not any(books.check().values())
