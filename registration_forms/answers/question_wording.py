"""What a page has shown, word for word: a question counts as asked, and a consent as given, in these words only."""

from collections.abc import Collection

from ..conditions import BUYER, Context
from ..definitions import Definition, Question
from ..models import Field


def shown_on(definition: Definition, drawn: Collection[str], context: Context = BUYER) -> set[str]:
    """The keys of the questions and texts that a page of ``definition`` showed.

    ``drawn``: keys of those under a condition that it showed; the others it shows always.
    """
    return {
        one.key
        for one in definition.questions
        if one.visibility != Field.Visibility.HIDDEN
        and (context.staff or not one.staff_only)
        and (not one.condition or one.key in drawn)
    }


def reworded(old: Definition, new: Definition) -> set[str]:
    """The keys of the questions and texts of ``new`` that read otherwise in ``old``, or are not in it.

    A consent may be to what a text of the form says: where one of these changed, every consent did.
    """
    if old is new:
        return set()
    changed = {
        one.key
        for one in new.questions
        if (before := old.question(one.key)) is None or _words(before) != _words(one)
    }
    if _texts(old) != _texts(new):
        changed |= {one.key for one in new.questions if one.type == "consent"}
    return changed


def _words(question: Question) -> tuple:
    offered = [(option.key, option.labels) for option in question.options if option.active]
    return question.type, question.labels, question.helps, question.purposes, offered


def _texts(definition: Definition) -> list[tuple]:
    return [
        _words(one)
        for one in definition.questions
        if one.type == "static_text" and one.visibility != Field.Visibility.HIDDEN
    ]
