"""An organiser builds and publishes a form in a real Chromium without JavaScript, and looks at it in two languages."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from registration_forms.definitions import of_version
from registration_forms.models import Field, RegistrationForm
from tests.browser.test_backoffice import faults, log_in
from tests.browser.test_every_page import look_at
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, only_if
from tests.staff import change, listing

ADD = f"{listing(RegistrationForm)}add/"


def picture(page: Page, name: str) -> None:
    """For whoever wants to see it: into the folder that PICTURES names."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"builder-{name}.png", full_page=True)


def add(page: Page, kind: str, label: str) -> Field:
    page.get_by_role("link", name="Add a question").click()
    page.get_by_label("Type").select_option(kind)
    page.get_by_label("Label").fill(label)
    page.get_by_role("button", name="Add the question").click()
    return Field.objects.latest("pk")


def save(page: Page) -> None:
    page.locator("[name=_save]").click()
    page.wait_for_url("**/registrationform/**")


def publish(page: Page) -> None:
    """Look at the preview, then publish."""
    page.get_by_role("link", name="Preview as buyer").click()
    page.get_by_label("Tickets").fill("3")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Do you eat with us?").nth(2)).to_be_visible()
    picture(page, "preview")
    page.get_by_role("link", name="Back to the form").click()
    page.get_by_role("link", name="Publish").click()
    picture(page, "publish")
    page.locator("#content-main form input[type=submit]").click()
    expect(page.get_by_text("Version 1 is published.")).to_be_visible()


@pytest.mark.scenario("RF-05")
def test_a_form_is_built_and_published_without_scripts(shop, browse):
    with browse(script=False) as page:
        log_in(page, make_staff(shop.pos.organiser))
        page.goto(ADD)
        page.get_by_label("Name").fill("Participants 2027")
        page.get_by_label("Kind").select_option("tariff")
        page.locator("[name=_save]").click()
        eats = add(page, "yes_no", "Do you eat with us?")
        page.get_by_label("mandatory").check()
        save(page)
        menu = add(page, "single_choice", "Menu")
        picture(page, "question")
        page.get_by_label("mandatory").check()
        page.locator("[name=when1_question]").select_option(label="Do you eat with us?")
        page.locator("[name=when1_op]").select_option("is")
        page.locator("[name=when1_choice]").select_option("yes")
        for number, label in enumerate(("Vegan", "Fish")):
            page.locator(f"[name=choices-{number}-label_en]").fill(label)
        page.locator("[name=choices-1-capacity]").fill("20")
        save(page)
        expect(page.get_by_text("only if “Do you eat with us?” is Yes")).to_be_visible()
        add(page, "text", "Nickname")
        save(page)
        page.get_by_role("button", name="Move up: Nickname").click()
        moved = Field.objects.get(label_en="Nickname")
        assert page.url.endswith(f"#question-{moved.pk}")
        expect(page.locator(f"#question-{moved.pk}")).to_be_focused()
        picture(page, "form")
        publish(page)
        page.locator("#user-tools button[value=fr]").click()
        form = RegistrationForm.objects.get()
        page.goto(change(form))
        picture(page, "form-fr")
        page.goto(change(menu))
        picture(page, "question-fr")
    form.refresh_from_db()
    questions = of_version(form.published).questions
    assert [one.label for one in questions] == [
        "First name",
        "Last name",
        "Do you eat with us?",
        "Nickname",
        "Menu",
    ]
    assert questions[-1].condition == only_if(eats, "yes")
    assert [option.limited for option in questions[-1].options] == [False, True]


@pytest.mark.scenario("RF-05")
def test_questions_are_dragged(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    one, _two, three = (ask(form, label) for label in ("One", "Two", "Three"))

    def order() -> list[str]:
        return list(form.fields.order_by("position").values_list("label", flat=True))

    with browse() as page:
        log_in(page, make_staff(shop.pos.organiser))
        page.goto(change(form))
        page.locator(f"#question-{three.pk} td").first.drag_to(page.locator(f"#question-{one.pk} td").first)
        page.wait_for_url(f"**#question-{three.pk}")
        assert order() == ["Three", "One", "Two"]
        # Let go beside the list: nothing happens.
        page.locator(f"#question-{one.pk} td").first.drag_to(page.locator("#questions-heading"))
        expect(page.locator("[data-drag] tr").first).to_contain_text("Three")
        assert order() == ["Three", "One", "Two"]


def test_the_pages_of_the_builder_bar_nobody(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    eats = ask(form, "Eats?", "yes_no")
    menu = ask(form, "Menu", "dropdown", choices=["Vegan"] * 60, condition=only_if(eats, "yes"))
    page_of = change(form).removesuffix("change/")
    pages = [listing(RegistrationForm), ADD, change(form), change(menu)]
    pages += [
        f"{page_of}{name}/" for name in ("add-question", "preview", "publish", "assign", "copy", "archive")
    ]
    wrong = []
    with browse() as page:
        log_in(page, make_staff(shop.pos.organiser))
        for address in pages:
            page.goto(address)
            wrong += faults(page)
            if "preview" in address:
                wrong += look_at(page, "preview")
        page.set_viewport_size({"width": 400, "height": 800})
        page.goto(pages[3])
        picture(page, "question-400")
        page.goto(f"{page_of}preview/?tickets=2")
        picture(page, "preview-400")
        page.emulate_media(color_scheme="dark")
        picture(page, "preview-400-dark")
    assert wrong == [], "\n".join(wrong)
