"""Answers and their changes in words, for a copy of one's own data."""

from . import definitions, responses
from .field_types import TYPES
from .models import Answer, AnswerHistory


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


def of_change(change: AnswerHistory) -> dict[str, str]:
    """Return the question, and the values before and after. The response of ``change`` is read with its versions."""
    versions = (change.response.form.published, change.response.version)
    found = (definitions.of_version(version).question(change.field.key) for version in versions if version)
    question = next((one for one in found if one), None)
    if question is None:
        return {}
    kind = TYPES[question.type]
    values = {"old": change.old, "new": change.new}
    # A value of another type of question, from before the type was changed, is shown as it is.
    texts = {
        name: kind.display(question, kind.from_json(value))
        for name, value in values.items()
        if isinstance(value, (bool, str, list))
    }
    return {"field": question.label, **texts}
