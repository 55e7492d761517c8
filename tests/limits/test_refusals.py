"""The page of a limit and its header Retry-After contain the time of the next attempt."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account import app_settings
from django.utils import timezone

from tests.factories.accounts import UserFactory
from tests.factories.organisers import PointOfSaleFactory
from ticketshop.limits import limits

pytestmark = pytest.mark.django_db
WORDS = {"en": r"Try again in (\d+) (minute|hour)s?\.", "fr": r"Réessayez dans (\d+) (minute|heure)s?\."}
SECONDS = {"minute": 60, "hour": 3600, "heure": 3600}
# Ten past three, where the window of an hour or a day is neither fresh nor over.
NOW = datetime(2026, 11, 21, 15, 10, 20, tzinfo=UTC)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("window", [timedelta(minutes=10), limits.HOUR, limits.DAY])
def test_page_and_header_contain_the_remaining_time(client, monkeypatch, window, language):
    pos = PointOfSaleFactory()
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setitem(limits.LIMITS, "link_token", limits.Limit(1, window))
    monkeypatch.setitem(limits.LIMITS, "order_link", limits.Limit(1, window))
    ends = {600: 580, 3600: 2980, 86400: 31780}[int(window.total_seconds())]
    for url in ("/links/none/", f"/{pos.slug}/orders/AAAA-AAAA/none/"):
        pages = [client.get(url, headers={"accept-language": language}) for _ in range(2)]
        assert [page.status_code == 429 for page in pages] == [False, True]
        page = pages[1]
        number, unit = re.search(WORDS[language], html.unescape(page.content.decode())).groups()
        seconds = int(page.headers["Retry-After"])
        assert seconds == int(number) * SECONDS[unit]
        assert ends <= seconds < ends + SECONDS[unit]


def test_limits_of_the_log_in_show_a_minute(client):
    UserFactory(email="ada@example.org")
    pages = [client.post("/accounts/password/reset/", {"email": "ada@example.org"}) for _ in range(6)]
    assert pages[-1].status_code == 429
    assert "Try again in 1 minute." in pages[-1].content.decode()
    assert pages[-1].headers["Retry-After"] == "60"
    for action in (
        "login",
        "signup",
        "reset_password",
        "reset_password_from_key",
        "reauthenticate",
        "change_password",
        "manage_email",
    ):
        assert all("/m/" in rate for rate in app_settings.RATE_LIMITS[action].split(",")), action
