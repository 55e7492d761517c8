"""A card payment in a real browser, with the fake Stripe and its webhooks: declined, left, found again by mail, paid."""

import re

import pytest
from playwright.sync_api import expect

from tests import fake_stripe
from tests.browser import steps
from tests.browser.conftest import PHONE, listen
from tests.factories.sales import PaymentMethodFactory
from tests.sales.mails.test_order_mails import deliver
from tests.waiting import PATIENCE, wait_for
from ticketshop.sales.models import Order


@pytest.fixture
def stripe(settings, live_server):
    with fake_stripe.running(settings, hook_url=f"{live_server.url}/hooks/stripe/theatre/") as fake:
        yield fake


@pytest.fixture
def context(chromium, live_server, shop, stripe, settings):
    settings.BASE_URL = live_server.url
    PaymentMethodFactory(point_of_sale=shop.pos, code="stripe")
    context = chromium.new_context(base_url=live_server.url, viewport=PHONE, locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    context.close()


@pytest.mark.scenario("PAY-05", "PAY-12")
def test_declined_card_closed_tab_and_two_tabs_end_with_one_payment(
    context, live_server, shop, stripe, mailoutbox
):
    page = context.new_page()
    complaints = listen(page, live_server.url)
    steps.choose(page, shop, children=0, passes=0)
    steps.to_details(page)
    steps.give_details(page)
    steps.accept(page, "Card or TWINT")
    page.get_by_role("button", name="Order and pay").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("Your card was declined"))
    assert [text for text in complaints if stripe.origin not in text] == []
    page.close()
    (letter,) = deliver(mailoutbox)
    order = Order.objects.get()
    link = re.search(rf"{live_server.url}(/\S+/orders/\S+/)", letter.body)[1]
    first, second = context.new_page(), context.new_page()
    for tab in (first, second):
        tab.goto(link)
        tab.get_by_role("button", name="now").click()
        expect(tab).to_have_title("Fake Stripe")
    first.get_by_role("button", name="Pay", exact=True).click()
    expect(first.get_by_role("heading", name="Your order is complete")).to_be_visible()
    second.get_by_role("button", name="Pay", exact=True).click()
    expect(second.get_by_text("Nothing can be paid on this page any more.")).to_be_visible()
    second.get_by_role("link", name="Back to the shop").click()
    expect(second.get_by_role("heading", name="Your order is complete")).to_be_visible()
    wait_for(lambda: not any(event["pending_webhooks"] for event in stripe.account.events), "the webhooks")
    assert list(order.payments.values_list("state", flat=True)) == ["confirmed"]
