"""My data in a real Chromium: every page of it, light and dark, wide and narrow, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from privacy.models import Erasure
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_every_page import look_at
from tests.browser.test_friends import log_in
from tests.factories.accounts import PASSWORD
from tests.factories.sales import make_order
from tests.friends import make_visitor
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail


def link_in(kind: str) -> str:
    """The address below the shop in the last mail of a kind, as the worker writes it."""
    body = mime_messages.build(Mail.objects.filter(kind=kind).latest("pk")).body
    return re.search(r"https?://[^/]+(/\S+/data/(?:confirm|open)/\S+)", body)[1]


@pytest.fixture
def zoe(shop):
    contact = make_visitor(shop.pos, email="zoe@example.org")
    make_order({shop.adult: 2}, user=contact.user, paid=True)
    return contact


@pytest.mark.scenario("S12", "S18")
@pytest.mark.parametrize(
    ("script", "viewport"), [(True, DESKTOP), pytest.param(False, PHONE, marks=pytest.mark.soak)]
)
def test_with_a_log_in(shop, browse, zoe, script, viewport):
    """The way without scripts, which `make soak` takes here, is the one of tests/accounts/data too."""
    wrong = []

    def look(page, name):
        return look_at(page, name) if script else []

    with browse(script=script, viewport=viewport) as page:
        log_in(page, shop, zoe.user)
        page.get_by_role("link", name="My data").first.click()
        expect(page.get_by_role("heading", name="My data", exact=True)).to_be_visible()
        page.locator("main").get_by_text(re.compile("Show 1 record")).first.click()
        wrong += look(page, "my data, opened")
        page.get_by_role("link", name="Download a copy").click()
        page.locator("[name=password]").fill(PASSWORD)
        with page.expect_download() as download:
            page.locator("main form [type=submit]").first.click()
        assert download.value.suggested_filename.startswith("my-data-")

        page.goto(f"{shop.home}account/data/delete/")
        page.get_by_role("button", name="Ask to be forgotten").click()
        expect(page.get_by_role("alert")).to_be_visible()
        wrong += look(page, "delete with errors")
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Ask to be forgotten").click()
        expect(page.get_by_role("status")).to_contain_text("We have sent you an e-mail")
        page.goto(link_in("data_delete"))
        wrong += look(page, "confirm")
        page.get_by_role("button", name="Yes, forget me").click()
        expect(page.get_by_role("heading", name="Your request stands")).to_be_visible()
        wrong += look(page, "confirmed")
    assert Erasure.objects.get().state == "confirmed"
    assert wrong == []


@pytest.mark.scenario("S13")
def test_by_a_mailed_link(shop, browse):
    make_order(
        {shop.adult: 1},
        buyer={"first_name": "Gus", "last_name": "Guest", "email": "gus@mail.example"},
        paid=True,
    )
    wrong = []
    with browse() as page:
        page.goto(shop.home)
        page.get_by_role("link", name="Your data here").click()
        wrong += look_at(page, "your data here")
        page.get_by_role("link", name="See or delete my data").click()
        page.get_by_role("button", name="Send me the link").click()
        wrong += look_at(page, "ask with errors")
        page.locator("[name=email]").fill("gus@mail.example")
        page.get_by_role("button", name="Send me the link").click()
        expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
        wrong += look_at(page, "sent")
        page.goto(link_in("data_link"))
        wrong += look_at(page, "open")
        page.get_by_role("button", name="Open my data").click()
        page.get_by_role("link", name="Delete my data").click()
        wrong += look_at(page, "forget")
        page.get_by_role("button", name="Ask to be forgotten").click()
        expect(page.get_by_role("status")).to_contain_text("We have your request")
        wrong += look_at(page, "mine, asked")
    assert Erasure.objects.get().channel == "mailbox"
    assert wrong == []
