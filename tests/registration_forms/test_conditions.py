"""Which questions are asked: the pure function, its chains, and the conditions that can't work."""

import pytest

from registration_forms.conditions import (
    Context,
    dependants,
    possible_questions,
    problems,
    visible_questions,
)
from registration_forms.definitions import parse


def question(key: str, condition: dict | None = None, **more) -> dict:
    return {"key": key, "type": "text", "label": {"en": key}, "condition": condition or {}, **more}


def if_(field: str, value=None, op="is") -> dict:
    return {"all": [{"field": field, "op": op, "value": value}]}


def shown(questions: list[dict], values: dict, **context) -> list[str]:
    definition = parse({"fields": questions})
    return [one.key for one in visible_questions(definition, values, Context(**context))]


MENU = [question("eats", type="yes_no"), question("menu", if_("eats", "yes"), visibility="mandatory")]
CHAIN = [question("x"), question("y", if_("x", "yes")), question("z", if_("y", "B"))]


@pytest.mark.scenario("RF-17")
@pytest.mark.parametrize(
    ("values", "asked"),
    [({}, ["eats"]), ({"eats": "no", "menu": "vegan"}, ["eats"]), ({"eats": "yes"}, ["eats", "menu"])],
)
def test_a_condition_decides(values, asked):
    assert shown(MENU, values) == asked


@pytest.mark.scenario("RF-18")
def test_a_chain_collapses_from_its_first_link():
    assert shown(CHAIN, {"x": "yes", "y": "B", "z": "text"}) == ["x", "y", "z"]
    assert shown(CHAIN, {"x": "no", "y": "B", "z": "text"}) == ["x"]


@pytest.mark.parametrize(
    ("op", "wanted", "answer", "holds"),
    [
        ("is", "a", "a", True),
        ("is", "a", "b", False),
        ("is", "a", None, False),
        ("is", "a", ["b", "a"], True),
        ("is_not", "a", "b", True),
        ("is_not", "a", ["a", "b"], False),
        ("is_not", "a", None, False),
        ("is_not", "a", "", False),
        ("is_not", "a", [], False),
        ("in", ["a", "b"], "b", True),
        ("in", ["a", "b"], "c", False),
        ("filled", None, "x", True),
        ("filled", None, "", False),
        ("empty", None, None, True),
        ("empty", None, ["a"], False),
    ],
)
def test_operators(op, wanted, answer, holds):
    asked = shown([question("x"), question("y", if_("x", wanted, op))], {"x": answer})
    assert ("y" in asked) is holds


NEGATIVE = [("is_not", "b"), ("empty", None)]


@pytest.mark.scenario("RF-18")
@pytest.mark.parametrize(("op", "wanted"), NEGATIVE)
@pytest.mark.parametrize("joined", ["all", "any"])
def test_a_hidden_question_decides_nothing(op, wanted, joined):
    questions = [
        question("x", type="yes_no"),
        question("y", if_("x", "yes"), type="dropdown"),
        question("z", {joined: [{"field": "y", "op": op, "value": wanted}]}, visibility="mandatory"),
        question("last", {joined: [{"field": "z", "op": op, "value": wanted}]}, visibility="mandatory"),
    ]
    answer = {} if op == "empty" else {"y": "a"}
    assert shown(questions, {"x": "yes", **answer})[:3] == ["x", "y", "z"]
    for values in ({"x": "no"}, {"x": "no", "y": "a"}, {}, {"z": "a"}):
        assert shown(questions, values) == ["x"]


@pytest.mark.parametrize(("op", "wanted"), NEGATIVE)
def test_a_hidden_question_leaves_the_decision_to_the_others(op, wanted):
    """Both must hold: one that can't hold is not met. One is enough: the other one decides."""
    terms = [{"field": "y", "op": op, "value": wanted}, {"field": "w", "op": "is", "value": "1"}]
    for joined, asked in (("all", False), ("any", True)):
        questions = [
            question("x"),
            question("y", if_("x", "1")),
            question("w"),
            question("z", {joined: terms}),
        ]
        assert ("z" in shown(questions, {"w": "1"})) is asked
        assert "z" not in shown(questions, {"w": "2"})


@pytest.mark.parametrize("more", [{"staff_only": True}, {"visibility": "hidden"}])
@pytest.mark.parametrize(("op", "wanted"), NEGATIVE)
def test_a_question_that_buyers_never_see_decides_nothing_for_them(more, op, wanted):
    questions = [question("y", **more), question("z", if_("y", wanted, op))]
    assert shown([question("y"), questions[1]], {"y": None if op == "empty" else "a"}) == ["y", "z"]
    assert shown(questions, {"y": None if op == "empty" else "a"}) == []


@pytest.mark.parametrize(("op", "wanted"), [("is", "1"), *NEGATIVE])
def test_an_answer_that_is_not_known_yet_leaves_open_what_depends_on_it(op, wanted):
    definition = parse(
        {"fields": [question("x"), question("y", if_("x", wanted, op)), question("z", if_("y", "B"))]}
    )
    keys = lambda found: [one.key for one in found]  # noqa: E731
    for values in ({}, {"x": "1"}, {"x": "2", "y": "B"}):
        assert keys(visible_questions(definition, values, unknown={"x"})) == ["x"]
        assert keys(possible_questions(definition, values, unknown={"x"})) == ["x", "y", "z"]
    assert keys(possible_questions(definition, {"x": None})) == (["x", "y"] if op == "empty" else ["x"])


def test_any_of_several_terms_is_enough():
    either = {"any": [{"field": "a", "op": "is", "value": "1"}, {"field": "b", "op": "is", "value": "1"}]}
    questions = [question("a"), question("b"), question("c", either)]
    assert "c" in shown(questions, {"b": "1"})
    assert "c" not in shown(questions, {})


def test_what_is_for_staff_is_asked_of_staff():
    questions = [question("a", staff_only=True), question("b"), question("c", visibility="hidden")]
    assert shown(questions, {}) == ["b"]
    assert shown(questions, {}, staff=True) == ["a", "b"]


@pytest.mark.scenario("RF-06")
@pytest.mark.parametrize(
    ("questions", "archived", "expected"),
    [
        ([question("x", if_("x", "1"))], (), ("self", ("x", "x"))),
        ([question("x", if_("y", "1")), question("y")], (), ("later", ("x", "y"))),
        ([question("y", staff_only=True), question("x", if_("y", "1"))], (), ("staff_only", ("x", "y"))),
        ([question("x", if_("old", "1"))], ("old",), ("archived", ("x", "old"))),
        ([question("x", if_("other form", "1"))], (), ("unknown", ("x", "other form"))),
        ([question("y"), question("x", if_("y", "1", op="resembles"))], (), ("operator", ("x",))),
        (
            [question("y", type="consent"), question("x", if_("y", "yes", "is_not"))],
            (),
            ("consent", ("x", "y")),
        ),
    ],
)
def test_conditions_that_cannot_work_are_named(questions, archived, expected):
    found = problems(parse({"fields": questions}), frozenset(archived))
    assert expected in [(one.code, one.fields) for one in found]


@pytest.mark.scenario("RF-06")
def test_a_circle_is_named_once_with_all_its_questions():
    circle = [question("x", if_("z", "1")), question("y", if_("x", "1")), question("z", if_("y", "1"))]
    found = [one for one in problems(parse({"fields": circle})) if one.code == "cycle"]
    assert [set(one.fields) for one in found] == [{"x", "y", "z"}]


@pytest.mark.scenario("RF-06")
def test_dependants():
    definition = parse({"fields": CHAIN})
    assert [one.key for one in dependants(definition, "x")] == ["y"]
    assert problems(definition) == []
