"""A bank transfer in a real browser: the QR-bill of the buyer, and the bank file of the staff."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.browser.test_every_page import look_at
from tests.factories.organisers import make_staff
from tests.factories.sales import BUYER, make_order
from tests.sales.bank.bank import file_of, paying, singly
from tests.staff import change, listing
from ticketshop.demo.bank_files import Paid
from ticketshop.organisers.models import Organiser
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import BankEntry, BankFile, Order

# A folder for pictures of every page of the journey; none are made without it.
PICTURES = os.environ.get("BANK_PICTURES")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        for width, viewport in (("wide", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}-dark.png", full_page=True)
            page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESKTOP)


@pytest.fixture
def orders(shop) -> list[Order]:
    Organiser.objects.update(street="Quai des Tilleuls", house_number="7", postcode="1201", city="Genève")
    return [make_order({shop.adult: 1}, buyer=BUYER, method="bank_transfer") for _number in range(3)]


@pytest.mark.scenario("PAY-13")
def test_buyer_sees_the_code_beside_its_values_and_downloads_the_bill(orders, browse):
    with browse() as page:
        page.goto(order_path(orders[0]))
        code = page.get_by_alt_text("Code of the QR-bill")
        assert code.evaluate("picture => picture.complete && picture.naturalWidth > 0")
        assert look_at(page, "order with a QR-bill") == []
        picture(page, "order")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the QR-bill (PDF)").click()
        assert download.value.suggested_filename == f"qr-bill-{orders[0].reference}.pdf"


@pytest.mark.scenario("PAY-14")
def test_staff_read_in_a_bank_file_and_deal_with_every_payment(shop, orders, browse, tmp_path):
    path = tmp_path / "camt.xml"
    first, second, third = orders
    money = (paying(first), paying(second), paying(third, 5), Paid(Decimal(77), text="Rent", payer="Uncle"))
    path.write_bytes(file_of(*singly(*money)))
    wrong = []
    with browse() as page:
        sign_in(page, make_staff(shop.pos.organiser), f"{listing(BankFile)}add/")
        wrong += faults(page)
        page.get_by_label("File of the bank").set_input_files(path)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("4 new payments were read.")).to_be_visible()
        wrong += faults(page)
        picture(page, "file")
        page.get_by_role("link", name="Mark all exact payments paid").click()
        page.get_by_role("button", name="Mark all exact payments paid").click()
        expect(page.get_by_text("2 orders are paid.")).to_be_visible()
        little, unknown = BankEntry.objects.filter(state="open").order_by("pk")
        page.goto(change(little))
        wrong += faults(page)
        picture(page, "entry")
        page.get_by_role("link", name="Record for this order").click()
        page.get_by_role("button", name="Record for this order").click()
        expect(page.get_by_text("is still missing; the buyer is told.")).to_be_visible()
        page.goto(change(unknown))
        page.get_by_role("link", name="Record for another order").click()
        page.get_by_role("main").get_by_label("Search").fill(third.reference)
        page.get_by_role("main").get_by_role("button", name="Search").click()
        wrong += faults(page)
        picture(page, "search")
        page.get_by_role("link", name=third.reference).click()
        wrong += faults(page)
        page.get_by_role("button", name="Record for this order").click()
        expect(page.get_by_text("is listed to be paid back; the buyer is told.")).to_be_visible()
        page.goto(listing(BankEntry))
        wrong += faults(page)
        picture(page, "list")
    assert wrong == []
    assert {order.state for order in Order.objects.all()} == {"paid"}
