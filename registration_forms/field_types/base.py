"""What every type of question answers."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.datastructures import MultiValueDict

from ..definitions import Question

# How many examples of answers are tried: more than a condition can name.
SOME = 40


@dataclass(frozen=True)
class QuestionContext:
    """What a question may need to know of where it is asked: ``day`` is the ticket's own date, ``now`` the instant."""

    day: date | None = None
    now: datetime | None = None
    # Choice keys that can't be had any more (limited places), and how many places others have left.
    sold_out: frozenset[str] = frozenset()
    left: Mapping[str, int] = field(default_factory=dict)
    # Where the organiser is, as two letters: this country and its neighbours come first in lists.
    country: str = ""
    # What is stored already: a deactivated choice may be kept by whoever has it.
    kept: object = None


class FieldType:
    """A type of question. It stores in one of the typed columns of ``Answer``."""

    code: str
    label: str
    # The column of Answer, or "choices" for several choices, or "" for what is only shown.
    column: str = "v_text"
    # Rules an organiser may set: name -> "number", "date" or "bool".
    rule_names: dict[str, str] = {}
    has_choices = False
    answers = True  # False for static text

    def form_field(self, question: Question, context: QuestionContext) -> forms.Field:
        """The Django field: checks what was typed and gives the value to store, or None for no answer."""
        raise NotImplementedError

    def common(self, question: Question) -> dict:
        """Label, help and whether an answer is due: the same for all types."""
        return {"label": question.label, "help_text": question.help_text, "required": question.mandatory}

    def limits(self, question: Question, context: QuestionContext) -> str:
        """What an answer has to keep to, for a hint beside the field; empty where there is nothing to say."""
        return ""

    def is_blank(self, value: object) -> bool:
        """Whether a cleaned value is no answer."""
        return value is None or value == [] or value == ""

    def initial(self, value: object) -> object:
        """A stored value as its field shows it again."""
        return value

    def to_json(self, value: object) -> object:
        """A stored value as JSON can carry it: drafts, history, conditions."""
        return value

    def from_json(self, value: object) -> object:
        """The stored value again, from ``to_json``."""
        return value

    def display(self, question: Question, value: object) -> str:
        """A stored value as people read it, in the active language."""
        return "" if value is None else str(value)

    def export(self, question: Question, value: object) -> object:
        """A stored value for a spreadsheet: typed where the type has one."""
        return value

    def in_copy(self, question: Question, value: object) -> object:
        """A stored value in a copy of one's own data as JSON: without keys or signs that only the shop understands."""
        return self.to_json(value)

    def contains(self, text: str) -> Q:
        """The rows of ``Answer`` whose value, as people read it, contains ``text``."""
        return Q(**{f"{self.column}__icontains": text})

    def posted(self, post: MultiValueDict, name: str) -> list[str]:
        """The texts that were sent for a question whose field has this name; empty where none was."""
        return post.getlist(name)

    def as_posted(self, name: str, texts: list[str]) -> dict[str, list[str]]:
        """The opposite of ``posted``: the names of the inputs and what is sent for each."""
        return {name: texts}

    def texts(self, value: str) -> list[str]:
        """What stands in the inputs of its field, for an answer that is known as one text."""
        return [value]

    def text_of(self, texts: list[str]) -> str:
        """One text of what stands in the inputs, to be compared with what is known; empty where they are."""
        return "".join(texts).strip()

    # --- what can be answered at all -------------------------------------------------------------------
    def problem(self, question: Question) -> tuple[str, tuple]:
        """Why nobody can answer the question under its rules, as the code and values of a ``conditions.Problem``.

        ("", ()) where somebody can.
        """
        return "", ()

    def read(self, question: Question, text: str) -> object:
        """Return what the question makes of a typed text, as JSON. Raise ValidationError where it accepts no such answer."""
        return self.to_json(self.form_field(question, self.anywhere()).clean(text))

    def anywhere(self) -> QuestionContext:
        """Where a question is asked whose event is not known."""
        return QuestionContext()

    def accepts(self, question: Question, value: str) -> bool:
        """Whether ``value``, as JSON has it, can be an answer."""
        try:
            return self.read(question, value) == value
        except ValidationError:
            return False

    def examples(self, question: Question, told_apart: Collection[str] = ()) -> Iterator[object]:
        """Yield answers that the question accepts, as JSON: those of ``told_apart`` that it accepts, then others."""
        known = [value for value in told_apart if self.accepts(question, value)]
        yield from known
        others = (value for value in self.candidates(question) if value not in known)
        yield from (value for value in others if self.accepts(question, value))

    def candidates(self, question: Question) -> Iterator[str]:
        """Yield texts, as JSON has them, of which most are answers."""
        yield from (str(number) for number in range(SOME))
