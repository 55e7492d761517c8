"""A whole purchase in a real browser: scripts on and off, desktop and phone."""

import io
import re
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import DESKTOP, PHONE
from tests.factories.accounts import UserFactory
from tests.qr import codes_in_pdf, codes_in_picture
from ticketshop.sales.models import Order, Payment
from ticketshop.sales.payments import payments


def codes(order: Order) -> set[str]:
    return {admission.code for rows in (order.tickets.all(), order.passes.all()) for admission in rows}


@pytest.mark.parametrize(
    ("script", "viewport"),
    [
        pytest.param(True, PHONE, id="scripts-phone"),
        pytest.param(False, DESKTOP, id="no-scripts-desktop"),
        pytest.param(True, DESKTOP, id="scripts-desktop", marks=pytest.mark.soak),
        pytest.param(False, PHONE, id="no-scripts-phone", marks=pytest.mark.soak),
    ],
)
def test_a_guest_buys_two_tariffs_and_a_pass(shop, browse, script, viewport):
    with browse(script=script, viewport=viewport, accept_downloads=True) as page:
        steps.choose(page, shop)
        hold = page.locator(".hold")
        expect(hold).to_contain_text(re.compile(r"We hold these places for you until \d\d:\d\d"))
        if script:
            expect(hold.locator("[data-countdown]")).to_have_text(re.compile(r"14:5\d|15:00"))
        steps.to_details(page)
        steps.give_details(page)
        steps.accept(page)
        steps.order(page)
        order = Order.objects.get()
        expect(page.get_by_text(order.reference).first).to_be_visible()
        expect(page.get_by_role("link", name="Download the tickets (PDF)")).to_have_count(0)

        payments.confirm(Payment.objects.get(), by=None, now=timezone.now())
        page.reload()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the tickets (PDF)").click()
        assert set(codes_in_pdf(Path(download.value.path()).read_bytes())) == codes(order)
        page.get_by_role("link", name="Show or print them here").click()
        # As the scanner at the door sees the screen.
        for code in page.locator("svg.qr").all():
            code.scroll_into_view_if_needed()
        shown = Image.open(io.BytesIO(page.screenshot(full_page=True)))
        assert set(codes_in_picture(shown)) == codes(order)


def test_a_signed_in_visitor_buys_and_finds_the_order_in_the_account(shop, browse):
    user = UserFactory(email="grace@example.org")
    with browse(viewport=PHONE) as page:
        steps.sign_in(page, user, shop.home)
        expect(page.get_by_text(user.email).first).to_be_visible()
        steps.choose(page, shop, passes=0)
        steps.to_details(page)
        steps.give_details(page, email=None)
        steps.accept(page, "Bank transfer")
        steps.order(page)
        order = Order.objects.get()
        assert order.buyer.user == user
        page.goto(f"{shop.home}account/orders/")
        page.get_by_role("link", name=re.compile(order.reference)).first.click()
        expect(page.get_by_role("heading", name="How to pay")).to_be_visible()


def test_a_double_click_and_the_back_button_are_one_order(shop, browse):
    with browse() as page:
        steps.open_details(page, shop)
        steps.give_details(page)
        steps.accept(page)
        page.get_by_role("button", name="Order and pay").dblclick()
        expect(page.get_by_role("heading", name="Thank you, your places are reserved")).to_be_visible()
        first = page.url
        page.reload()
        page.go_back()
        button = page.get_by_role("button", name="Order and pay")
        if button.count():
            steps.accept(page)
            button.click()
            assert page.url == first
        else:
            # The page is asked for anew: the cart is empty and says where the order is.
            page.get_by_role("link", name=re.compile("order ")).click()
            assert page.url == first
        assert Order.objects.count() == 1


def test_errors_are_summed_up_and_lead_to_their_fields(shop, browse):
    with browse() as page:
        steps.open_details(page, shop)
        page.locator("#id_buyer-last_name").fill("Lovelace")
        page.locator("#id_buyer-email").fill("nonsense")
        page.get_by_role("button", name="Check your order").click()
        summary = page.locator("#error-summary")
        expect(summary).to_be_focused()
        expect(page).to_have_title(re.compile("^Error:"))
        summary.get_by_role("link").first.click()
        expect(page.locator("#id_buyer-first_name")).to_be_focused()
        expect(page.locator("#id_buyer-last_name")).to_have_value("Lovelace")
        expect(page.locator("#id_buyer-email")).to_have_value("nonsense")


def test_two_tabs_and_one_cart(shop, browse):
    with browse() as page:
        steps.open_details(page, shop)
        steps.give_details(page)
        other = page.context.new_page()
        steps.choose(other, shop, adults=1, children=0, passes=0)
        steps.accept(page)
        page.get_by_role("button", name="Order and pay").click()
        expect(page.get_by_text("Your cart has changed since you opened this page")).to_be_visible()
        assert not Order.objects.exists()
        steps.accept(page)
        steps.order(page)
        assert Order.objects.get().tickets.count() == 2
