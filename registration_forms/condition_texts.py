"""Conditions as sentences in the active language, for staff who set them and for buyers whose page runs without scripts."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .definitions import Definition, Question, text_in

OPERATORS = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "in": gettext_lazy("is one of"),
    "filled": gettext_lazy("is answered"),
    "empty": gettext_lazy("is not answered"),
}


def quoted(text: str) -> str:
    """Return the text in the quotation marks of the active language."""
    return _("“%(text)s”") % {"text": text}


def condition(question: Question, definition: Definition) -> str:
    """Return the condition of a question as “only if “Do you eat?” is Yes”; empty if the question is always asked."""
    joined = "any" if "any" in question.condition else "all"
    terms = [_term(term, definition) for term in question.condition.get(joined, [])]
    if not terms:
        return ""
    between = _(" or ") if joined == "any" else _(" and ")
    return _("only if %(terms)s") % {"terms": between.join(terms)}


def _term(term: dict, definition: Definition) -> str:
    other = definition.question(term["field"])
    label = quoted(other.label) if other else "?"
    parts = [label, str(OPERATORS.get(term["op"], term["op"]))]
    expected = term.get("value")
    if expected not in (None, "", []):
        values = expected if isinstance(expected, list) else [expected]
        parts.append(", ".join(answer(other, value) for value in values))
    return " ".join(parts)


def answer(question: Question | None, value: str) -> str:
    """Return a value that a condition compares with, as people read it: the label of a choice, Yes, No, or the value."""
    option = question.option(value) if question else None
    if option:
        return text_in(option.labels) or value
    return {"yes": _("Yes"), "no": _("No")}.get(value, str(value))
