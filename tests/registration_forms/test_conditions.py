"""Conditions: which questions are asked, chains, and conditions that can't work."""

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
def test_condition_shows_or_hides_its_question(values, asked):
    assert shown(MENU, values) == asked


@pytest.mark.scenario("RF-18")
def test_chain_ends_at_the_first_condition_not_met():
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
def test_term_on_a_hidden_question_is_not_met(op, wanted, joined):
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
def test_other_terms_decide_beside_a_hidden_question(op, wanted):
    """With "all" a term on a hidden question is not met; with "any" the other term decides."""
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
def test_question_that_buyers_never_see_meets_no_term_for_them(more, op, wanted):
    questions = [question("y", **more), question("z", if_("y", wanted, op))]
    assert shown([question("y"), questions[1]], {"y": None if op == "empty" else "a"}) == ["y", "z"]
    assert shown(questions, {"y": None if op == "empty" else "a"}) == []


@pytest.mark.parametrize(("op", "wanted"), [("is", "1"), *NEGATIVE])
def test_unknown_answer_leaves_dependent_questions_undecided(op, wanted):
    definition = parse(
        {"fields": [question("x"), question("y", if_("x", wanted, op)), question("z", if_("y", "B"))]}
    )
    keys = lambda found: [one.key for one in found]  # noqa: E731
    for values in ({}, {"x": "1"}, {"x": "2", "y": "B"}):
        assert keys(visible_questions(definition, values, unknown={"x"})) == ["x"]
        assert keys(possible_questions(definition, values, unknown={"x"})) == ["x", "y", "z"]
    assert keys(possible_questions(definition, {"x": None})) == (["x", "y"] if op == "empty" else ["x"])


def test_one_term_of_any_is_enough():
    either = {"any": [{"field": "a", "op": "is", "value": "1"}, {"field": "b", "op": "is", "value": "1"}]}
    questions = [question("a"), question("b"), question("c", either)]
    assert "c" in shown(questions, {"b": "1"})
    assert "c" not in shown(questions, {})


def test_staff_only_questions_are_asked_of_staff():
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
def test_impossible_conditions_are_reported(questions, archived, expected):
    found = problems(parse({"fields": questions}), frozenset(archived))
    assert expected in [(one.code, one.fields) for one in found]


@pytest.mark.scenario("RF-06")
def test_cycle_is_reported_once_with_all_its_questions():
    circle = [question("x", if_("z", "1")), question("y", if_("x", "1")), question("z", if_("y", "1"))]
    found = [one for one in problems(parse({"fields": circle})) if one.code == "cycle"]
    assert [set(one.fields) for one in found] == [{"x", "y", "z"}]


@pytest.mark.scenario("RF-06")
def test_dependants_are_the_questions_whose_condition_names_a_key():
    definition = parse({"fields": CHAIN})
    assert [one.key for one in dependants(definition, "x")] == ["y"]
    assert problems(definition) == []
