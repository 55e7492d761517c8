"""Conditions that decide which questions a form asks. Used by pages, changes of answers, imports and tests.

A condition is data: ``{"all": [{"field": key, "op": "is", "value": x}, …]}`` or ``{"any": […]}``. An empty condition is
always met. Answers to questions that a condition hides are never stored and never required.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .definitions import Definition, Question

OPERATORS = ("is", "is_not", "in", "filled", "empty")
# Operators that compare with a value.
WITH_VALUE = frozenset({"is", "is_not", "in"})


@dataclass(frozen=True)
class Context:
    """The reader of a form. Staff also see the questions that are for staff only."""

    staff: bool = False


BUYER = Context()


class _Unknown:
    """Stands for an answer that is not known yet, so that a condition on it may be met or not."""


UNKNOWN = _Unknown()


def visible_questions(
    definition: Definition,
    values: Mapping[str, object],
    context: Context = BUYER,
    unknown: Collection[str] = (),
) -> list[Question]:
    """Return the questions to ask, in order.

    ``values`` holds the answers so far: key -> value as JSON, or None for no answer. Only the answers of visible questions
    count in conditions, so a chain of conditions ends at the first one that is not met. Answers to questions in ``unknown``
    are ignored because they are wrong. Questions depend on earlier questions only (``problems`` refuses others), so one pass
    is enough.
    """
    return [question for question, asked in _decided(definition, values, context, unknown) if asked]


def possible_questions(
    definition: Definition,
    values: Mapping[str, object],
    context: Context = BUYER,
    unknown: Collection[str] = (),
) -> list[Question]:
    """Return, in order, the visible questions and those that an answer to a question in ``unknown`` could make
    visible.
    """
    return [
        question for question, asked in _decided(definition, values, context, unknown) if asked is not False
    ]


def _decided(
    definition: Definition, values: Mapping[str, object], context: Context, unknown: Collection[str]
) -> list[tuple[Question, bool | None]]:
    """Return each question that ``context`` may see and whether it is asked. None means that it depends on an unknown answer."""
    decided: list[tuple[Question, bool | None]] = []
    known: dict[str, object] = {}
    for question in definition.questions:
        if question.visibility == "hidden" or (question.staff_only and not context.staff):
            continue
        asked = is_met(question.condition, known)
        decided.append((question, asked))
        if asked is None or (asked and question.key in unknown):
            known[question.key] = UNKNOWN
        elif asked:
            known[question.key] = values.get(question.key)
    return decided


def is_met(condition: dict, known: Mapping[str, object]) -> bool | None:
    """Return whether ``known`` (key of a visible question -> answer or None) meets the condition.

    Return None if the result depends on an answer that is UNKNOWN.
    """
    if not condition:
        return True
    if "any" in condition:
        terms = [_term(term, known) for term in condition["any"]]
        return True if True in terms else None if None in terms else False
    terms = [_term(term, known) for term in condition.get("all", [])]
    return False if False in terms else None if None in terms else True


def _term(term: dict, known: Mapping[str, object]) -> bool | None:
    """Return whether one term is met, or None if it depends on an UNKNOWN answer.

    A question that is hidden or has no answer meets no term, not even "is not". The one exception is "is not answered", which
    a visible question without an answer meets.
    """
    if term["field"] not in known:
        return False
    if (value := known[term["field"]]) is UNKNOWN:
        return None
    answers, operator = set(as_list(value)), term["op"]
    if operator == "empty" or not answers:
        return operator == "empty" and not answers
    if operator == "filled":
        return True
    expected = set(as_list(term.get("value")))
    return not answers & expected if operator == "is_not" else bool(answers & expected)


def resolve_for_page(condition: dict, drawn: Collection[str], known: Mapping[str, object]) -> dict:
    """Return the condition for a page that shows only the questions ``drawn``.

    Terms about other questions become ``{"met": true}`` or ``{"met": false}``, computed from ``known``.
    """
    return {
        joined: [
            term if term["field"] in drawn else {"met": bool(_term(term, known))}
            for term in condition[joined]
        ]
        for joined in condition
    }


def as_list(value: object) -> list:
    """Return an answer, or the value of a term, as a list. No answer gives an empty list."""
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return [value]


def fields_of(condition: dict) -> list[str]:
    """Return the keys of the questions that a condition names."""
    return [term["field"] for term in terms_of(condition)]


def terms_of(condition: dict) -> list[dict]:
    """Return the terms of a condition, whether they are joined by "all" or by "any"."""
    return [*condition.get("all", []), *condition.get("any", [])]


@dataclass(frozen=True)
class Problem:
    """A reason why a form can't be published.

    ``fields`` are keys of questions; the first one is the question to change. ``code`` is self, later, staff_only, archived,
    unknown, operator, consent or cycle for a wrong condition, or a code of ``building.answerable``. ``values`` are the
    numbers or the answer that the sentence about the problem contains.
    """

    code: str
    fields: tuple[str, ...]
    values: tuple = ()


def problems(definition: Definition, archived: frozenset[str] = frozenset()) -> list[Problem]:
    """Return a problem for each condition that can never be met or that names a question it must not depend on."""
    position = {question.key: number for number, question in enumerate(definition.questions)}
    problems_found: list[Problem] = []
    for question in definition.questions:
        for key in fields_of(question.condition):
            code = _why_not(question, key, definition, position, archived)
            if code:
                problems_found.append(Problem(code, (question.key, key)))
        for term in terms_of(question.condition):
            other = definition.question(term["field"])
            if term.get("op") not in OPERATORS:
                problems_found.append(Problem("operator", (question.key,)))
            elif term["op"] == "is_not" and other is not None and other.type == "consent":
                # A box without a tick is no answer, so no answer is ever another one.
                problems_found.append(Problem("consent", (question.key, other.key)))
    return problems_found + [Problem("cycle", cycle) for cycle in cycles(definition)]


def _why_not(
    question: Question, key: str, definition: Definition, position: dict[str, int], archived: frozenset[str]
) -> str:
    """Return the code of the problem with a condition of ``question`` on ``key``; empty if there is none."""
    if key == question.key:
        return "self"
    other = definition.question(key)
    if key in archived:
        return "archived"
    if other is None:
        return "unknown"
    if other.staff_only and not question.staff_only:
        return "staff_only"
    if position[key] > position[question.key]:
        return "later"
    return ""


def cycles(definition: Definition) -> list[tuple[str, ...]]:
    """Return each circle of questions that depend on one another, once."""
    after = {question.key: fields_of(question.condition) for question in definition.questions}
    circles: list[tuple[str, ...]] = []
    visited: set[str] = set()

    def walk(key: str, path: list[str]) -> None:
        """Follow the questions that ``key`` depends on; ``path``: the keys on the way there."""
        if key in path:
            circle = path[path.index(key) :]
            if len(circle) > 1 and not any(set(circle) == set(known) for known in circles):
                circles.append(tuple(circle))
            return
        if key in visited or key not in after:
            return
        for other in after[key]:
            walk(other, [*path, key])
        visited.add(key)

    for key in after:
        walk(key, [])
    return circles


def dependants(definition: Definition, key: str) -> list[Question]:
    """Return the questions whose condition names ``key``."""
    return [question for question in definition.questions if key in fields_of(question.condition)]
