"""A form as a buyer fills it in."""

import string
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils.datastructures import MultiValueDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registration_forms import definitions, responses
from registration_forms.blocks import Block
from registration_forms.conditions import visible_questions
from registration_forms.definitions import of_version, parse
from registration_forms.field_types import TYPES, Asked
from registration_forms.models import Answer
from registration_forms.responses import Given
from tests.factories.registration_forms import ask, make_form, only_if, publish

NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)


def fill(definition, values: dict, **asked) -> Block:
    posted = MultiValueDict({key: one if isinstance(one, list) else [one] for key, one in values.items()})
    return Block(definition, posted, asked=Asked(now=NOW, **asked))


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
def test_what_a_condition_shows_is_due_and_what_it_hides_is_not_stored():
    eats, menu, version = dinner()
    vegan = menu.choices.get(label="Vegan").key
    without = fill(of_version(version), {eats.key: "yes"})
    assert list(without.errors) == [menu.key]
    assert [question.key for question, _field in without.rows()] == [eats.key, menu.key]
    hidden = fill(of_version(version), {eats.key: "no", menu.key: vegan})
    assert hidden.is_valid()
    assert hidden.answers == {eats.key: False}
    assert [question.key for question, _field in hidden.rows()] == [eats.key]
    stored = responses.store(
        [Given(version, hidden.answers)], organiser=version.form.organiser, language="en", now=NOW
    )
    assert stored[0].answers.get(field=menu).state == Answer.State.NOT_ASKED
    # What is not asked can't be wrong either.
    assert fill(of_version(version), {eats.key: "no", menu.key: "no such choice"}).is_valid()


@pytest.mark.scenario("RF-18")
@pytest.mark.django_db
def test_a_draft_with_a_chain_drops_what_its_first_link_hides():
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
def test_what_was_not_asked_is_not_read():
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
def test_a_choice_sold_out_says_so_at_its_field_and_may_be_kept_by_who_has_it():
    form = make_form()
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", 50), "19:00"])
    key = bus.choices.get(label="18:00").key
    definition = of_version(publish(form))
    late = fill(definition, {bus.key: key}, sold_out=frozenset({key}))
    assert late.errors == {bus.key: ["Just sold out. Choose another one."]}
    assert fill(definition, {bus.key: key}, sold_out=frozenset({key}), kept=key).is_valid()


# --- any form, any answers --------------------------------------------------------------------------------

KINDS = st.sampled_from(["text", "number", "yes_no", "consent", "single_choice", "multiple_choice", "date"])
TEXTS = st.text(string.ascii_letters + "éß ", max_size=8)


@st.composite
def definitions_with_answers(draw):
    """A definition whose questions depend on earlier ones, and something typed for each."""
    questions, typed = [], {}
    for number in range(draw(st.integers(1, 7))):
        key, kind = f"q{number}", draw(KINDS)
        one = {
            "key": key,
            "type": kind,
            "label": {"en": key},
            "visibility": draw(st.sampled_from(["visible", "visible", "mandatory", "hidden"])),
            "staff_only": draw(st.booleans()) and draw(st.booleans()),
            "choices": [{"key": f"{key}c{n}", "label": {"en": str(n)}} for n in range(3)]
            if TYPES[kind].has_choices
            else [],
        }
        earlier = [other for other in questions if one["staff_only"] or not other["staff_only"]]
        if earlier and draw(st.booleans()):
            before = draw(st.sampled_from(earlier))
            value = draw(st.sampled_from(["yes", "no", "a", "5", f"{before['key']}c0", f"{before['key']}c1"]))
            op = draw(st.sampled_from(["is", "is_not", "in", "filled", "empty"]))
            one["condition"] = {
                draw(st.sampled_from(["all", "any"])): [{"field": before["key"], "op": op, "value": value}]
            }
        questions.append(one)
        if draw(st.booleans()):
            typed[key] = draw(_typed(kind, key))
    return {"schema": 1, "first_language": "en", "group_asks": "each", "fields": questions}, typed


def _typed(kind, key):
    return {
        "text": TEXTS,
        "number": st.integers(-1000, 1000).map(str),
        "yes_no": st.sampled_from(["yes", "no"]),
        "consent": st.just("on"),
        "single_choice": st.integers(0, 3).map(lambda n: f"{key}c{n}"),
        "multiple_choice": st.lists(st.integers(0, 2).map(lambda n: f"{key}c{n}"), max_size=3),
        "date": st.dates(datetime(1850, 1, 1).date(), datetime(2200, 1, 1).date()).map(str),
    }[kind]


@given(definitions_with_answers())
def test_a_hidden_question_never_has_a_value(drawn):
    json, typed = drawn
    definition = parse(json)
    filled = fill(definition, typed)
    filled.is_valid()
    values = filled.json_values(filled.answers)
    visible = {question.key for question in visible_questions(definition, values)}
    assert set(filled.answers) <= visible
    assert set(filled.errors) <= {question.key for question in filled.shown()}


@given(definitions_with_answers(), TEXTS)
def test_an_answer_that_is_not_asked_for_never_changes_what_is_asked(drawn, other):
    json, typed = drawn
    definition = parse(json)
    values = {key: typed.get(key) for key in definition.by_key}
    shown = visible_questions(definition, values)
    names = {question.key for question in shown}
    unasked = {key: other for key in definition.by_key if key not in names}
    assert visible_questions(definition, {**values, **unasked, "of another form": other}) == shown


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
@given(definitions_with_answers())
def test_every_stored_answer_reads_back_equal(drawn):
    json, typed = drawn
    form = make_form()
    keys = {}
    for one in json["fields"]:
        condition = {
            joined: [{**term, "field": keys[term["field"]]} for term in terms]
            for joined, terms in one.get("condition", {}).items()
        }
        field = ask(
            form,
            one["key"],
            one["type"],
            visibility=one["visibility"],
            staff_only=one["staff_only"],
            condition=condition,
            choices=[choice["key"] for choice in one["choices"]],
        )
        keys[one["key"]] = field.key
        for choice in field.choices.all():
            keys[choice.label] = choice.key
    posted = {
        keys[key]: [keys.get(one, one) for one in value]
        if isinstance(value, list)
        else keys.get(value, value)
        for key, value in typed.items()
    }
    version = publish(form)
    filled = fill(of_version(version), posted)
    filled.is_valid()
    response = responses.store(
        [Given(version, filled.answers)], organiser=form.organiser, language="en", now=NOW
    )[0]
    assert responses.read(response) == filled.answers
    states = {answer.field.key: answer.state for answer in response.answers.select_related("field")}
    asked = responses.asked_keys(of_version(version), filled.answers)
    for key, state in states.items():
        if key in filled.answers:
            assert state == Answer.State.ANSWERED
        else:
            assert state == (Answer.State.BLANK if key in asked else Answer.State.NOT_ASKED)
    assert all(isinstance(value, (str, bool, Decimal, list)) or value for value in filled.answers.values())
