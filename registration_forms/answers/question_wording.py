"""Which questions a page has shown, and which were reworded since.

A question counts as asked, and a consent as given, only in the wording that the page showed.
"""

from collections.abc import Collection

from ..conditions import BUYER, Context
from ..definitions import Definition, Question
from ..models import Field


def shown_on(definition: Definition, drawn: Collection[str], context: Context = BUYER) -> set[str]:
    """Return the keys of the questions and texts that a page made of ``definition`` showed.

    ``drawn`` holds the keys of the shown questions that have a condition; questions without a condition are always shown.
    """
    return {
        question.key
        for question in definition.questions
        if question.visibility != Field.Visibility.HIDDEN
        and (context.staff or not question.staff_only)
        and (not question.condition or question.key in drawn)
    }


def reworded(old: Definition, new: Definition) -> set[str]:
    """Return the keys of the questions and texts of ``new`` that read differently in ``old``, or are not in it.

    If a static text changed, every consent counts as reworded, because a consent can refer to a text of the form.
    """
    if old is new:
        return set()
    changed = {
        question.key
        for question in new.questions
        if (before := old.question(question.key)) is None or _words(before) != _words(question)
    }
    if _texts(old) != _texts(new):
        changed |= {question.key for question in new.questions if question.type == "consent"}
    return changed


def _words(question: Question) -> tuple:
    offered = [(option.key, option.labels) for option in question.options if option.active]
    return question.type, question.labels, question.helps, question.purposes, offered


def _texts(definition: Definition) -> list[tuple]:
    return [
        _words(question)
        for question in definition.questions
        if question.type == "static_text" and question.visibility != Field.Visibility.HIDDEN
    ]
