"""Form fields for the condition of a question, with at most two terms. Used when a question is added and when it is changed."""

import json

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import conditions
from ..building import answerable
from ..conditions import WITH_VALUE
from ..definitions import Definition, Question
from ..field_types import TYPES
from ..models import RegistrationForm
from . import publish_texts

TERMS = ("when1", "when2")
JOINED = "when_joined"
PARTS = ("question", "op", "choice", "text")


class _QuestionKey(forms.ChoiceField):
    """Accept every question of the form, so that the error message of a refused one can name it."""

    known: frozenset[str] = frozenset()

    def valid_value(self, value):
        return value in self.known


class _Choices(forms.Select):
    """A list of choices. Each has the key of its question in ``data-of``, for the script that shows the right ones."""

    of: dict[str, str] = {}

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if (question := self.of.get(str(value))) is not None:
            option["attrs"]["data-of"] = question
        return option


def _term_fields(name: str, number: int) -> dict[str, forms.Field]:
    def label(text):
        """Return the text with the number of the condition before it, except for the first."""
        return text if number == 1 else format_lazy("{number}. {text}", number=number, text=text)

    operators = [("", "–"), *((op, text) for op, text in publish_texts.OPERATORS.items() if op != "in")]
    return {
        f"{name}_question": _QuestionKey(label=label(gettext_lazy("Only if the question")), required=False),
        f"{name}_op": forms.ChoiceField(
            label=label(gettext_lazy("Its answer")), choices=operators, required=False
        ),
        f"{name}_choice": forms.ChoiceField(
            label=label(gettext_lazy("This choice")), required=False, widget=_Choices
        ),
        f"{name}_text": forms.CharField(
            label=label(gettext_lazy("Or this text or number")), required=False, max_length=200
        ),
    }


TermFields = type(
    "TermFields",
    (forms.Form,),
    {
        **{
            key: field
            for number, name in enumerate(TERMS, 1)
            for key, field in _term_fields(name, number).items()
        },
        JOINED: forms.ChoiceField(
            label=gettext_lazy("If there are two conditions"),
            choices=[("all", gettext_lazy("both must hold")), ("any", gettext_lazy("one is enough"))],
            required=False,
        ),
    },
)
# The rows in which the pages show these fields.
FIELDS = [
    [f"{TERMS[0]}_{part}" for part in PARTS],
    JOINED,
    [f"{TERMS[1]}_{part}" for part in PARTS],
]
NAMES = frozenset([JOINED, *(f"{name}_{part}" for name in TERMS for part in PARTS)])


class ConditionFields(TermFields):
    """The condition as form fields.

    ``parent`` is the registration form, ``draft`` its current definition, ``own_key`` the key of an existing question.
    """

    parent: RegistrationForm
    draft: Definition
    own_key = ""

    def offer_terms(self, condition: dict) -> None:
        """Fill the lists with the questions that a condition can name, and set the fields to ``condition``."""
        joined = "any" if "any" in condition else "all"
        terms = condition.get(joined, [])
        # Questions that the condition or the post names stay in the list, so that an error message can name them.
        named = {term["field"] for term in terms}
        named |= {self.data.get(self.add_prefix(f"{name}_question")) for name in TERMS}
        earlier = self._earlier()
        others = [
            candidate
            for candidate in self.draft.questions
            if candidate.key in named or (candidate.key in earlier and answerable.decides(candidate))
        ]
        known = frozenset(self.parent.fields.values_list("key", flat=True))
        self.initial[JOINED] = joined
        for number, name in enumerate(TERMS):
            question, choice = self.fields[f"{name}_question"], self.fields[f"{name}_choice"]
            question.choices = [("", "–"), *((candidate.key, candidate.label) for candidate in others)]
            question.known = known
            question.widget.attrs["data-condition"] = name
            question.widget.attrs["data-answers"] = json.dumps(
                {candidate.key: _answered_by(candidate) for candidate in others}
            )
            choice.choices = _choices(others)
            choice.widget.of = {
                option.key: candidate.key for candidate in others for option in candidate.options
            }
            if number < len(terms):
                self._show_term(name, terms[number])

    def _earlier(self) -> list[str]:
        """Return the keys of the questions before this one, or of all questions for a new one."""
        keys = list(self.draft.by_key)
        return keys[: keys.index(self.own_key)] if self.own_key in keys else keys

    def _show_term(self, name: str, term: dict) -> None:
        self.initial[f"{name}_question"], self.initial[f"{name}_op"] = term["field"], term["op"]
        value, other = term.get("value"), self.draft.question(term["field"])
        if isinstance(value, str):
            is_choice = other is not None and (_answered_by(other) != "text")
            self.initial[f"{name}_{'choice' if is_choice else 'text'}"] = value

    # --- reading the input ----------------------------------------------------------------------------------
    def read_condition(self, values: dict) -> dict:
        """Return the entered condition. Add errors for incomplete terms and for values that are no answers."""
        terms = [term for name in TERMS if (term := self._read_term(name, values))]
        return {values.get(JOINED) or "all": terms} if terms else {}

    def _read_term(self, name: str, values: dict) -> dict | None:
        key, op = values.get(f"{name}_question"), values.get(f"{name}_op")
        choice, text = values.get(f"{name}_choice"), values.get(f"{name}_text")
        if not key:
            if (op or choice or text) and f"{name}_question" not in self.errors:
                self.add_error(f"{name}_question", _("Choose the question whose answer decides."))
            return None
        if not op:
            self.add_error(f"{name}_op", _("Choose how the answer must be."))
            return None
        term = {"field": key, "op": op}
        if op not in WITH_VALUE:
            if choice or text:
                sentence = _(
                    "This compares with no answer: leave the fields beside it empty, or choose “is” or “is not”."
                )
                self.add_error(f"{name}_op", sentence)
            return term
        if not (choice or text):
            self.add_error(f"{name}_choice", _("Choose an answer, or enter one."))
            return None
        if choice and text:
            self.add_error(f"{name}_text", _("Choose an answer or enter one, not both."))
            return None
        return {
            **term,
            "value": self._as_answered(f"{name}_{'choice' if choice else 'text'}", key, choice or text),
        }

    def _as_answered(self, field: str, key: str, value: str) -> str:
        """Return the value as answers to the question are stored. Add an error if it can't be an answer."""
        other = self.draft.question(key)
        if other is None or other.option(value) is not None:
            return value  # ``check_condition`` refuses unknown questions
        sentence = _("%(question)s has no such answer.") % {"question": publish_texts.quoted(other.label)}
        is_choice = field.endswith("_choice")
        # A text question would accept the key of another question's choice as text.
        if TYPES[other.type].has_choices or (is_choice and _answered_by(other) == "text"):
            self.add_error(field, sentence)
            return value
        try:
            return str(TYPES[other.type].read(other, value))
        except forms.ValidationError as error:
            self.add_error(field, " ".join([sentence, *error.messages]))
            return value

    def check_condition(self, draft: Definition, key: str) -> None:
        """Add errors if the condition of question ``key`` can't work in ``draft``."""
        archived = frozenset(self.parent.fields.exclude(archived_at=None).values_list("key", flat=True))
        problems = [problem for problem in conditions.problems(draft, archived) if key in problem.fields]
        if not problems:
            problems = [
                problem
                for problem in answerable.problems_of_terms(draft, draft.by_key[key])
                if problem.code != "answer"
            ]
        for sentence in publish_texts.problems(problems, draft, self.parent):
            self.add_error(f"{TERMS[0]}_question", sentence)


def _answered_by(question: Question) -> str:
    """Return which input a term takes its value from: "choice", "yes_no" or "text"."""
    if question.options:
        return "choice"
    return "yes_no" if question.type in ("yes_no", "consent") else "text"


def _choices(others: list[Question]) -> list:
    yes_no = [(_("Yes or no"), [("yes", _("Yes")), ("no", _("No"))])]
    of_questions = [
        (
            question.label,
            [(option.key, publish_texts.answer(question, option.key)) for option in question.options],
        )
        for question in others
        if question.options
    ]
    return [("", "–"), *yes_no, *of_questions]
