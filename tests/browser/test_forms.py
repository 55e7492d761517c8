"""The questions of a form in a real browser: every type, with mistakes, in both colour schemes and on a phone."""

import os
from pathlib import Path

from playwright.sync_api import expect

from registration_forms.field_types import TYPES
from tests.browser import steps
from tests.browser.conftest import PHONE
from tests.browser.test_every_page import look_at
from tests.factories.registration_forms import ask, make_form, publish


def every_type(shop):
    """A form with a question of every type, for adults."""
    form = make_form("tariff", organiser=shop.pos.organiser)
    for number, (code, kind) in enumerate(sorted(TYPES.items())):
        ask(
            form,
            f"A question of type {code}",
            code,
            choices=["One", ("Two", 3), ("None left", 0)] if kind.has_choices else (),
            visibility="mandatory" if number % 2 else "visible",
            help_text="Some *help* with a [link to the kitchen](https://example.org) and\n\n* a list",
        )
    ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28)
    publish(form)
    shop.adult.tariff.form = form
    shop.adult.tariff.save()
    return form


def test_every_type_of_question(shop, browse):
    every_type(shop)
    wrong = []
    with browse() as page:
        steps.open_details(page, shop, adults=2)
        expect(page.get_by_text("Needed for: the kitchen").first).to_be_visible()
        picture(page, "details")
        page.locator("#id_buyer-first_name").fill("Ada")
        page.get_by_role("button", name="Check your order").click()
        summary = page.locator("#error-summary")
        expect(summary).to_be_focused()
        for link in summary.get_by_role("link").all():
            target = page.locator(f"[id='{link.get_attribute('href')[1:]}']")
            expect(target).to_have_count(1)
        wrong += look_at(page, "details with mistakes")
        picture(page, "mistakes")
        assert wrong == [], "\n".join(wrong)
        page.emulate_media(color_scheme="dark")
        picture(page, "dark")


def test_a_participant_is_copied_on_a_phone_without_scripts(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    menu = ask(form, "Menu")
    publish(form)
    shop.adult.tariff.form = form
    shop.adult.tariff.save()
    with browse(viewport=PHONE, script=False) as page:
        steps.open_details(page, shop, adults=2)
        fields = page.locator(f"[name$='{menu.key}']")
        fields.first.fill("vegan")
        page.get_by_role("button", name="Copy from").click()
        expect(fields.nth(1)).to_have_value("vegan")
        assert "#ask-" in page.url
        picture(page, "phone")
        page.get_by_role("button", name="Remove this ticket").first.click()
        expect(fields).to_have_count(1)
        expect(fields.first).to_have_value("vegan")


def picture(page, name: str) -> None:
    """Save a picture of the page into the folder that PICTURES names, if it is set."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
