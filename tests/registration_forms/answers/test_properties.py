"""Properties that hold for every form and all answers (Hypothesis)."""

import contextlib
from datetime import UTC, date, datetime

import pytest
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from hypothesis import strategies as st

from registration_forms import conditions, definitions
from registration_forms.answers import responses
from registration_forms.answers.blocks import Block
from registration_forms.building import copying, publishing
from registration_forms.conditions import OPERATORS, visible_questions
from registration_forms.definitions import of_version, parse
from registration_forms.field_types import TYPES, QuestionContext
from registration_forms.models import Answer
from tests.factories.registration_forms import ask, freeze, make_form, make_given, publish
from tests.properties import holds_for

NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)
NUMBERS = range(3)


@pytest.fixture(autouse=True)
def at_home():
    with timezone.override("Europe/Zurich"):
        yield


def _choice(key):
    return st.integers(0, 3).map(lambda n: f"{key}c{n}")  # the last one does not exist


TYPED = {
    "text": lambda key: st.text(max_size=12),
    "long_text": lambda key: st.text(max_size=30),
    "number": lambda key: st.integers(-1000, 1000).map(str) | st.text(max_size=3),
    "email": lambda key: st.emails() | st.text(max_size=5),
    "phone": lambda key: st.integers(0, 10**10).map(lambda n: f"+41{n}"),
    "date": lambda key: st.dates(date(1850, 1, 1), date(2200, 1, 1)).map(str),
    "birth_date": lambda key: st.dates(date(1850, 1, 1), date(2200, 1, 1)).map(str),
    "time": lambda key: st.times().map(lambda t: t.isoformat("minutes")),
    "date_time": lambda key: st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
        lambda t: t.isoformat(timespec="minutes")
    ),
    "yes_no": lambda key: st.sampled_from(["yes", "no"]),
    "consent": lambda key: st.just("on"),
    "single_choice": _choice,
    "dropdown": _choice,
    "multiple_choice": lambda key: st.lists(_choice(key), max_size=3),
    "country": lambda key: st.sampled_from(["CH", "FR", "XX"]),
    "address": lambda key: st.text(max_size=30),
    "url": lambda key: st.sampled_from(["https://example.org/é?a=b", "javascript:alert(1)", "example.org"]),
}


def test_every_type_with_answers_is_covered():
    codes = {code for code, kind in TYPES.items() if kind.answers}
    assert codes - set(TYPED) == set(), "add to TYPED what people may type for a question of this type"
    assert set(TYPED) - codes == set(), "there is no such type"


@st.composite
def forms_with_answers(draw):
    """A definition whose questions depend on earlier ones, and something typed for some of them."""
    questions, typed = [], {}
    for number in range(draw(st.integers(1, 7))):
        key, kind = f"q{number}", draw(st.sampled_from([*sorted(TYPES), "yes_no", "single_choice"]))
        one = {
            "key": key,
            "type": kind,
            "label": {"en": key},
            "visibility": draw(st.sampled_from(["visible", "visible", "mandatory", "hidden"])),
            "staff_only": draw(st.booleans()) and draw(st.booleans()),
            "condition": {},
            "choices": [{"key": f"{key}c{n}", "label": {"en": f"{key}c{n}"}} for n in NUMBERS]
            if TYPES[kind].has_choices
            else [],
        }
        earlier = [other for other in questions if one["staff_only"] or not other["staff_only"]]
        if earlier and draw(st.booleans()):
            terms = draw(st.lists(_term(earlier), min_size=1, max_size=2))
            one["condition"] = {draw(st.sampled_from(["all", "any"])): terms}
        questions.append(one)
        if kind in TYPED and draw(st.booleans()):
            typed[key] = draw(TYPED[kind](key))
    return {"schema": 1, "first_language": "en", "group_asks": "each", "fields": questions}, typed


@st.composite
def _term(draw, earlier):
    other = draw(st.sampled_from(earlier))
    key = other["key"]
    value = draw(st.sampled_from(["yes", "no", "a", "5", f"{key}c0", f"{key}c1"]))
    # A consent that is denied can't be published.
    operators = [op for op in OPERATORS if op != "is_not" or other["type"] != "consent"]
    return {"field": key, "op": draw(st.sampled_from(operators)), "value": value}


def fill(definition, values: dict) -> Block:
    posted = MultiValueDict({key: one if isinstance(one, list) else [one] for key, one in values.items()})
    block = Block(definition, posted, question_context=QuestionContext(now=NOW, day=NOW.date()))
    block.is_valid()
    return block


def written(json: dict):
    """The form as rows; and the keys its questions and choices have there."""
    form, keys = make_form(), {}
    for one in json["fields"]:
        field = ask(
            form,
            one["key"],
            one["type"],
            visibility=one["visibility"],
            staff_only=one["staff_only"],
            condition=_renamed(one["condition"], keys),
            choices=[choice["key"] for choice in one["choices"]],
        )
        keys[one["key"]] = field.key
        keys |= {choice.label: choice.key for choice in field.choices.all()}
    return form, keys


def _renamed(condition: dict, keys: dict) -> dict:
    return {
        joined: [
            {**term, "field": keys[term["field"]], "value": keys.get(term["value"], term["value"])}
            for term in terms
        ]
        for joined, terms in condition.items()
    }


def _posted(typed: dict, keys: dict) -> dict:
    def real(value):
        return [keys.get(one, one) for one in value] if isinstance(value, list) else keys.get(value, value)

    return {keys[key]: real(value) for key, value in typed.items()}


@pytest.mark.scenario("RF-17", "RF-18")
@holds_for(forms_with_answers(), few=30)
def test_hidden_question_never_has_a_value(drawn):
    json, typed = drawn
    definition = parse(json)
    filled = fill(definition, typed)
    visible = {question.key for question in visible_questions(definition, filled.json_values(filled.answers))}
    assert set(filled.answers) <= visible
    assert set(filled.errors) <= {question.key for question in filled.shown()}


@pytest.mark.scenario("RF-17", "RF-29")
@holds_for(forms_with_answers(), st.text(max_size=8), few=30)
def test_answer_to_a_question_not_asked_changes_nothing(drawn, other):
    json, typed = drawn
    definition = parse(json)
    values = {key: typed.get(key) for key in definition.by_key}
    shown = visible_questions(definition, values)
    names = {question.key for question in shown}
    unasked = {key: other for key in definition.by_key if key not in names}
    assert visible_questions(definition, {**values, **unasked, "of another form": other}) == shown
    # And as a post: what is drawn, what is wrong and what would be stored stay the same.
    plain = fill(definition, typed)
    drawn_keys = {question.key for question in plain.shown()}
    more = {key: other for key in definition.by_key if key not in drawn_keys and key not in typed}
    tampered = fill(definition, {**typed, **more, "of another form": other})
    assert tampered.shown() == plain.shown()
    assert (tampered.answers, tampered.errors) == (plain.answers, plain.errors)


def _met(term: dict, visible: dict) -> bool:
    """The rule once more, in other words: hidden and unanswered questions meet no term but “is not answered”."""
    if term["field"] not in visible:
        return False
    given = visible[term["field"]]
    given = [] if given in (None, "", []) else given if isinstance(given, list) else [given]
    if not given:
        return term["op"] == "empty"
    equal = term["value"] in given
    return {"is": equal, "in": equal, "is_not": not equal, "filled": True, "empty": False}[term["op"]]


@pytest.mark.scenario("RF-17", "RF-18")
@holds_for(forms_with_answers(), few=30)
def test_hidden_or_unanswered_question_meets_no_term(drawn):
    json, typed = drawn
    definition = parse(json)
    visible = {one.key: typed.get(one.key) for one in visible_questions(definition, typed)}
    for question in definition.questions:
        if question.visibility == "hidden" or question.staff_only:
            continue
        met = [_met(term, visible) for term in conditions.terms_of(question.condition)]
        join = any if "any" in question.condition else all
        assert (question.key in visible) is (not question.condition or join(met))


@holds_for(forms_with_answers(), st.data(), few=30)
def test_possible_questions_are_those_some_answer_shows(drawn, data):
    json, typed = drawn
    definition = parse(json)
    open_keys = data.draw(st.sets(st.sampled_from(sorted(definition.by_key))))
    sure = {one.key for one in visible_questions(definition, typed, unknown=open_keys)}
    possible = {one.key for one in conditions.possible_questions(definition, typed, unknown=open_keys)}
    for _try in range(5):
        answer = st.none() | st.sampled_from(["yes", "no", "a", "5", *(f"q{n}c0" for n in range(7))])
        asked = visible_questions(definition, {**typed, **{key: data.draw(answer) for key in open_keys}})
        assert sure <= {one.key for one in asked} <= possible


@pytest.mark.django_db
@holds_for(forms_with_answers(), few=10)
def test_stored_answer_is_read_back_equal(drawn):
    json, typed = drawn
    form, keys = written(json)
    version = freeze(form)
    filled = fill(of_version(version), _posted(typed, keys))
    response = responses.store(
        [make_given(version, filled.answers)], organiser=form.organiser, language="en", now=NOW
    )[0]
    assert responses.read(response) == filled.answers
    asked = responses.asked_keys(of_version(version), filled.answers)
    rows = {answer.field.key: answer for answer in response.answers.select_related("field")}
    assert set(rows) == {one.key for one in of_version(version).questions if TYPES[one.type].answers}
    for key, row in rows.items():
        if key in filled.answers:
            assert row.state == Answer.State.ANSWERED
            assert key in asked
        else:
            assert row.state == (Answer.State.BLANK if key in asked else Answer.State.NOT_ASKED)
            assert not row.choices.exists()


@pytest.mark.scenario("RF-04")
@pytest.mark.django_db
@holds_for(forms_with_answers(), few=10)
def test_answers_to_a_form_are_accepted_by_its_copy(drawn):
    json, typed = drawn
    form, keys = written(json)
    made = copying.copy(form, name="Next season", by=None, now=NOW)
    assert definitions.build(made) == definitions.build(form)
    rows = list(form.fields.values_list("key", "type", "position"))
    assert list(made.fields.values_list("key", "type", "position")) == rows
    assert {(one.field.key, one.key) for field in made.fields.all() for one in field.choices.all()} == {
        (one.field.key, one.key) for field in form.fields.all() for one in field.choices.all()
    }
    assert not set(made.fields.values_list("pk", flat=True)) & set(form.fields.values_list("pk", flat=True))
    with contextlib.suppress(publishing.CannotPublish):
        here, there = (fill(of_version(publish(one)), _posted(typed, keys)) for one in (form, made))
        assert (here.answers, here.errors) == (there.answers, there.errors)
