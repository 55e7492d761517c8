"""The way to a payment provider and back in a real browser, under the shop's content security policy."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import DESKTOP, listen
from tests.factories.sales import PaymentMethodFactory
from tests.waiting import PATIENCE
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Order
from ticketshop.sales.payments import form_targets


@pytest.fixture
def page(chromium, live_server, shop, provider, settings):
    """A visitor of a shop with the method of the tests; the provider sends them back to the live server."""
    settings.BASE_URL = live_server.url
    PaymentMethodFactory(point_of_sale=shop.pos, code="wallet", settings={"origin": provider.origin})
    context = chromium.new_context(base_url=live_server.url, viewport=DESKTOP, locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.complaints = listen(page, live_server.url)
    yield page
    context.close()


def order_with_the_wallet(page, shop) -> None:
    steps.open_details(page, shop)
    steps.give_details(page)
    steps.accept(page, "Wallet")
    page.get_by_role("button", name="Order and pay").click()


@pytest.mark.scenario("PAY-01", "PAY-05")
def test_buyer_who_left_goes_on_from_the_order_pays_and_comes_back_to_the_tickets(page, shop, provider):
    order_with_the_wallet(page, shop)
    expect(page).to_have_title("Wallet")
    page.goto(order_path(Order.objects.get()))
    page.get_by_role("button", name="now").click()
    expect(page).to_have_title("Wallet")
    assert f"{urlsplit(page.url).scheme}://{urlsplit(page.url).netloc}" == provider.origin
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_role("heading", name="Your order is complete")).to_be_visible()
    assert [text for text in page.complaints if provider.origin not in text] == []


def test_browser_does_not_follow_to_an_origin_that_the_policy_does_not_name(
    page, shop, provider, monkeypatch
):
    monkeypatch.setattr(form_targets, "allow", lambda request, offered: None)
    monkeypatch.setattr(form_targets, "of_shop", lambda pos: [])
    with page.expect_event("console", lambda message: "form-action" in message.text):
        order_with_the_wallet(page, shop)
    assert urlsplit(page.url).netloc != urlsplit(provider.origin).netloc
