"""Typed details stay: after another language, a visit to the cart, a log-in, any link."""

import re

import pytest
from django.conf import settings

from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.registration_forms import ask, publish
from tests.sales import jazz
from tests.sales.jazz import BUYER, Jazz, fill, of_blocks
from ticketshop.sales.models import Cart

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(jazz_2027) -> Jazz:
    shop = jazz_2027
    form = shop.form("tariff", shop.adult)
    shop.menu = ask(form, "Menu", label_fr="Plat")
    shop.rules = ask(form, "I accept the rules", "consent")
    publish(form)
    return shop


@pytest.fixture
def who(shop):
    """At the details, with one ticket."""
    who = jazz.visitor()
    shop.add(who, shop.adult, 1)
    shop.details(who)
    return who


def typed(shop, page) -> dict:
    """Something in every field that is there."""
    (menu,), (rules,) = of_blocks(page, shop.menu), of_blocks(page, shop.rules)
    slot = next(
        name.removeprefix("slot-") for name in page.form("^checkout_key$").names if name.startswith("slot-")
    )
    return {**BUYER, menu: "végan", rules: "on", f"holder-{slot}-first_name": "Zoé"}


def assert_there(page, values: dict) -> None:
    now = page.form("^checkout_key$").values
    assert {name: now.get(name) for name in values} == values
    assert "There is a problem" not in page.text


def press(who, button: tuple[str, str], values: dict):
    return who.submit(who.page.form("^checkout_key$"), values, button=button)


def test_another_language_keeps_what_is_typed(shop, who):
    values = typed(shop, who.page)
    assert re.search(r'name="language"\s+value="fr"\s+form="details"', who.page.source)
    page = press(who, ("language", "fr"), values)
    assert_there(page, values)
    assert '<html lang="fr"' in page.source
    assert "Plat" in page.text
    assert press(who, ("language", "xx"), {}).source.count('<html lang="fr"') == 1


def test_back_to_the_cart_keeps_what_is_typed(shop, who):
    values = typed(shop, who.page)
    assert press(who, ("to", "cart"), values).url.endswith("/cart/")
    assert_there(shop.details(who), values)
    assert not Cart.objects.get().details_complete


def test_a_log_in_keeps_what_is_typed(shop, who):
    values = typed(shop, who.page)
    page = press(who, ("to", "log_in"), values)
    assert page.url.startswith("/accounts/login/")
    user = UserFactory(email="ada@example.org")
    page = who.fill("^login$", {"login": user.email, "password": PASSWORD})
    assert page.url.endswith("/checkout/")
    del values["buyer-email"]
    assert_there(page, values)


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/{pos}/", "/{pos}/"),
        ("//evil.example/", "/{pos}/checkout/"),
        ("https://evil.example", "/{pos}/checkout/"),
        ("", "/{pos}/checkout/"),
    ],
)
def test_any_other_link_leads_within_the_shop_and_keeps_what_is_typed(shop, who, target, leads_to):
    values = typed(shop, who.page)
    page = press(who, ("to", target.format(pos=shop.pos.slug)), values)
    assert page.url == leads_to.format(pos=shop.pos.slug)
    assert_there(shop.details(who), values)


def test_a_page_of_a_group_keeps_what_is_typed_on_it(shop):
    who = jazz.visitor()
    shop.add(who, shop.adult, 21)
    shop.details(who)
    fill(who)
    page = who.open(f"/{shop.pos.slug}/checkout/?page=2")
    (menu,) = of_blocks(page, shop.menu)
    page = press(who, ("language", "fr"), {menu: "végan"})
    assert page.url.endswith("?page=2")
    assert page.form("^checkout_key$").values[menu] == "végan"


@pytest.mark.parametrize("button", [None, ("to", "log_in"), ("language", "fr")])
def test_details_posted_after_the_log_in_ended_are_shown_after_the_next_log_in(shop, button):
    user = UserFactory()
    who = jazz.visitor()
    who.log_in(user.email, PASSWORD)
    shop.add(who, shop.adult, 1)
    shop.details(who)
    values = typed(shop, who.page)
    del values["buyer-email"]
    form = who.page.form("^checkout_key$")
    del who.client.cookies[settings.SESSION_COOKIE_NAME]
    page = who.submit(form, values, button=button)
    assert page.url.startswith("/accounts/login/")
    page = who.fill("^login$", {"login": user.email, "password": PASSWORD})
    assert page.url.endswith("/checkout/")
    assert "What you typed is here" in page.text
    assert_there(page, values)
    assert "What you typed is here" not in shop.details(who).text


def test_a_page_of_a_group_comes_back_after_the_log_in(shop):
    user = UserFactory()
    who = jazz.visitor()
    who.log_in(user.email, PASSWORD)
    shop.add(who, shop.adult, 21)
    shop.details(who)
    page = who.open(f"/{shop.pos.slug}/checkout/?page=2")
    (menu,) = of_blocks(page, shop.menu)
    form = page.form("^checkout_key$")
    del who.client.cookies[settings.SESSION_COOKIE_NAME]
    who.submit(form, {menu: "végan"})
    page = who.fill("^login$", {"login": user.email, "password": PASSWORD})
    assert page.url.endswith("?page=2")
    assert page.form("^checkout_key$").values[menu] == "végan"
