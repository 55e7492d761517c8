"""A real Chromium in front of the live server. Every error it reports fails the test."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import find
from tests.journeys.conftest import Shop, make_shop
from tests.waiting import PATIENCE

# Playwright keeps an event loop in this thread, where Django would refuse to ask the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A Chromium for the tests of this folder that follow each other; with its driver it takes half a gigabyte of memory."""
    with sync_playwright() as playwright:
        # As root Chromium can't make its sandbox; it opens nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def shop(live_server) -> Shop:
    return make_shop()


@pytest.fixture
def browse(chromium: Browser, live_server) -> Callable:
    """``with browse(script=False, viewport=PHONE) as page``: a new visitor; complaints fail the test."""

    @contextmanager
    def visitor(*, script: bool = True, viewport: dict = DESKTOP, **options) -> Iterator[Page]:
        context = chromium.new_context(
            base_url=live_server.url, java_script_enabled=script, viewport=viewport, locale="en-GB", **options
        )
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        complaints = listen(page, live_server.url)
        context.on("page", lambda other: listen(other, live_server.url, complaints))
        yield page
        context.close()
        assert complaints == []

    return visitor


def listen(page: Page, home: str, complaints: list[str] | None = None) -> list[str]:
    """Collect from now on what the browser reports: errors, violated policies, requests to other hosts.

    ``complaints``: the list of another tab, to add to it. Return the list.
    """
    complaints = [] if complaints is None else complaints

    def request(request):
        if urlsplit(request.url).netloc != urlsplit(home).netloc and not request.url.startswith("data:"):
            complaints.append(f"asked somebody else: {request.url}")

    def response(response):
        if response.status >= 500:
            complaints.append(f"{response.status} {response.url}")

    def said(message):
        # Of an answer that is a page for people, such as a form that comes back, the browser says it failed.
        if (
            message.type in {"error", "warning"}
            and "the server responded with a status of 4" not in message.text
            # Tests switch the network off.
            and "net::ERR_INTERNET_DISCONNECTED" not in message.text
        ):
            complaints.append(f"{message.type}: {message.text}")

    page.on("request", request)
    page.on("response", response)
    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    return complaints
