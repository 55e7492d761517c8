"""Building definitions from the draft and parsing them."""

import json

import pytest
from django.utils import translation

from registration_forms import definitions
from tests.factories.registration_forms import ask, make_form, only_if, publish

pytestmark = pytest.mark.django_db


def make():
    form = make_form()
    form.organiser.languages = ["fr", "de", "en"]
    form.organiser.save()
    eats = ask(form, "Do you eat?", "yes_no", label_fr="Mangez-vous ?", label_de="Essen Sie?")
    ask(
        form,
        "Menu",
        "single_choice",
        choices=[("Vegan", 5), "Fish"],
        visibility="mandatory",
        condition=only_if(eats, "yes"),
        rules={},
    )
    return form


def test_definition_is_equal_after_json():
    form = make()
    built = definitions.build(form)
    again = definitions.parse(json.loads(definitions.canonical(built)))
    assert again == definitions.parse(built)
    eats, menu = again.questions
    assert (eats.labels["fr"], next(iter(eats.labels))) == ("Mangez-vous ?", "fr")
    assert menu.mandatory
    assert menu.condition == {"all": [{"field": eats.key, "op": "is", "value": "yes"}]}
    assert [(option.labels, option.limited) for option in menu.options] == [
        ({"en": "Vegan"}, True),
        ({"en": "Fish"}, False),
    ]
    assert again.by_key[menu.key] is menu


def test_archived_question_is_left_out_of_new_definitions():
    def keys() -> list[str]:
        return [question["key"] for question in definitions.build(form)["fields"]]

    form = make()
    gone, *stay = form.fields.all()
    assert gone.key in keys()
    gone.archived_at = form.created_at
    gone.save()
    assert keys() == [question.key for question in stay]


@pytest.mark.scenario("RF-28")
def test_missing_translation_falls_back_to_the_first_language():
    form = make()
    question = definitions.of_version(publish(form)).questions[0]
    for language, text in {"de": "Essen Sie?", "it": "Mangez-vous ?", "en": "Do you eat?"}.items():
        with translation.override(language):
            assert question.label == text


def test_digest_depends_on_the_content_and_not_on_the_order_of_keys():
    built = definitions.build(make())
    shuffled = json.loads(json.dumps(dict(reversed(built.items()))))
    assert definitions.sha256(shuffled) == definitions.sha256(built)
    assert definitions.sha256({**built, "group_asks": "leader"}) != definitions.sha256(built)


def test_building_and_parsing_take_few_queries(django_assert_max_num_queries):
    form = make()
    for number in range(20):
        ask(form, f"Colour {number}", "dropdown", choices=["a", "b"])
    with django_assert_max_num_queries(3):
        definitions.build(form)
    version = publish(form)
    definitions.of_version(version)
    with django_assert_max_num_queries(0):
        definitions.of_version(version)


def test_definition_of_the_first_schema_is_parsed():
    old = definitions.parse({"fields": [{"key": "a", "type": "text", "label": {"fr": "Nom"}}]})
    assert old.questions[0].label == "Nom"
    assert old.questions[0].options == ()
