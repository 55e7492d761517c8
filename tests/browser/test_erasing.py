"""An organiser deletes a customer, from a search to a receipt; then the order's page, the books, the bystander."""

import pytest
from playwright.sync_api import Page, expect

from contacts.models import Contact
from privacy.models import Erasure
from tests.browser.conftest import DESKTOP
from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.privacy.office import Office, bin_page, coming_order, make_office
from tests.staff import change, listing
from ticketshop.sales.models import Customer, Order

PHONE_WIDTH = {"width": 400, "height": 800}


def search(page: Page, words: str) -> None:
    page.goto(listing(Customer))
    page.locator("#searchbar").fill(words)
    page.locator("#changelist-search input[type=submit]").click()


def to_the_receipt(page: Page, office: Office, wrong: list[str]) -> None:
    """From the search through the profile and the preview."""
    search(page, "vera zweig")
    page.get_by_role("link", name="Vera Zweig").click()
    expect(page.locator("#content")).to_contain_text(office.order.reference)
    wrong += faults(page)
    page.locator(".row-buttons").get_by_role("link", name="Erase…").click()

    expect(page.locator("#content")).to_contain_text("What is erased")
    expect(page.locator("#content")).to_contain_text("A ticket not yet used")
    assert page.get_by_role("radio").first.is_checked()
    wrong += faults(page)
    page.set_viewport_size(PHONE_WIDTH)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH["width"]
    page.set_viewport_size(DESKTOP)
    page.get_by_role("radio").last.check()
    page.get_by_role("button", name="Erase now – this can’t be undone").click()

    done = Erasure.objects.get()
    page.wait_for_url(f"**{change(done)}")
    expect(page.locator("#content")).to_contain_text(done.receipt)
    expect(page.locator(".messagelist")).to_contain_text("Erased.")
    wrong += faults(page)


def the_books(page: Page, order: Order, wrong: list[str]) -> None:
    """The order is found by its reference, with everything but whose it was."""
    page.goto(f"{listing(Order)}?q={order.reference}")
    expect(page.locator("#result_list")).to_contain_text("Erased customer")
    page.get_by_role("link", name=order.reference).click()
    expect(page.locator(".notes")).to_contain_text("Kept until")
    expect(page.locator("#content")).to_contain_text("CHF 35.00")
    expect(page.locator("#content")).to_contain_text("guest removed")
    wrong += faults(page)


@pytest.mark.scenario("S01", "S04", "S06", "S29")
def test_an_organiser_deletes_a_customer_from_a_search_to_a_receipt(browse, live_server):
    office, wrong = make_office(), []
    coming = coming_order(office.pos)
    vera, wilma = office.vera, office.wilma
    before = Contact.objects.filter(pk=wilma.pk).values().get()
    with browse() as page:
        sign_in(page, office.owner, "/admin/")
        to_the_receipt(page, office, wrong)
        search(page, "vera zweig")
        expect(page.locator("#changelist")).not_to_contain_text("Vera Zweig")
        page.goto(bin_page(vera))
        expect(page.locator("h1")).to_contain_text("can’t find")
        the_books(page, office.order, wrong)
        page.goto(change(coming))
        expect(page.locator("#content")).to_contain_text("Erased customer")
        search(page, "wilma")
        page.get_by_role("link", name="Wilma Zweigli").click()
        expect(page.locator("#content")).to_contain_text(office.other.reference)
    assert wrong == [], "\n".join(wrong)
    assert Contact.objects.filter(pk=wilma.pk).values().get() == before
    assert Order.objects.get(pk=office.other.pk).buyer_id == wilma.pk


def test_it_works_without_scripts_too(browse, live_server):
    office = make_office()
    with browse(script=False) as page:
        sign_in(page, office.owner, bin_page(office.vera))
        page.get_by_role("button", name="Erase now – this can’t be undone").click()
        page.wait_for_url(f"**{change(Erasure.objects.get())}")
    assert Erasure.objects.get().state == Erasure.State.CLOSED
