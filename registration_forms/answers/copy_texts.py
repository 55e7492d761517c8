"""Answers and changes of answers as text and as data, for a copy of personal data."""

from .. import definitions
from ..definitions import Question
from ..field_types import TYPES
from ..models import Answer, AnswerHistory
from . import responses


def of_answer(answer: Answer) -> dict[str, str]:
    """Return the texts of the question and of the value, in the wording under which the question was answered.

    ``answer`` comes with its response and the version of that.
    """
    question = responses.question_of(answer, answer.response)
    if question is None:
        return {}
    texts = {"field": question.label}
    if answer.state == Answer.State.ANSWERED:
        question_type = TYPES[question.type]
        texts[question_type.column] = question_type.display(question, responses.value_of(answer))
    return texts


def data_of_answer(answer: Answer) -> dict[str, object]:
    """Return the value as data for people without the shop: labels instead of keys, a postal address as its parts."""
    question = responses.question_of(answer, answer.response)
    if question is None or answer.state != Answer.State.ANSWERED:
        return {}
    question_type = TYPES[question.type]
    return {question_type.column: question_type.in_copy(question, responses.value_of(answer))}


def of_change(change: AnswerHistory) -> dict[str, str]:
    """Return the texts of the question and of the values before and after. ``change`` comes with its response and versions."""
    question = _question_of(change)
    if question is None:
        return {}
    show = TYPES[question.type].display
    return {
        "field": question.label,
        **{name: show(question, value) for name, value in _values(change, question)},
    }


def data_of_change(change: AnswerHistory) -> dict[str, object]:
    """Return the values before and after, in the form of ``data_of_answer``."""
    question = _question_of(change)
    if question is None:
        return {}
    read = TYPES[question.type].in_copy
    return {name: read(question, value) for name, value in _values(change, question)}


def _question_of(change: AnswerHistory) -> Question | None:
    versions = (change.response.form.published, change.response.version)
    questions = (
        definitions.of_version(version).question(change.field.key) for version in versions if version
    )
    return next((question for question in questions if question), None)


def _values(change: AnswerHistory, question: Question) -> list[tuple[str, object]]:
    # A value from before staff changed the type of the question can have another JSON type: it is left out.
    return [
        (name, TYPES[question.type].from_json(value))
        for name, value in (("old", change.old), ("new", change.new))
        if isinstance(value, (bool, str, list))
    ]
