"""Checks for what no buyer can answer: rules that no answer meets, and conditions that are never met.

``problems`` finds them before a form is published. The types of questions give examples of answers, and
``conditions.is_met`` decides what an example shows, so the checks follow the same rules as the checkout.
"""

from collections.abc import Iterator

from .. import conditions
from ..conditions import Problem
from ..definitions import STORED_ELSEWHERE, Definition, Question
from ..field_types import TYPES

HIDDEN = "hidden"


def problems(definition: Definition) -> list[Problem]:
    """Return what staff must change so that every question can be asked and answered.

    The codes: no_choices, least, most, numbers, days, ages (from the types), hidden, elsewhere and text (a condition on a
    question that is hidden, asked elsewhere on the page, or a text), answer (compared with a value that can't be an answer),
    never (never asked). All conditions must name earlier questions of the form: check ``conditions.problems`` first.
    """
    problems_found: list[Problem] = []
    never: set[str] = set()
    for question in definition.questions:
        if question.visibility == HIDDEN:
            continue
        code, values = TYPES[question.type].problem(question)
        if code:
            problems_found.append(Problem(code, (question.key,), values))
        terms = list(problems_of_terms(definition, question))
        if terms or not _Search(definition, never).can_be_asked(question):
            never.add(question.key)
            problems_found += terms or [Problem("never", (question.key,))]
    return problems_found


def problems_of_terms(definition: Definition, question: Question) -> Iterator[Problem]:
    """Yield a problem for each term of the question's condition that no answer can meet.

    Either the named question can't decide anything, or the value is no possible answer to it.
    """
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
    """Return whether other questions can depend on ``other``."""
    return not _why_it_decides_nothing(other)


def _why_it_decides_nothing(other: Question) -> str:
    """Return the code of the reason why no question can depend on ``other``; empty if one can."""
    if other.visibility == HIDDEN:
        return "hidden"
    if other.system_ref in STORED_ELSEWHERE:
        return "elsewhere"
    return "" if TYPES[other.type].answers else "text"


def _impossible_answer(other: Question, term: dict) -> str | None:
    """Return the value of a term that can't be an answer to ``other``, or None if every value can be one."""
    if term["op"] not in conditions.WITH_VALUE:
        return None
    expected, question_type = conditions.as_list(term.get("value")), TYPES[other.type]
    # Earlier buyers may have a choice that is no longer offered.
    known = [value for value in expected if other.option(value) or question_type.accepts(other, value)]
    if len(known) < len(expected) or not expected:
        return next((str(value) for value in expected if value not in known), "")
    if term["op"] != "is_not" and not any(question_type.accepts(other, value) for value in expected):
        return str(expected[0])
    return None


# Limits of a search: steps, and answers to one question that the terms of one path name. Beyond them the question counts
# as one that can be asked. That is safe: an answer to a question that is never asked is never required.
MOST_STEPS, MOST_NAMED = 2000, 12
Terms = dict[str, tuple[dict, ...]]


class _Search:
    """A search for answers under which a question is asked.

    ``never`` holds the keys of questions that are never asked, as found so far.
    """

    def __init__(self, definition: Definition, never: set[str]):
        self.definition, self.never, self.steps = definition, never, 0

    def can_be_asked(self, question: Question) -> bool:
        """Return whether some answers make the form ask ``question``. True if the search takes too many steps."""
        return self._possible([question], {}, frozenset())

    def _possible(self, waiting: list[Question], terms: Terms, asked: frozenset[str]) -> bool:
        """Return whether all questions in ``waiting`` can be asked at once while other answers meet ``terms``.

        ``terms`` maps a key to the terms that the answer to its question must meet. A question that is named by a term must be
        asked itself, so it joins ``waiting``.
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
        """Yield each way to meet the question's condition: the questions that it names, and the terms to meet then."""
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
    """Return whether one answer to ``source``, or no answer if it is optional, meets all these terms."""
    named = {value for term in terms for value in conditions.as_list(term.get("value"))}
    condition = {"all": list(terms)}
    if len(named) > MOST_NAMED:
        return True
    if not source.mandatory and conditions.is_met(condition, {source.key: None}):
        return True
    examples = TYPES[source.type].examples(source, sorted(named))
    return any(conditions.is_met(condition, {source.key: value}) for value in examples)
