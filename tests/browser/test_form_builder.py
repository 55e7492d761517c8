"""An organiser builds and publishes a form in a real Chromium without JavaScript."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from registration_forms.definitions import of_version
from registration_forms.models import Field, RegistrationForm
from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.browser.test_every_page import look_at
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, only_if
from tests.factories.registration_forms import publish as publish_form
from tests.factories.sales import make_order
from tests.staff import change, listing
from ticketshop.catalogue.models import Tariff

ADD = f"{listing(RegistrationForm)}add/"


def picture(page: Page, name: str) -> None:
    """Save a picture of the page into the folder that PICTURES names, if it is set."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"builder-{name}.png", full_page=True)


def add(page: Page, kind: str, label: str, *, mandatory: bool = False) -> None:
    """Open the page that adds a question, and say what it asks."""
    page.get_by_role("link", name="Add a question").first.click()
    page.get_by_label("Question (English)").fill(label)
    page.get_by_label("Type").select_option(kind)
    page.get_by_label("An answer is needed").set_checked(mandatory)


def save(page: Page) -> Field:
    page.locator("[name=_save]").click()
    page.wait_for_url("**/registrationform/**#question-*")
    return Field.objects.latest("pk")


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
        sign_in(page, make_staff(shop.pos.organiser), ADD)
        page.get_by_label("Name").fill("Participants 2027")
        page.get_by_label("Kind").select_option("tariff")
        page.locator("[name=_save]").click()
        add(page, "yes_no", "Do you eat with us?", mandatory=True)
        eats = save(page)
        add(page, "single_choice", "Menu", mandatory=True)
        page.get_by_label("Choices (English)").fill("Vegan\nFish")
        page.get_by_text("When it is asked").click()
        page.locator("[name=when1_question]").select_option(label="Do you eat with us?")
        page.locator("[name=when1_op]").select_option("is")
        page.locator("[name=when1_choice]").select_option("yes")
        picture(page, "add-question")
        save(page)
        expect(page.get_by_text("only if “Do you eat with us?” is Yes")).to_be_visible()
        page.get_by_role("link", name="Menu").click()
        page.locator("[name=choices-1-capacity]").fill("20")
        picture(page, "question")
        save(page)
        add(page, "text", "Nickname")
        save(page)
        page.get_by_role("button", name="Move up: Nickname").click()
        moved = Field.objects.get(label_en="Nickname")
        assert page.url.endswith(f"#question-{moved.pk}")
        expect(page.locator(f"#question-{moved.pk}")).to_be_focused()
        picture(page, "form")
        publish(page)
    form = RegistrationForm.objects.get()
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
        sign_in(page, make_staff(shop.pos.organiser), change(form))
        page.locator(f"#question-{three.pk} td").first.drag_to(page.locator(f"#question-{one.pk} td").first)
        page.wait_for_url(f"**#question-{three.pk}")
        assert order() == ["Three", "One", "Two"]
        # Dropped beside the list: nothing happens.
        page.locator(f"#question-{one.pk} td").first.drag_to(page.locator("#questions-heading"))
        expect(page.locator("[data-drag] tr").first).to_contain_text("Three")
        assert order() == ["Three", "One", "Two"]


def test_builder_pages_are_accessible(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    eats = ask(form, "Eats?", "yes_no")
    menu = ask(form, "Menu", "dropdown", choices=["Vegan"] * 60, condition=only_if(eats, "yes"))
    page_of = change(form).removesuffix("change/")
    # The last of the pages of choices has fewer of them, and the links to the others.
    pages = [listing(RegistrationForm), ADD, change(form), f"{change(menu)}?choices=2"]
    pages += [
        f"{page_of}{name}/" for name in ("add-question", "preview", "publish", "assign", "copy", "archive")
    ]
    make_order({shop.adult: 1}, pos=shop.pos)
    later = make_form("tariff", organiser=shop.pos.organiser)
    ask(later, "Meal", visibility="mandatory")
    publish_form(later)
    Tariff.objects.filter(pk=shop.adult.tariff_id).update(form=later)
    pages.append(f"{change(later).removesuffix('change/')}sold-before/")
    wrong = []
    with browse() as page:
        sign_in(page, make_staff(shop.pos.organiser), "/admin/")
        for address in pages:
            page.goto(address)
            page.evaluate(
                "document.querySelectorAll('#content details').forEach((part) => (part.open = true))"
            )
            wrong += look_at(page, "preview") if "preview" in address else faults(page)
        assert "1 ticket was sold before" in page.locator("#content").inner_text()
    assert wrong == [], "\n".join(wrong)


class Hand:
    """A hand that counts: clicks (a choice from a list is one), fields that are filled in, pages that load."""

    def __init__(self, page: Page):
        self.page, self.clicks, self.fields, self.pages = page, 0, 0, 0
        page.on("load", lambda _page: self._loaded())

    def _loaded(self) -> None:
        self.pages += 1

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def pick(self, what: Locator, **choice: str) -> None:
        self.clicks += 1
        what.select_option(**choice)

    def fill(self, what: Locator, text: str) -> None:
        self.fields += 1
        what.fill(text)

    def __str__(self) -> str:
        return f"{self.clicks} clicks, {self.fields} fields, {self.pages} pages"


def test_a_first_form_takes_few_clicks(shop, browse):
    """Three mandatory questions with three choices each, one under a condition, asked at every tariff of an event."""
    with browse() as page:
        sign_in(page, make_staff(shop.pos.organiser), "/admin/")
        hand = Hand(page)
        hand.click(page.get_by_role("link", name="Forms", exact=True).first)
        hand.click(page.locator("#content a.addlink"))
        hand.fill(page.get_by_label("Name"), "Guests")
        hand.pick(page.get_by_label("Kind"), value="tariff")
        hand.click(page.locator("[name=_save]"))
        hand.click(page.get_by_role("link", name="Add a question").first)
        for number, label in enumerate(("Do you eat with us?", "Which meal?", "Which bus?"), 1):
            hand.fill(page.get_by_label("Question (English)"), label)
            hand.pick(page.get_by_label("Type"), value="single_choice")
            hand.click(page.get_by_label("An answer is needed"))
            hand.fill(page.get_by_label("Choices (English)"), "One\nTwo\nThree")
            if number == 2:
                hand.click(page.get_by_text("When it is asked"))
                hand.pick(page.locator("[name=when1_question]"), label="Do you eat with us?")
                hand.pick(page.locator("[name=when1_op]"), value="is")
                hand.pick(page.locator("[name=when1_choice]"), label="One")
                # The script leaves only what answers the question that was picked.
                expect(page.locator("[name=when1_choice] option")).to_have_count(4)
                expect(page.locator("[name=when1_text]")).to_be_hidden()
            hand.click(page.locator("[name=_addanother]" if number < 3 else "[name=_save]"))
            expect(page.get_by_text(f"“{label}” is added.")).to_be_visible()
        hand.click(page.get_by_role("link", name="Publish"))
        hand.click(page.locator("#content-main form input[type=submit]"))
        expect(page.get_by_text("Version 1 is published.")).to_be_visible()
        picture(page, "assign")
        hand.click(page.get_by_label("All tariffs").first)
        hand.click(page.locator("#content-main form.assign input[type=submit]"))
        expect(page.get_by_text("Buyers see these questions.")).to_be_visible()
        picture(page, "done")
    assert Tariff.objects.filter(form__name="Guests").count() == shop.adult.session.event.tariffs.count() > 1
    # On four pages a question the same took 29 clicks, 13 fields and 17 pages.
    assert (hand.clicks <= 24, hand.fields <= 7, hand.pages <= 10) == (True, True, True), str(hand)


def test_the_page_of_a_question_shows_what_its_type_needs(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    ask(form, "Bus", "dropdown", choices=["Red", "Blue"])
    ask(form, "Day", "date")
    with browse() as page:
        sign_in(page, make_staff(shop.pos.organiser), f"{change(form).removesuffix('change/')}add-question/")
        lines = page.get_by_label("Choices (English)")
        expect(lines).to_be_visible()
        page.get_by_label("Type").select_option("text")
        expect(lines).to_be_hidden()
        page.get_by_label("Type").select_option("multiple_choice")
        expect(lines).to_be_visible()
        page.get_by_text("When it is asked").click()
        choice, text = page.locator("[name=when1_choice]"), page.locator("[name=when1_text]")
        page.locator("[name=when1_question]").select_option(label="Day")
        page.locator("[name=when1_op]").select_option("is")
        expect(text).to_be_visible()
        expect(choice).to_be_hidden()
        page.locator("[name=when1_question]").select_option(label="Bus")
        expect(choice.locator("option")).to_have_text(["–", "Red", "Blue"])
        expect(text).to_be_hidden()
        choice.select_option(label="Red")
        page.locator("[name=when1_op]").select_option("filled")
        expect(choice).to_be_hidden()
        # What was chosen before is not sent with an operator that compares with nothing.
        page.get_by_label("Question (English)").fill("Seat")
        page.get_by_label("Type").select_option("text")
        seat = save(page)
    bus = form.fields.get(label_en="Bus")
    assert seat.condition == {"all": [{"field": bus.key, "op": "filled"}]}
