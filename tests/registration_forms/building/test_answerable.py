"""Unanswerable questions are found before publishing, and answerable ones are not reported."""

from itertools import islice, product

import pytest
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from hypothesis import strategies as st

from registration_forms import conditions
from registration_forms.admin import publish_texts
from registration_forms.answers.blocks import Block
from registration_forms.building import answerable, publishing
from registration_forms.definitions import parse
from registration_forms.field_types import TYPES, QuestionContext
from tests.factories.registration_forms import ask, make_form, only_if, publish
from tests.properties import holds_for

NOW = timezone.now()
ANSWERED = sorted(code for code, kind in TYPES.items() if kind.answers)


def question(key: str, kind: str = "text", condition: dict | None = None, choices=0, **more) -> dict:
    """A mandatory question; ``choices`` of them, or each as (offered or not)."""
    offered = [True] * choices if isinstance(choices, int) else choices
    options = [
        {"key": f"{key}c{number}", "label": {"en": f"Choice {number}"}, "active": active}
        for number, active in enumerate(offered)
    ]
    one = {"key": key, "type": kind, "label": {"en": key.upper()}, "visibility": "mandatory"}
    return {**one, "condition": condition or {}, "choices": options, **more}


def if_(field: str, value=None, op="is") -> dict:
    return {"all": [{"field": field, "op": op, "value": value}]}


def both(*terms: dict) -> dict:
    return {"all": [term for condition in terms for term in condition["all"]]}


YES_NO = question("x", "yes_no")
CASES = {
    "no choices": ([question("x", "single_choice")], ("no_choices", ("x",))),
    "no choices in a list": ([question("x", "dropdown")], ("no_choices", ("x",))),
    "no choices, optional": (
        [question("x", "multiple_choice", visibility="visible")],
        ("no_choices", ("x",)),
    ),
    "all archived": ([question("x", "dropdown", choices=[False, False])], ("no_choices", ("x",))),
    "more than there are": (
        [question("x", "multiple_choice", choices=2, rules={"min": 5})],
        ("least", ("x",)),
    ),
    "more than are offered": (
        [question("x", "multiple_choice", choices=[True, False], rules={"min": 2})],
        ("least", ("x",)),
    ),
    "most below least": (
        [question("x", "multiple_choice", choices=4, rules={"min": 3, "max": 2})],
        ("most", ("x",)),
    ),
    "most is none": ([question("x", "multiple_choice", choices=4, rules={"max": 0})], ("most", ("x",))),
    "numbers": ([question("x", "number", rules={"min": 9, "max": 2})], ("numbers", ("x",))),
    "no whole number": ([question("x", "number", rules={"min": 0.2, "max": 0.8})], ("numbers", ("x",))),
    "days": ([question("x", "date", rules={"from": "2027-07-04", "until": "2027-07-03"})], ("days", ("x",))),
    "day too late": ([question("x", "date", rules={"from": "2300-01-01"})], ("days", ("x",))),
    "nobody is so old": ([question("x", "birth_date", rules={"age_from": 200})], ("ages", ("x",))),
    "ages": ([question("x", "birth_date", rules={"age_from": 16, "age_until": 4})], ("ages", ("x",))),
    "a date is no word": (
        [question("x", "date"), question("y", condition=if_("x", "hello"))],
        ("answer", ("y", "x")),
    ),
    "a date outside its days": (
        [
            question("x", "date", rules={"until": "2027-07-03"}),
            question("y", condition=if_("x", "2027-07-04")),
        ],
        ("answer", ("y", "x")),
    ),
    "not a word": (
        [question("x", "number"), question("y", condition=if_("x", "a", "is_not"))],
        ("answer", ("y", "x")),
    ),
    "a number above the most": (
        [question("x", "number", rules={"max": 5}), question("y", condition=if_("x", "6"))],
        ("answer", ("y", "x")),
    ),
    "another question's choice": (
        [question("x", "dropdown", choices=2), question("y", condition=if_("x", "yc0"))],
        ("answer", ("y", "x")),
    ),
    "an archived choice": (
        [question("x", "dropdown", choices=[True, False]), question("y", condition=if_("x", "xc1"))],
        ("answer", ("y", "x")),
    ),
    "no consent": (
        [question("x", "consent"), question("y", condition=if_("x", "no"))],
        ("answer", ("y", "x")),
    ),
    "one of nothing": ([YES_NO, question("y", condition=if_("x", [], "in"))], ("answer", ("y", "x"))),
    "a hidden question": (
        [question("x", visibility="hidden"), question("y", condition=if_("x", op="filled"))],
        ("hidden", ("y", "x")),
    ),
    "a name": (
        [question("x", system_ref="first_name"), question("y", condition=if_("x", op="filled"))],
        ("elsewhere", ("y", "x")),
    ),
    "a heading": (
        [question("x", "static_text"), question("y", condition=if_("x", op="filled"))],
        ("text", ("y", "x")),
    ),
    "mandatory and not answered": (
        [YES_NO, question("y", condition=if_("x", op="empty"))],
        ("never", ("y",)),
    ),
    "yes and no": (
        [YES_NO, question("y", condition=both(if_("x", "yes"), if_("x", "no")))],
        ("never", ("y",)),
    ),
    "a chain that contradicts itself": (
        [
            YES_NO,
            question("y", condition=if_("x", "yes")),
            question("z", condition=both(if_("y", "a"), if_("x", "no"))),
        ],
        ("never", ("z",)),
    ),
    "two of one": (
        [
            question("x", "multiple_choice", choices=3, rules={"max": 1}),
            question("y", condition=both(if_("x", "xc0"), if_("x", "xc1"))),
        ],
        ("never", ("y",)),
    ),
    "all but what must be taken": (
        [
            question("x", "multiple_choice", choices=2, rules={"min": 2}),
            question("y", condition=if_("x", "xc0", "is_not")),
        ],
        ("never", ("y",)),
    ),
    "a text that nobody sees": (
        [YES_NO, question("y", "static_text", if_("x", op="empty"))],
        ("never", ("y",)),
    ),
}


@pytest.fixture(autouse=True)
def at_home():
    with timezone.override("Europe/Zurich"):
        yield


@pytest.mark.parametrize("case", CASES)
def test_unanswerable_question_is_reported(case):
    questions, expected = CASES[case]
    definition = parse({"fields": questions})
    assert conditions.problems(definition) == []
    found = answerable.problems(definition)
    assert [(one.code, one.fields) for one in found] == [expected]


@pytest.mark.django_db
@pytest.mark.parametrize("case", CASES)
def test_message_names_the_question_and_the_solution(case):
    questions, (code, keys) = CASES[case]
    definition, form = parse({"fields": questions}), make_form()
    (sentence,) = publish_texts.problems(answerable.problems(definition), definition, form)
    assert all(f"“{key.upper()}”" in sentence for key in keys)
    assert sentence.count(".") >= 2 or code == "answer"


FINE = {
    "both of two": [
        question("x", "multiple_choice", choices=2, rules={"min": 2, "max": 2}),
        question("y", condition=both(if_("x", "xc0"), if_("x", "xc1"))),
    ],
    "one number": [
        question("x", "number", rules={"min": 5, "max": 5}),
        question("y", condition=if_("x", "5")),
    ],
    "one tenth": [question("x", "number", rules={"min": 0.1, "max": 0.1, "decimals": 1})],
    "one day": [
        question("x", "date", rules={"from": "2027-07-04", "until": "2027-07-04"}),
        question("y", condition=if_("x", "2027-07-04")),
    ],
    "babies": [question("x", "birth_date", rules={"age_until": 0})],
    "one way of two": [
        YES_NO,
        question("y", condition={"any": if_("x", op="empty")["all"] + if_("x", "no")["all"]}),
    ],
    "an earlier choice, excluded": [
        question("x", "dropdown", choices=[True, False]),
        question("y", condition=if_("x", "xc1", "is_not")),
    ],
    "a hidden question without choices": [question("x", "dropdown", visibility="hidden")],
    "an optional one left open": [
        question("x", "number", visibility="visible"),
        question("y", condition=if_("x", op="empty")),
    ],
    "a country": [question("x", "country"), question("y", condition=if_("x", "CH"))],
    "a phone": [question("x", "phone"), question("y", condition=if_("x", "+41791234567"))],
    "an instant": [
        question("x", "date_time"),
        question("y", condition=if_("x", "2027-07-03T16:00:00+00:00")),
    ],
}


@pytest.mark.parametrize("case", FINE)
def test_answerable_question_is_accepted(case):
    assert answerable.problems(parse({"fields": FINE[case]})) == []


@pytest.mark.parametrize("code", ANSWERED)
def test_examples_of_each_type_are_accepted_answers(code):
    one = parse({"fields": [question("x", code, choices=3)]}).questions[0]
    kind, found = TYPES[code], list(islice(TYPES[code].examples(one), 5))
    assert found
    for value in found:
        posted = MultiValueDict({"x": value if isinstance(value, list) else [value]})
        block = Block(
            parse({"fields": [question("x", code, choices=3)]}),
            posted,
            question_context=QuestionContext(now=NOW),
        )
        assert block.is_valid(), (value, block.errors)
        assert kind.to_json(block.answers["x"]) == value


# --- any definition --------------------------------------------------------------------------------------
RULES = {
    "number": st.fixed_dictionaries(
        {}, optional={"min": st.integers(-3, 3), "max": st.integers(-3, 3), "decimals": st.integers(0, 2)}
    ),
    "multiple_choice": st.fixed_dictionaries(
        {}, optional={"min": st.integers(0, 4), "max": st.integers(0, 4)}
    ),
    "birth_date": st.fixed_dictionaries(
        {}, optional={"age_from": st.integers(0, 130), "age_until": st.integers(0, 130)}
    ),
    "date": st.fixed_dictionaries({}, optional={name: st.dates().map(str) for name in ("from", "until")}),
    "text": st.fixed_dictionaries({}, optional={"max_length": st.integers(1, 3)}),
}
# Types that conditions name most are drawn more often.
KINDS = [*sorted(TYPES), "yes_no", "single_choice", "multiple_choice", "consent"]


@st.composite
def any_definition(draw, most: int):
    questions: list[dict] = []
    for number in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(KINDS))
        choices = draw(st.lists(st.booleans(), max_size=3)) if TYPES[kind].has_choices else 0
        one = question(
            f"q{number}",
            kind,
            choices=choices,
            rules=draw(RULES.get(kind, st.just({}))),
            visibility=draw(st.sampled_from(["visible", "mandatory", "mandatory", "hidden"])),
        )
        if questions and draw(st.booleans()):
            terms = draw(st.lists(_term(questions), min_size=1, max_size=2))
            one["condition"] = {draw(st.sampled_from(["all", "any"])): terms}
        questions.append(one)
    return parse({"fields": questions})


@st.composite
def _term(draw, earlier):
    other = draw(st.sampled_from(earlier))
    values = [option["key"] for option in other["choices"]] or ["yes", "no", "0", "2", "a"]
    return {
        "field": other["key"],
        "op": draw(st.sampled_from(conditions.OPERATORS)),
        "value": draw(st.sampled_from(values)),
    }


@holds_for(any_definition(7), st.data(), few=30)
def test_publishable_form_can_be_answered(definition, data):
    """Answer one question after the other with any answer: each asked question accepts one, and all are accepted together."""
    if conditions.problems(definition) or answerable.problems(definition):
        return
    posted: dict[str, list[str]] = {}
    while True:
        block = Block(
            definition, MultiValueDict(posted), question_context=QuestionContext(now=NOW, day=NOW.date())
        )
        block.full_clean()
        open_ones = [row.question for row in block.rows() if row.field and row.question.key not in posted]
        if not open_ones:
            break
        one = open_ones[0]
        examples = list(islice(TYPES[one.type].examples(one), 3))
        value = data.draw(st.sampled_from(examples if one.mandatory else [*examples, None]))
        posted[one.key] = [] if value is None else value if isinstance(value, list) else [value]
    assert block.is_valid(), block.errors


@holds_for(any_definition(4), few=20)
def test_question_reported_as_never_asked_is_asked_by_no_answers(definition):
    """Try every answer to every question that conditions can distinguish."""
    found = [*conditions.problems(definition), *answerable.problems(definition)]
    if any(one.code != "never" for one in found):
        return
    never = {one.fields[0] for one in found}
    answers = {one.key: _answers(definition, one) for one in definition.questions if TYPES[one.type].answers}
    asked: set[str] = set()
    for values in product(*answers.values()):
        given_ = dict(zip(answers, values, strict=True))
        shown = conditions.visible_questions(definition, given_)
        if all(given_.get(one.key) is not None for one in shown if one.mandatory and one.key in answers):
            asked |= {one.key for one in shown}
    assert {one.key for one in definition.questions if one.visibility != "hidden"} - asked == never


def _answers(definition, one) -> list:
    named = [
        value
        for other in definition.questions
        for term in conditions.terms_of(other.condition)
        if term["field"] == one.key
        for value in conditions.as_list(term["value"])
    ]
    return [None, *islice(TYPES[one.type].examples(one, sorted(set(named))), 6)]


def test_search_ends_after_a_limited_number_of_steps():
    """A chain with two ways at each step, whose end contradicts its beginning."""
    questions = [question("q0", "yes_no"), question("q1", condition=if_("q0", "yes"))]
    for number in range(2, 79):
        before = f"q{number - 1}"
        questions.append(
            question(f"q{number}", condition={"any": [*if_(before, "a")["all"], *if_(before, "b")["all"]]})
        )
    end = question("end", condition=both(if_("q0", "no"), if_("q78", op="filled")))
    assert answerable.problems(parse({"fields": [*questions, end]})) == []
    short = [*questions[:6], question("end", condition=both(if_("q0", "no"), if_("q5", op="filled")))]
    assert [one.code for one in answerable.problems(parse({"fields": short}))] == ["never"]


# --- publishing ------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_unanswerable_form_is_not_published():
    form = make_form()
    menu = ask(form, "Menu", "dropdown", visibility="mandatory", choices=[("Soup", 0), ("Fish", 0)])
    with pytest.raises(publishing.CannotPublish) as refused:
        publish(form)
    assert [(one.code, one.fields) for one in refused.value.problems] == [("no_places", (menu.key,))]
    menu.choices.filter(label="Fish").update(capacity=1)
    ask(form, "Sauce", condition=only_if(menu, menu.choices.get(label="Fish").key))
    assert publish(form).number == 1
    menu.choices.filter(label="Fish").update(active=False)
    with pytest.raises(publishing.CannotPublish) as refused:
        publish(form)
    assert {one.code for one in refused.value.problems} == {"answer", "no_places"}
