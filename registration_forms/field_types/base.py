"""The base class of all types of questions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.datastructures import MultiValueDict

from ..definitions import Question

# Number of example answers: more than a condition can name.
SOME = 40


@dataclass(frozen=True)
class QuestionContext:
    """Facts about the place where a question is asked, for its form field.

    ``day`` is the local date of the ticket; ``now`` is the current time.
    """

    day: date | None = None
    now: datetime | None = None
    # Keys of the choices without a free place, and key -> free places of the other limited choices.
    sold_out: frozenset[str] = frozenset()
    left: Mapping[str, int] = field(default_factory=dict)
    # Country of the organiser, two letters (ISO 3166): it and its neighbours come first in lists.
    country: str = ""
    # The stored answer: a person who chose a choice that was deactivated later may keep it.
    stored: object = None


class FieldType:
    """A type of question. Its values are stored in one of the typed columns of ``Answer``.

    A subclass needs ``code``, ``label`` and ``form_field``. Most also override ``candidates``, because a form can be published
    only if accepted answers to its questions are found; ``display`` and ``initial`` if people read the value in another way than
    it is stored; and ``contains`` if they search for it in another way. ``phone.py`` does all of it.
    """

    # Stored with questions and in published forms: it never changes.
    code: str
    label: str
    # The column of Answer, or "choices" for several choices, or "" for what is only shown.
    column: str = "v_text"
    # Rules an organiser may set: name -> "number", "date" or "bool".
    rule_names: dict[str, str] = {}
    has_choices = False
    answers = True  # False for static text

    def form_field(self, question: Question, context: QuestionContext) -> forms.Field:
        """Return the Django form field. Its cleaned value is the value to store, or None for no answer."""
        raise NotImplementedError

    def common(self, question: Question) -> dict:
        """Return the arguments that all form fields share: label, help text and whether an answer is required."""
        return {"label": question.label, "help_text": question.help_text, "required": question.mandatory}

    def limits(self, question: Question, context: QuestionContext) -> str:
        """Return the hint beside the field about what can be answered; empty if there is none."""
        return ""

    def is_blank(self, value: object) -> bool:
        """Return whether a cleaned value means no answer."""
        return value is None or value == [] or value == ""

    def initial(self, value: object) -> object:
        """Return the initial value of the form field for a stored value."""
        return value

    def to_json(self, value: object) -> object:
        """Return a stored value as JSON, for drafts, history and conditions."""
        return value

    def from_json(self, value: object) -> object:
        """Return the stored value from the result of ``to_json``."""
        return value

    def display(self, question: Question, value: object) -> str:
        """Return a stored value as text in the active language."""
        return "" if value is None else str(value)

    def export(self, question: Question, value: object) -> object:
        """Return a stored value for a spreadsheet: a number or a date stays one."""
        return value

    def in_copy(self, question: Question, value: object) -> object:
        """Return a stored value as JSON for a copy of personal data: labels instead of keys."""
        return self.to_json(value)

    def contains(self, text: str) -> Q:
        """Return the condition for rows of ``Answer`` whose displayed value contains ``text``."""
        return Q(**{f"{self.column}__icontains": text})

    def posted(self, post: MultiValueDict, name: str) -> list[str]:
        """Return the texts that were posted for a question whose field has this name; empty if none was posted."""
        return post.getlist(name)

    def as_posted(self, name: str, texts: list[str]) -> dict[str, list[str]]:
        """Return the names of the inputs and the texts to post for each: the inverse of ``posted``."""
        return {name: texts}

    def texts(self, value: str) -> list[str]:
        """Return the text of each input of the field, for an answer that is known as one text."""
        return [value]

    def text_of(self, texts: list[str]) -> str:
        """Return the texts of the inputs as one text, to compare it with a known answer; empty if all are empty."""
        return "".join(texts).strip()

    # --- checks before publishing -------------------------------------------------------------------
    def problem(self, question: Question) -> tuple[str, tuple]:
        """Return the code and values of a ``conditions.Problem`` if the rules of the question allow no answer.

        Return ("", ()) if the question can be answered.
        """
        return "", ()

    def read(self, question: Question, text: str) -> object:
        """Return the answer that the question accepts for a typed text, as JSON. Raise ValidationError if it accepts none."""
        return self.to_json(self.form_field(question, self.anywhere()).clean(text))

    def anywhere(self) -> QuestionContext:
        """Return the context of a question whose event is not known."""
        return QuestionContext()

    def accepts(self, question: Question, value: str) -> bool:
        """Return whether ``value``, as JSON, can be an answer."""
        try:
            return self.read(question, value) == value
        except ValidationError:
            return False

    def examples(self, question: Question, told_apart: Collection[str] = ()) -> Iterator[object]:
        """Yield accepted answers as JSON: first those of ``told_apart`` that are accepted, then others."""
        known = [value for value in told_apart if self.accepts(question, value)]
        yield from known
        others = (value for value in self.candidates(question) if value not in known)
        yield from (value for value in others if self.accepts(question, value))

    def candidates(self, question: Question) -> Iterator[str]:
        """Yield texts, as JSON, most of which are accepted answers."""
        yield from (str(number) for number in range(SOME))
