"""Which questions are asked: one pure function, used by pages, edits, imports and tests alike.

A condition is data: ``{"all": [{"field": key, "op": "is", "value": x}, …]}`` or ``{"any": […]}``; empty: always.
What a condition hides is never stored and never blocks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .definitions import Definition, Question

OPERATORS = ("is", "is_not", "in", "filled", "empty")
# Those that compare with a value.
WITH_VALUE = frozenset({"is", "is_not", "in"})


@dataclass(frozen=True)
class Context:
    """Who looks: staff see what is for staff only."""

    staff: bool = False


BUYER = Context()


class _Open:
    """In place of an answer that is not known yet: a condition on it may turn out either way."""


OPEN = _Open()


def visible_questions(
    definition: Definition,
    values: Mapping[str, object],
    context: Context = BUYER,
    unknown: Collection[str] = (),
) -> list[Question]:
    """The questions to ask, in order, given the answers so far (key -> value as stored; None: no answer).

    A question decides only while it is itself visible: a chain of conditions collapses from its first link. What was
    answered to a question in ``unknown`` can't be used: it decides nothing. Questions depend on earlier ones only
    (``problems`` refuses others), so one pass decides all.
    """
    return [question for question, asked in _decided(definition, values, context, unknown) if asked]


def possible_questions(
    definition: Definition,
    values: Mapping[str, object],
    context: Context = BUYER,
    unknown: Collection[str] = (),
) -> list[Question]:
    """The visible questions, and those that an answer to a question in ``unknown`` could make visible; in order."""
    return [
        question for question, asked in _decided(definition, values, context, unknown) if asked is not False
    ]


def _decided(
    definition: Definition, values: Mapping[str, object], context: Context, unknown: Collection[str]
) -> list[tuple[Question, bool | None]]:
    """Each question that is not hidden for good, and whether it is asked; None: it depends on an unknown answer."""
    found: list[tuple[Question, bool | None]] = []
    known: dict[str, object] = {}
    for question in definition.questions:
        if question.visibility == "hidden" or (question.staff_only and not context.staff):
            continue
        asked = holds(question.condition, known)
        found.append((question, asked))
        if asked is None or (asked and question.key in unknown):
            known[question.key] = OPEN
        elif asked:
            known[question.key] = values.get(question.key)
    return found


def holds(condition: dict, known: Mapping[str, object]) -> bool | None:
    """Whether a condition is met by ``known``: visible question -> answer, or None where there is none.

    None: it depends on an answer that is OPEN.
    """
    if not condition:
        return True
    if "any" in condition:
        terms = [_term(term, known) for term in condition["any"]]
        return True if True in terms else None if None in terms else False
    terms = [_term(term, known) for term in condition.get("all", [])]
    return False if False in terms else None if None in terms else True


def _term(term: dict, known: Mapping[str, object]) -> bool | None:
    """Whether one term is met. A question that is hidden or not answered meets none, also none that denies.

    Only “is not answered” is met by a question without an answer, and only while that question is visible.
    """
    if term["field"] not in known:
        return False
    if (value := known[term["field"]]) is OPEN:
        return None
    answers, operator = set(as_list(value)), term["op"]
    if operator == "empty" or not answers:
        return operator == "empty" and not answers
    if operator == "filled":
        return True
    wanted = set(as_list(term.get("value")))
    return not answers & wanted if operator == "is_not" else bool(answers & wanted)


def settled(condition: dict, drawn: Collection[str], known: Mapping[str, object]) -> dict:
    """The condition as a page can follow it that draws only the questions ``drawn``.

    Terms about other questions become ``{"met": true or false}``, by what is ``known`` of them.
    """
    return {
        joined: [
            term if term["field"] in drawn else {"met": bool(_term(term, known))}
            for term in condition[joined]
        ]
        for joined in condition
    }


def as_list(value: object) -> list:
    """An answer, or what is wanted, as a list: empty for none."""
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return [value]


def fields_of(condition: dict) -> list[str]:
    """The keys of the questions a condition asks about."""
    return [term["field"] for term in terms_of(condition)]


def terms_of(condition: dict) -> list[dict]:
    """The terms of a condition, however they are joined."""
    return [*condition.get("all", []), *condition.get("any", [])]


@dataclass(frozen=True)
class Problem:
    """Why a form can't be published: ``fields`` are keys of questions, the one to change first.

    ``code`` is self, later, staff_only, archived, unknown, operator, consent or cycle for a condition that can't work,
    or one of ``answerable``. ``values`` are the numbers or the answer that the sentence about it names.
    """

    code: str
    fields: tuple[str, ...]
    values: tuple = ()


def problems(definition: Definition, archived: frozenset[str] = frozenset()) -> list[Problem]:
    """Conditions that can never work, or only by chance, each naming the questions involved."""
    position = {question.key: number for number, question in enumerate(definition.questions)}
    found: list[Problem] = []
    for question in definition.questions:
        for key in fields_of(question.condition):
            code = _why_not(question, key, definition, position, archived)
            if code:
                found.append(Problem(code, (question.key, key)))
        for term in terms_of(question.condition):
            other = definition.question(term["field"])
            if term.get("op") not in OPERATORS:
                found.append(Problem("operator", (question.key,)))
            elif term["op"] == "is_not" and other is not None and other.type == "consent":
                # A box without a tick is no answer, so no answer is ever another one.
                found.append(Problem("consent", (question.key, other.key)))
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
