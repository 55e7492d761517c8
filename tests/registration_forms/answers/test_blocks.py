"""The Django form of a definition."""

from datetime import UTC, datetime

import pytest
from django.utils.datastructures import MultiValueDict

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.answers.blocks import Block
from registration_forms.definitions import of_version
from registration_forms.field_types import QuestionContext
from registration_forms.models import Answer
from tests.factories.registration_forms import ask, make_form, make_given, only_if, publish

NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)


def fill(definition, values: dict, **asked) -> Block:
    posted = MultiValueDict({key: one if isinstance(one, list) else [one] for key, one in values.items()})
    return Block(definition, posted, question_context=QuestionContext(now=NOW, **asked))


def dinner():
    form = make_form()
    eats = ask(form, "Do you eat with us?", "yes_no")
    menu = ask(
        form,
        "Menu",
        "single_choice",
        choices=["Vegan", "Fish"],
        visibility="mandatory",
        condition=only_if(eats, "yes"),
    )
    return eats, menu, publish(form)


@pytest.mark.scenario("RF-17")
@pytest.mark.django_db
def test_shown_questions_are_required_and_hidden_ones_are_not_stored():
    eats, menu, version = dinner()
    vegan = menu.choices.get(label="Vegan").key
    without = fill(of_version(version), {eats.key: "yes"})
    assert list(without.errors) == [menu.key]
    assert [row.question.key for row in without.rows()] == [eats.key, menu.key]
    hidden = fill(of_version(version), {eats.key: "no", menu.key: vegan})
    assert hidden.is_valid()
    assert hidden.answers == {eats.key: False}
    assert [row.question.key for row in hidden.rows()] == [eats.key]
    stored = responses.store(
        [make_given(version, hidden.answers)], organiser=version.form.organiser, language="en", now=NOW
    )
    assert stored[0].answers.get(field=menu).state == Answer.State.NOT_ASKED
    # A question that is not asked has no error either.
    assert fill(of_version(version), {eats.key: "no", menu.key: "no such choice"}).is_valid()


@pytest.mark.scenario("RF-18")
@pytest.mark.django_db
def test_chain_of_conditions_drops_all_answers_after_the_first_hidden_question():
    form = make_form()
    x = ask(form, "X", "yes_no")
    y = ask(form, "Y", "dropdown", choices=["A", "B"], visibility="mandatory", condition=only_if(x, "yes"))
    b = y.choices.get(label="B").key
    z = ask(form, "Z", visibility="mandatory", condition=only_if(y, b))
    definition = of_version(publish(form))
    assert len(fill(definition, {x.key: "yes", y.key: b, z.key: "text"}).rows()) == 3
    back = fill(definition, {x.key: "no", y.key: b, z.key: "text"})
    assert back.is_valid()
    assert back.answers == {x.key: False}


@pytest.mark.scenario("RF-29")
@pytest.mark.django_db
def test_posted_values_of_questions_not_asked_are_ignored():
    _eats, menu, version = dinner()
    other = make_form()
    foreign = ask(other, "Foreign", "single_choice", choices=["X"])
    staff = make_form()
    ask(staff, "Notes", staff_only=True)
    hidden = ask(staff, "Company", visibility="hidden")
    kept = ask(staff, "Shown")
    unknown = {f"key{number}": "x" for number in range(10_000)}
    definition = of_version(publish(staff))
    posted = {**{one.key: "x" for one in definition.questions}, foreign.key: "x", **unknown}
    filled = fill(definition, posted)
    assert filled.is_valid()
    assert filled.answers == {kept.key: "x"}
    assert hidden.key in posted
    # A choice of another question is an unknown one; of two values for one answer the last counts, as in HTML.
    eats = definitions.of_version(version).questions[0].key
    wrong = fill(of_version(version), {eats: "yes", menu.key: foreign.choices.get().key})
    assert list(wrong.errors) == [menu.key]
    first, second = menu.choices.values_list("key", flat=True)
    twice = fill(of_version(version), {eats: "yes", menu.key: [first, second]})
    assert twice.is_valid()
    assert twice.answers[menu.key] == second


@pytest.mark.scenario("RF-23")
@pytest.mark.django_db
def test_sold_out_choice_is_refused_at_its_field_unless_it_is_the_stored_answer():
    form = make_form()
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", 50), "19:00"])
    key = bus.choices.get(label="18:00").key
    definition = of_version(publish(form))
    late = fill(definition, {bus.key: key}, sold_out=frozenset({key}))
    assert late.errors == {bus.key: ["Just sold out. Choose another one."]}
    assert fill(definition, {bus.key: key}, sold_out=frozenset({key}), stored=key).is_valid()


@pytest.mark.django_db
@pytest.mark.parametrize("type", ["single_choice", "dropdown", "multiple_choice"])
def test_mandatory_question_without_free_places_tells_whom_to_ask(type):
    form = make_form()
    bus = ask(
        form,
        "Bus",
        type,
        choices=[("18:00", 5), ("19:00", 5), ("20:00", 5)],
        visibility="mandatory",
        rules={"min": 2} if type == "multiple_choice" else {},
    )
    keys = [choice.key for choice in bus.choices.order_by("position")]
    definition = of_version(publish(form))
    gone = frozenset(keys[1:] if type == "multiple_choice" else keys)
    none_left = "Too few places are left to choose from, and an answer is needed. Please ask the organiser."
    taken = keys[:2] if type == "multiple_choice" else keys[0]
    assert fill(definition, {}, sold_out=gone).errors == {bus.key: [none_left]}
    assert fill(definition, {bus.key: taken}, sold_out=gone).errors == {bus.key: [none_left]}
    assert fill(definition, {bus.key: taken}, sold_out=gone, stored=taken).is_valid()
    unknown = ["gone"] if type == "multiple_choice" else "gone"
    assert fill(definition, {bus.key: unknown}).errors == {
        bus.key: ["What you chose is not offered any more. Choose again."]
    }
