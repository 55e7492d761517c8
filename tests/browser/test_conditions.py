"""Conditional questions appear while a person answers. The script and the server show the same ones."""

from itertools import product
from pathlib import Path

import pytest
from django.conf import settings as project
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from playwright.sync_api import expect

from registration_forms.answers.blocks import Block
from registration_forms.conditions import OPERATORS, visible_questions
from registration_forms.definitions import parse
from registration_forms.field_types import QuestionContext
from tests.browser import steps
from tests.browser.conftest import PHONE
from tests.factories.registration_forms import ask, make_form, only_if, publish
from tests.properties import MANY
from tests.registration_forms.answers.test_properties import forms_with_answers

SCRIPT = (Path(project.BASE_DIR) / "ticketshop/static/shop/conditions.js").read_text()
NOW = QuestionContext(now=timezone.now(), day=timezone.localdate())
# Shows the form, answers one question after the other, as a person does, and returns the questions that are shown and what the
# form would send.
ANSWERED = """([html, script, answers]) => {
  document.open();
  document.write(html);
  document.close();
  (0, eval)(script);
  for (const [name, values] of answers) {
    for (const one of document.getElementsByName(name)) {
      if (one.type === "radio" || one.type === "checkbox") one.checked = one.type === "checkbox" && values[0] === "on" || values.includes(one.value);
      else one.value = values[0];
      one.dispatchEvent(new Event("input", {bubbles: true}));
    }
  }
  const rows = [...document.querySelectorAll("[data-question]")].filter((row) => !row.hidden);
  return [rows.map((row) => row.dataset.question), [...new FormData(document.forms[0])]];
}"""


@pytest.fixture(scope="module")
def blank(chromium):
    """Return a separate page without a server."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def drawn(block: Block) -> str:
    return f"<form>{render_to_string('registration_forms/block.html', {'ask': {'heading': 'H', 'block': block}})}</form>"


def agree(page, json: dict, *answers: dict) -> None:
    """Check a form with each of these answers by question."""
    definition = parse(json)
    html = drawn(Block(definition, prefix="ask-1", question_context=NOW))
    conditional = {one.key for one in definition.questions if one.condition}
    for typed in answers:
        values = [
            [f"ask-1-{key}", value if isinstance(value, list) else [value]] for key, value in typed.items()
        ]
        shown, pairs = page.evaluate(ANSWERED, [html, SCRIPT, values])
        sent = MultiValueDict()
        for name, value in pairs:
            sent.appendlist(name, value)
        block = Block(definition, sent, prefix="ask-1", question_context=NOW)
        if {key for key in block.errors if block[key].data not in (None, "", [])}:
            continue  # what is wrong is put right first
        json_values = block.json_values({key: block.cleaned_data.get(key) for key in block.fields})
        assert shown == [one.key for one in visible_questions(definition, json_values)]
        assert set(sent.get("ask-1-drawn", "").split()) == conditional & set(shown)


def chain(op: str, joined: str) -> dict:
    """Y under X; Z under Y and, or or, W; the last one under Z."""
    terms = [{"field": "y", "op": op, "value": "b"}, {"field": "w", "op": "is", "value": "yes"}]
    conditions = {
        "y": {"all": [{"field": "x", "op": "is", "value": "yes"}]},
        "z": {joined: terms if joined == "any" else terms[:1]},
        "last": {joined: [{"field": "z", "op": op, "value": "b"}]},
    }
    types = {"x": "yes_no", "w": "yes_no", "y": "text", "z": "text", "last": "text"}
    return {
        "fields": [
            {"key": key, "type": kind, "label": {"en": key}, "condition": conditions.get(key, {})}
            for key, kind in types.items()
        ]
    }


def test_script_and_server_show_the_same_questions_of_a_chain(blank):
    answers = [
        {"x": x, "y": y, "w": w, "z": y} for x, w, y in product(("yes", "no"), ("yes", "no"), ("b", "a", ""))
    ]
    for op, joined in product(OPERATORS, ("all", "any")):
        agree(blank, chain(op, joined), *answers)


def test_mandatory_question_without_an_answer_is_empty_for_a_condition(blank):
    first = {"key": "x", "type": "text", "label": {"en": "X"}, "visibility": "mandatory"}
    under = {"all": [{"field": "x", "op": "empty"}]}
    second = {"key": "y", "type": "text", "label": {"en": "Y"}, "visibility": "visible", "condition": under}
    agree(blank, {"fields": [first, second]}, {}, {"x": "yes"})


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("url", "example.org"),
        ("url", "HTTPS://EXAMPLE.ORG"),
        ("email", "Anna@Example.ORG"),
        ("email", "anna@bücher.example"),
        ("phone", "079 123 45 67"),
        ("number", "1'000"),
    ],
)
def test_what_the_server_accepts_is_an_answer_for_the_script_too(kind, typed, blank):
    first = {"key": "x", "type": kind, "label": {"en": "X"}, "visibility": "visible"}
    under = {"all": [{"field": "x", "op": "filled"}]}
    second = {"key": "y", "type": "text", "label": {"en": "Y"}, "visibility": "visible", "condition": under}
    block = Block(parse({"fields": [first]}), {"ask-1-x": typed}, prefix="ask-1", question_context=NOW)
    assert not block.errors
    agree(blank, {"fields": [first, second]}, {}, {"x": typed})


@pytest.mark.parametrize("number", [20, pytest.param(MANY, marks=pytest.mark.soak)])
def test_script_and_server_show_the_same_questions_of_any_form(number, blank):
    """`make test` takes few examples, `make soak` many."""

    @settings(max_examples=number)
    @given(forms_with_answers())
    def check(drawn_form):
        agree(blank, *drawn_form)

    check()


def test_a_chain_appears_and_goes_at_once(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    x = ask(form, "Do you eat with us?", "yes_no")
    y = ask(
        form,
        "Menu",
        "dropdown",
        choices=["Fish", "Vegan"],
        condition=only_if(x, "yes"),
        visibility="mandatory",
    )
    ask(form, "Bread?", "yes_no")
    ask(form, "Allergic to", condition=only_if(y, y.choices.get(label="Fish").key), visibility="mandatory")
    publish(form)
    shop.adult.tariff.form = form
    shop.adult.tariff.save()
    with browse(viewport=PHONE) as page:
        steps.open_details(page, shop)
        menu, allergy = page.get_by_label("Menu"), page.get_by_label("Allergic to")
        expect(menu).to_have_count(1)
        expect(menu).to_be_hidden()
        page.get_by_role("group", name="Do you eat with us?").get_by_label("Yes").check()
        expect(menu).to_be_visible()
        menu.select_option("Fish")
        allergy.fill("nuts")
        # In their place: before the question that follows in the form.
        boxes = [one.bounding_box()["y"] for one in (menu, page.get_by_role("group", name="Bread?"), allergy)]
        assert boxes == sorted(boxes)
        page.get_by_role("group", name="Do you eat with us?").get_by_label("No").check()
        expect(allergy).to_be_hidden()
        page.get_by_role("group", name="Do you eat with us?").get_by_label("Yes").check()
        expect(allergy).to_have_value("nuts")
        page.locator("#id_buyer-first_name").fill("Ada")
        page.locator("#id_buyer-last_name").fill("Lovelace")
        page.locator("#id_buyer-email").fill("ada@example.org")
        page.get_by_role("button", name="Check your order").click()
        expect(page.get_by_text("nuts")).to_be_visible()
        assert page.url.endswith("/review/")


def test_without_scripts_the_new_questions_take_the_focus_of_the_reader(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    x = ask(form, "Do you eat with us?", "yes_no")
    ask(form, "Menu", condition=only_if(x, "yes"))
    publish(form)
    shop.adult.tariff.form = form
    shop.adult.tariff.save()
    with browse(viewport=PHONE, script=False) as page:
        steps.open_details(page, shop)
        expect(page.get_by_label("Menu")).to_have_count(0)
        page.get_by_role("group", name="Do you eat with us?").get_by_label("Yes").check()
        page.locator("#id_buyer-first_name").fill("Ada")
        page.locator("#id_buyer-last_name").fill("Lovelace")
        page.locator("#id_buyer-email").fill("ada@example.org")
        page.get_by_role("button", name="Check your order").click()
        page.locator("#new-questions").get_by_role("link").click()
        expect(page.get_by_label("Menu")).to_be_focused()
