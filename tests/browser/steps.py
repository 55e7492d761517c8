"""The steps of a person on the way to a ticket, in a browser."""

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Shop
from tests.staff import BACKEND
from tests.visitor import TestClientVisitor


def sign_in(page: Page, user, url: str) -> None:
    """Open a page as a user, with the session of a log-in that was made without the browser."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": value, "domain": "localhost", "path": "/"}]
    )
    page.goto(url)


def choose(page: Page, shop: Shop, *, adults: int = 2, children: int = 1, passes: int = 1) -> None:
    """From the programme to the cart."""
    page.goto(shop.home)
    page.get_by_role("link", name="Hamlet").first.click()
    page.locator(f"#offer-{shop.adult.pk}").select_option(str(adults))
    if children:
        page.locator(f"#offer-{shop.child.pk}").select_option(str(children))
    page.get_by_role("button", name="Add to cart").click()
    if passes:
        page.get_by_role("link", name="Add something else first").click()
        page.get_by_role("link", name="The whole season").first.click()
        page.get_by_label("How many passes?").select_option(str(passes))
        page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("heading", name="Your cart", exact=True)).to_be_visible()


def open_details(page: Page, shop: Shop, *, adults: int = 1) -> None:
    """Open the details with tickets in the cart. They are put there without the browser, for tests of what comes after the cart."""
    visitor = TestClientVisitor()
    for cookie in page.context.cookies():
        visitor.client.cookies[cookie["name"]] = cookie["value"]
    visitor.open(shop.event)
    visitor.fill(f"^offer-{shop.adult.pk}$", {f"offer-{shop.adult.pk}": adults})
    page.context.add_cookies(
        [
            {"name": name, "value": cookie.value, "domain": "localhost", "path": "/"}
            for name, cookie in visitor.client.cookies.items()
        ]
    )
    page.goto(f"{shop.home}checkout/")
    expect(page.get_by_role("heading", name="Your details", exact=True)).to_be_visible()


def to_details(page: Page) -> None:
    page.get_by_role("button", name="Continue to your details").click()
    expect(page.get_by_role("heading", name="Your details", exact=True)).to_be_visible()


def give_details(page: Page, *, email: str | None = "ada@example.org") -> None:
    page.locator("#id_buyer-first_name").fill("Ada")
    page.locator("#id_buyer-last_name").fill("Lovelace")
    if email:
        page.locator("#id_buyer-email").fill(email)
    page.get_by_role("button", name="Check your order").click()
    expect(page.get_by_role("heading", name="Check your order")).to_be_visible()


def accept(page: Page, method: str = "Pay at the box office") -> None:
    page.get_by_label(method).check()
    page.get_by_label("I accept the terms of sale.").check()


def order(page: Page) -> None:
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_role("heading", name="Thank you, your places are reserved")).to_be_visible()
