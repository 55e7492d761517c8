"""Answers and their changes in words, for a copy of one's own data."""

from .. import definitions
from ..definitions import Question
from ..field_types import TYPES
from ..models import Answer, AnswerHistory
from . import responses


def of_answer(answer: Answer) -> dict[str, str]:
    """Return the question and the value, in the words the question was answered under.

    The response of ``answer`` is read with its version.
    """
    question = responses.question_of(answer, answer.response)
    if question is None:
        return {}
    texts = {"field": question.label}
    if answer.state == Answer.State.ANSWERED:
        kind = TYPES[question.type]
        texts[kind.column] = kind.display(question, responses.value_of(answer))
    return texts


def data_of_answer(answer: Answer) -> dict[str, object]:
    """Return the value as data that can be read without the shop: a postal address as its parts."""
    question = responses.question_of(answer, answer.response)
    if question is None or answer.state != Answer.State.ANSWERED:
        return {}
    kind = TYPES[question.type]
    return {kind.column: kind.in_copy(question, responses.value_of(answer))}


def of_change(change: AnswerHistory) -> dict[str, str]:
    """Return the question, and the values before and after. The response of ``change`` is read with its versions."""
    question = _question_of(change)
    if question is None:
        return {}
    show = TYPES[question.type].display
    return {
        "field": question.label,
        **{name: show(question, value) for name, value in _values(change, question)},
    }


def data_of_change(change: AnswerHistory) -> dict[str, object]:
    """Return the values before and after as ``data_of_answer`` does."""
    question = _question_of(change)
    if question is None:
        return {}
    read = TYPES[question.type].in_copy
    return {name: read(question, value) for name, value in _values(change, question)}


def _question_of(change: AnswerHistory) -> Question | None:
    versions = (change.response.form.published, change.response.version)
    found = (definitions.of_version(version).question(change.field.key) for version in versions if version)
    return next((one for one in found if one), None)


def _values(change: AnswerHistory, question: Question) -> list[tuple[str, object]]:
    # A value of another type of question, from before the type was changed, is shown as it is.
    return [
        (name, TYPES[question.type].from_json(value))
        for name, value in (("old", change.old), ("new", change.new))
        if isinstance(value, (bool, str, list))
    ]
