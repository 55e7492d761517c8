"""What no buyer can answer: rules that nothing fits, and conditions that never come true.

``problems`` finds them before a form is published. The types of questions give examples of answers, and
``conditions.holds`` decides what an example shows, so that both follow from what the checkout does.
"""

from collections.abc import Iterator

from .. import conditions
from ..conditions import Problem
from ..definitions import STORED_ELSEWHERE, Definition, Question
from ..field_types import TYPES

HIDDEN = "hidden"


def problems(definition: Definition) -> list[Problem]:
    """What is to be put right so that everything that is asked can be asked and answered.

    The codes: no_choices, least, most, numbers, days, ages (see the types), hidden, elsewhere and text (depends on a
    question that is hidden, asked elsewhere on the page, or a text), answer (compared with what can't be an answer),
    never (never asked). Expects conditions that name earlier questions of the form only (``conditions.problems``).
    """
    found: list[Problem] = []
    never: set[str] = set()
    for question in definition.questions:
        if question.visibility == HIDDEN:
            continue
        code, values = TYPES[question.type].problem(question)
        if code:
            found.append(Problem(code, (question.key,), values))
        terms = list(problems_of_terms(definition, question))
        if terms or not _Search(definition, never).can_be_asked(question):
            never.add(question.key)
            found += terms or [Problem("never", (question.key,))]
    return found


def problems_of_terms(definition: Definition, question: Question) -> Iterator[Problem]:
    """Yield the terms of a question's condition that name a question which decides nothing, or no answer to it."""
    for term in conditions.terms_of(question.condition):
        other = definition.question(term["field"])
        if other is None:
            continue
        code = _why_it_decides_nothing(other)
        if code:
            yield Problem(code, (question.key, other.key))
            continue
        wrong = _impossible_answer(other, term)
        if wrong is not None:
            yield Problem("answer", (question.key, other.key), (wrong,))


def decides(other: Question) -> bool:
    """Whether other questions can depend on this one."""
    return not _why_it_decides_nothing(other)


def _why_it_decides_nothing(other: Question) -> str:
    if other.visibility == HIDDEN:
        return "hidden"
    if other.system_ref in STORED_ELSEWHERE:
        return "elsewhere"
    return "" if TYPES[other.type].answers else "text"


def _impossible_answer(other: Question, term: dict) -> str | None:
    """What a term compares with and can't be an answer; None where there is no such value."""
    if term["op"] not in conditions.WITH_VALUE:
        return None
    wanted, kind = conditions.as_list(term.get("value")), TYPES[other.type]
    # A choice that is no longer offered may be one that earlier buyers have.
    known = [value for value in wanted if other.option(value) or kind.accepts(other, value)]
    if len(known) < len(wanted) or not wanted:
        return next((str(value) for value in wanted if value not in known), "")
    if term["op"] != "is_not" and not any(kind.accepts(other, value) for value in wanted):
        return str(wanted[0])
    return None


# Where a search takes longer, or a path names more answers to one question, the question counts as one that can be
# asked: publishing it blocks no order, since what is never asked is never owed.
MOST_STEPS, MOST_NAMED = 2000, 12
Terms = dict[str, tuple[dict, ...]]


class _Search:
    """Looks for answers under which a question is asked. ``never``: keys of questions that are known to be never asked."""

    def __init__(self, definition: Definition, never: set[str]):
        self.definition, self.never, self.steps = definition, never, 0

    def can_be_asked(self, question: Question) -> bool:
        return self._possible([question], {}, frozenset())

    def _possible(self, waiting: list[Question], terms: Terms, asked: frozenset[str]) -> bool:
        """Whether all that are ``waiting`` can be asked at once, with ``terms`` to be met by the answers of others.

        A term is met by an answer of a question that is itself asked, so that it joins those that wait.
        """
        self.steps += 1
        if not waiting or self.steps > MOST_STEPS:
            return True
        question, *others = waiting
        if question.key in self.never or question.visibility == HIDDEN:
            return False
        if question.key in asked:
            return self._possible(others, terms, asked)
        return any(
            self._possible([*others, *sources], more, asked | {question.key})
            for sources, more in self._ways(question, terms)
        )

    def _ways(self, question: Question, terms: Terms) -> Iterator[tuple[list[Question], Terms]]:
        """Each way to meet the question's condition: the questions it names, and the terms there are then."""
        joined = question.condition
        ways = [[term] for term in joined["any"]] if "any" in joined else [joined.get("all", [])]
        for way in ways:
            sources = [self.definition.question(term["field"]) for term in way]
            more = dict(terms)
            for term in way:
                more[term["field"]] = (*more.get(term["field"], ()), term)
            if None not in sources and all(_some_answer(source, more[source.key]) for source in sources):
                yield sources, more


def _some_answer(source: Question, terms: tuple[dict, ...]) -> bool:
    """Whether one answer, or none where none is needed, meets all these terms."""
    named = {value for term in terms for value in conditions.as_list(term.get("value"))}
    condition = {"all": list(terms)}
    if len(named) > MOST_NAMED:
        return True
    if not source.mandatory and conditions.holds(condition, {source.key: None}):
        return True
    examples = TYPES[source.type].examples(source, sorted(named))
    return any(conditions.holds(condition, {source.key: value}) for value in examples)
