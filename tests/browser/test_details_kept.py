"""Typed details stay after leaving the details page, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import PHONE


@pytest.mark.parametrize("script", [False, True])
def test_turning_elsewhere_keeps_what_is_typed(shop, browse, script):
    with browse(viewport=PHONE, script=script) as page:
        steps.open_details(page, shop)
        email = page.locator("#id_buyer-email")
        email.fill("ada@example.org")
        page.locator("button[name=language][value=fr]").click()
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        expect(email).to_have_value("ada@example.org")
        email.fill("grace@example.org")
        page.locator("button[name=language][value=en]").click()
        expect(email).to_have_value("grace@example.org")
        page.get_by_role("button", name="Back to the cart").click()
        steps.to_details(page)
        expect(email).to_have_value("grace@example.org")
        page.get_by_role("button", name="Log in").first.click()
        expect(page.locator("[name=login]")).to_be_visible()
        page.goto(f"{shop.home}checkout/")
        expect(email).to_have_value("grace@example.org")
        if script:
            email.fill("ada@example.org")
            page.get_by_role("link", name="What’s on").click()
            expect(page).to_have_url(f"{page.url.partition('/' + shop.pos.slug)[0]}{shop.home}")
            page.goto(f"{shop.home}checkout/")
            expect(email).to_have_value("ada@example.org")
