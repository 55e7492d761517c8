"""Which questions are asked: one pure function, used by pages, edits, imports and tests alike.

A condition is data: ``{"all": [{"field": key, "op": "is", "value": x}, …]}`` or ``{"any": […]}``; empty: always.
What a condition hides is never stored and never blocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .definitions import Definition, Question

OPERATORS = ("is", "is_not", "in", "filled", "empty")


@dataclass(frozen=True)
class Context:
    """Who looks: staff see what is for staff only."""

    staff: bool = False


BUYER = Context()


def visible_questions(
    definition: Definition, values: Mapping[str, object], context: Context = BUYER
) -> list[Question]:
    """The questions to ask, in order, given the answers so far (key -> value as stored; None: no answer).

    A question counts only while it is itself visible: a chain of conditions collapses from its first link.
    Questions depend on earlier ones only (``problems`` refuses others), so one pass decides all.
    """
    shown: list[Question] = []
    known: dict[str, object] = {}
    for question in definition.questions:
        if question.visibility == "hidden" or (question.staff_only and not context.staff):
            continue
        if holds(question.condition, known):
            shown.append(question)
            known[question.key] = values.get(question.key)
    return shown


def holds(condition: dict, known: Mapping[str, object]) -> bool:
    """Whether a condition is met by the answers of visible questions."""
    if not condition:
        return True
    if "any" in condition:
        return any(_term(term, known) for term in condition["any"])
    return all(_term(term, known) for term in condition.get("all", []))


def _term(term: dict, known: Mapping[str, object]) -> bool:
    value = known.get(term["field"])
    answers = set(_as_list(value))
    wanted = set(_as_list(term.get("value")))
    operator = term["op"]
    if operator == "filled":
        return bool(answers)
    if operator == "empty":
        return not answers
    if operator == "is_not":
        return not answers & wanted
    return bool(answers & wanted)


def _as_list(value: object) -> list:
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return [value]


def fields_of(condition: dict) -> list[str]:
    """The keys of the questions a condition asks about."""
    return [term["field"] for term in [*condition.get("all", []), *condition.get("any", [])]]


@dataclass(frozen=True)
class Problem:
    """Why a condition can't work: ``code`` is self, later, staff_only, unknown, operator or cycle; ``fields`` are keys."""

    code: str
    fields: tuple[str, ...]


def problems(definition: Definition, archived: frozenset[str] = frozenset()) -> list[Problem]:
    """Conditions that can never work, or only by chance, each naming the questions involved."""
    position = {question.key: number for number, question in enumerate(definition.questions)}
    found: list[Problem] = []
    for question in definition.questions:
        for key in fields_of(question.condition):
            code = _why_not(question, key, definition, position, archived)
            if code:
                found.append(Problem(code, (question.key, key)))
        found += [
            Problem("operator", (question.key,))
            for term in [*question.condition.get("all", []), *question.condition.get("any", [])]
            if term.get("op") not in OPERATORS
        ]
    return found + [Problem("cycle", cycle) for cycle in cycles(definition)]


def _why_not(
    question: Question, key: str, definition: Definition, position: dict[str, int], archived: frozenset[str]
) -> str:
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
    """The circles in which questions wait for one another, each once."""
    after = {question.key: fields_of(question.condition) for question in definition.questions}
    found: list[tuple[str, ...]] = []
    done: set[str] = set()

    def walk(key: str, path: list[str]) -> None:
        if key in path:
            circle = path[path.index(key) :]
            if len(circle) > 1 and not any(set(circle) == set(known) for known in found):
                found.append(tuple(circle))
            return
        if key in done or key not in after:
            return
        for other in after[key]:
            walk(other, [*path, key])
        done.add(key)

    for key in after:
        walk(key, [])
    return found


def dependants(definition: Definition, key: str) -> list[Question]:
    """The questions that depend on ``key``."""
    return [question for question in definition.questions if key in fields_of(question.condition)]
