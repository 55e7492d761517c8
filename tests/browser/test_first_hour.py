"""The first hour of a secretary: from the log-in of an owner whose shop has nothing to a sold ticket, counted."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.browser.test_every_page import look_at
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff
from tests.staff import change
from ticketshop.sales.models import Order, Ticket

MOST_PAGES, MOST_CLICKS = 20, 40


class Counted:
    """A browser page that counts the pages it shows and the clicks; texts are typed by keyboard, with Tab between the fields."""

    def __init__(self, page: Page, name: str):
        self.page, self.name = page, name
        self.pages = self.clicks = 0
        page.on("framenavigated", self._navigated)

    def _navigated(self, frame) -> None:
        if frame == self.page.main_frame:
            self.pages += 1

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def check(self, label: str) -> None:
        self.click(self.page.get_by_label(label))

    def type(self, **texts: str) -> None:
        """Fill in fields by their names."""
        for name, text in texts.items():
            self.page.locator(f"[name={name}]").fill(text)

    def link(self, name: str) -> None:
        self.click(self.page.get_by_role("link", name=name).first)

    def button(self, name: str) -> None:
        self.click(self.page.get_by_role("button", name=name).first)

    def picture(self, name: str) -> None:
        """Save a picture of the page into the folder that PICTURES names, if it is set."""
        if folder := os.environ.get("PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{self.name}-{name}.png", full_page=True)


def set_up(owner: Counted, email: str) -> None:
    """Log in, enter the basics and an event, and open the shop."""
    owner.page.goto("/admin/")
    owner.type(login=email, password="correct horse battery staple")
    owner.button("Log in")
    owner.picture("start")
    owner.link("Ready to open?")
    owner.picture("empty")
    owner.link("Enter name, address, terms and ways to pay on one page")
    owner.type(
        legal_name="Theatre Ltd", street="Main Street", house_number="1", postcode="8000", city="Zürich",
        privacy_contact="data@theatre.example.org", email_sender_address="box@theatre.example.org", terms="What is bought is bought.",
    )  # fmt: skip
    owner.check("Visitors pay at the box office")
    owner.picture("basics")
    owner.button("Save")
    owner.link("An event on sale")
    owner.type(
        title="Hamlet", venue="Great Hall", day="2027-02-05", at="20:00", places="80", name_1="Adult", price_1="40",
        name_2="Child", price_2="20",
    )  # fmt: skip
    owner.picture("event")
    owner.button("Make the event")
    owner.picture("ready")
    owner.button("Open the point of sale")
    expect(owner.page.get_by_text("“Theatre” is open: visitors can buy.")).to_be_visible()
    owner.picture("open")


def buy(buyer: Counted) -> str:
    """Order a ticket as a guest, and return the reference of the order."""
    page = buyer.page
    page.goto("/theatre/")
    buyer.link("Hamlet")
    page.locator("select[id^=offer-]").first.select_option("1")
    buyer.clicks += 1
    buyer.button("Add to cart")
    buyer.button("Continue to your details")
    page.locator("#id_buyer-first_name").fill("Ada")
    page.locator("#id_buyer-last_name").fill("Lovelace")
    page.locator("#id_buyer-email").fill("ada@example.org")
    buyer.button("Check your order")
    buyer.check("I accept the terms of sale.")
    buyer.button("Order and pay")
    expect(page.get_by_role("heading", name="Thank you, your places are reserved")).to_be_visible()
    return Order.objects.get().reference


def take_money(owner: Counted, reference: str) -> None:
    """Take the money of the order in the back office."""
    owner.page.goto("/admin/")
    owner.click(owner.page.get_by_role("link", name="Orders", exact=True).first)
    owner.link(reference)
    owner.link("Mark paid")
    owner.check("Cash")
    owner.button("Mark paid")


@pytest.mark.scenario("OPN-01")
def test_first_ticket_is_sold_within_twenty_pages_and_forty_clicks(browse):
    organiser = OrganiserFactory(name="Theatre", legal_name="")
    PointOfSaleFactory(organiser=organiser, name="Theatre", slug="theatre", terms="", active=False)
    staff = make_staff(organiser, email="owner@theatre.example.org")
    staff.set_password("correct horse battery staple")
    staff.save()
    with browse() as of_owner, browse() as of_buyer:
        owner, buyer = Counted(of_owner, "owner"), Counted(of_buyer, "buyer")
        set_up(owner, staff.email)
        reference = buy(buyer)
        take_money(owner, reference)
    assert Ticket.objects.get().order.state == Order.State.PAID
    print(f"pages {owner.pages} + {buyer.pages}, clicks {owner.clicks} + {buyer.clicks}")
    assert owner.pages + buyer.pages <= MOST_PAGES
    assert owner.clicks + buyer.clicks <= MOST_CLICKS


@pytest.mark.scenario("OPN-01", "OPN-02", "OPN-04")
def test_pages_for_opening_and_copying_are_accessible(browse):
    pos = PointOfSaleFactory(name="Theatre", slug="theatre", active=False)
    offer = OfferFactory(pos=pos)
    event, season_pass = offer.session.event, SeasonPassFactory(pos=pos)
    staff = make_staff(pos.organiser, email="owner@theatre.example.org")
    wrong = []
    with browse() as page:
        page.goto("/theatre/")
        wrong += look_at(page, "not open yet")
        sign_in(page, staff, "/theatre/")
        wrong += look_at(page, "shop that is tried")
        for row, name in (
            (pos, "ready"),
            (pos, "basics"),
            (event, "copy"),
            (event, "dates"),
            (season_pass, "copy"),
        ):
            page.goto(change(row).replace("change/", f"{name}/"))
            if name in {"copy", "dates"}:  # the fields stay above what will be made
                page.get_by_role("button", name="Continue: see what will be made").click()
            wrong += faults(page)
        page.goto("/admin/catalogue/event/simple/")
        wrong += faults(page)
    assert wrong == []
