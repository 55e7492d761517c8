"""One form as a buyer fills it in: a Django form made from a published definition.

A question under a condition is drawn while the condition is met. Which ones a page had drawn comes back with it: one that
an answer makes visible and that was not on the page is asked before anything is stored. Scripts draw it at once
(``for_script``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django import forms
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .. import condition_texts
from ..conditions import BUYER, Context, possible_questions, settled, visible_questions
from ..definitions import STORED_ELSEWHERE, Definition, Question
from ..field_types import TYPES, QuestionContext
from . import question_wording

AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "company": "organization",
    "birth_date": "bday",
}


def _help(question: Question, asked: QuestionContext) -> SafeString | str:
    """The organiser's help, and what an answer has to keep to."""
    limits = str(TYPES[question.type].limits(question, asked))
    if not question.help_text:
        return limits
    return format_html("{}<p>{}</p>", question.help_html, limits) if limits else question.help_html


@dataclass(frozen=True)
class Row:
    """A question as it is drawn. ``field`` is None for a static text; ``note``: the condition, where it may not be met."""

    question: Question
    field: forms.BoundField | None
    id: str
    note: str = ""


class Block(forms.Form):
    """A form of one definition. ``answers`` after validation: key -> value to store, for visible questions only.

    Where answers are changed, ``stored`` are those there are: they fill the form, and stay good as they are
    whatever the rules became. Questions ``but`` these are drawn. ``seen``: keys of the questions that the page which
    posted this had shown, in the present words (None: all of them). A visible question that is not among them is
    ``unseen``: it can't be wrong yet, and the form is not valid before it was shown. ``of_reader``: whether its questions
    are about whoever fills it in; if not, the browser doesn't offer what it knows of them.
    """

    template_of_a_question = "registration_forms/question.html"

    def __init__(
        self,
        definition: Definition,
        *args,
        question_context: Mapping[str, QuestionContext] | QuestionContext,
        context: Context = BUYER,
        stored: Mapping[str, object] | None = None,
        but: Collection[str] = (),
        seen: Collection[str] | None = None,
        of_reader: bool = True,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.definition, self.context, self.seen = definition, context, seen
        self._unseen: list[Question] = []
        # Questions whose answer can't be used, since it is wrong.
        self.unusable: frozenset[str] = frozenset()
        self.conditional = any(question.condition for question in definition.questions)
        self.stored = {key: value for key, value in (stored or {}).items() if key in definition.by_key}
        self.answers: dict[str, object] = {}
        for question in definition.questions:
            if (
                question.visibility == "hidden"
                or (question.staff_only and not context.staff)
                or not TYPES[question.type].answers
                or question.system_ref in STORED_ELSEWHERE
                or question.key in but
            ):
                continue
            if isinstance(question_context, QuestionContext):
                one = question_context
            else:
                one = question_context.get(question.key, QuestionContext())
            if question.key in self.stored:
                value = self.stored[question.key]
                one = replace(one, kept=value)
                self.initial[question.key] = TYPES[question.type].initial(value)
            self.fields[question.key] = made = TYPES[question.type].form_field(question, one)
            made.question, made.label_html = question, question.label_html
            made.help_text = _help(question, one)
            # Whether an answer is due depends on the other answers: decided in ``clean``.
            made.required = made.widget.is_required = False
            if question.system_ref:
                made.widget.attrs["data-known"] = question.system_ref
            if question.system_ref in AUTOCOMPLETE:
                made.widget.attrs.setdefault("autocomplete", AUTOCOMPLETE[question.system_ref])
            if not of_reader:
                for widget in (made.widget, *getattr(made.widget, "widgets", ())):
                    if "autocomplete" in widget.attrs:
                        widget.attrs["autocomplete"] = "off"

    def json_values(self, cleaned: Mapping[str, object]) -> dict[str, object]:
        """Values as conditions compare them."""
        return {key: TYPES[self.definition.by_key[key].type].to_json(value) for key, value in cleaned.items()}

    def is_valid(self):
        return super().is_valid() and not self.unseen

    @property
    def unseen(self) -> list[Question]:
        """The visible questions and texts that were not on the page that was sent."""
        return self._unseen if self.errors is not None else []  # asking for the errors checks once

    @property
    def drawn_name(self) -> str:
        """The field that says which questions under a condition a page has drawn."""
        return f"{self.prefix}-drawn"

    def was_shown(self, data) -> set[str]:
        """The keys of the questions that the page which posted ``data`` has shown, if it was made of this definition."""
        return question_wording.shown_on(self.definition, data.get(self.drawn_name, "").split(), self.context)

    def shown(self) -> list[Question]:
        """The questions to draw, static texts included: the visible ones.

        While the page has to be sent once more: those too that may become visible by what is new or wrong on it, so
        that a chain of conditions costs no page for each of its links.
        """
        if not self.is_bound or self.errors is None:  # asking for the errors checks once
            return visible_questions(self.definition, self.json_values(self.stored), self.context)
        values = self._values({key: self.cleaned_data.get(key) for key in self.fields})
        open_keys = {*self.unusable, *(question.key for question in self.unseen)}
        return possible_questions(self.definition, values, self.context, open_keys)

    def _values(self, cleaned: Mapping[str, object]) -> dict[str, object]:
        """Values for conditions: what was entered here, and what is stored of questions that are not drawn."""
        known = {key: value for key, value in self.stored.items() if key not in self.fields}
        return self.json_values({**known, **cleaned})

    def rows(self) -> list[Row]:
        """What to draw, in order."""
        visible = {question.key for question in self._visible()}
        return [self._row(question, visible) for question in self.shown() if self._is_drawn(question)]

    def _visible(self) -> list[Question]:
        if not self.is_bound or self.errors is None:
            return self.shown()
        return visible_questions(
            self.definition, self._values(self.cleaned_data), self.context, self.unusable
        )

    def _is_drawn(self, question: Question) -> bool:
        return question.key in self.fields or not TYPES[question.type].answers

    def _row(self, question: Question, visible: Collection[str]) -> Row:
        note = "" if question.key in visible else condition_texts.condition(question, self.definition)
        place = f"{self.prefix}-{question.key}"
        if question.key not in self.fields:
            return Row(question, None, place, note)
        # From here on only the drawing asks whether an answer is due.
        self.fields[question.key].required = question.mandatory
        return Row(question, self[question.key], place, note)

    def unseen_rows(self) -> list[Row]:
        """The rows that were not on the page that was sent."""
        return [self._row(question, {question.key}) for question in self.unseen]

    def drawn(self) -> str:
        """The keys of the questions under a condition that are drawn, for the page to send back."""
        return " ".join(row.question.key for row in self.rows() if row.question.condition)

    def for_script(self) -> dict:
        """What a script needs to draw and hide questions by itself.

        ``questions``: all that the page may draw, in order, with their conditions; ``html``: key -> how those are drawn
        that are not drawn yet.
        """
        drawn = {row.question.key for row in self.rows()}
        questions = [
            question
            for question in self.definition.questions
            if question.visibility != "hidden"
            and (self.context.staff or not question.staff_only)
            and self._is_drawn(question)
        ]
        keys, known = {question.key for question in questions}, self._not_drawn()
        return {
            "prefix": self.prefix,
            "questions": [
                {
                    "key": question.key,
                    "type": question.type,
                    "if": settled(question.condition, keys, known),
                }
                for question in questions
            ],
            "html": {
                question.key: render_to_string(
                    self.template_of_a_question, {"row": self._row(question, {question.key})}
                )
                for question in questions
                if question.key not in drawn
            },
        }

    def _not_drawn(self) -> dict[str, object]:
        """The stored answers to visible questions that this form does not draw, as conditions compare them."""
        stored = self.json_values(self.stored)
        visible = visible_questions(self.definition, stored, self.context)
        return {one.key: stored.get(one.key) for one in visible if one.key not in self.fields}

    def clean(self):
        self._keep_unchanged()
        values, self.unusable = self._values(self.cleaned_data), frozenset(self.errors)
        visible = visible_questions(self.definition, values, self.context, self.unusable)
        keys = {question.key for question in visible}
        for key in list(self.errors):
            if key not in keys:
                # What is not asked can't be wrong.
                del self._errors[key]
        if self.seen is not None:
            self._unseen = [one for one in visible if one.key not in self.seen and self._is_drawn(one)]
        unseen = {question.key for question in self._unseen}
        for question in visible:
            if question.key not in self.fields or question.key in self.errors:
                continue
            value = self.cleaned_data.get(question.key)
            if not TYPES[question.type].is_blank(value):
                self.answers[question.key] = value
            elif question.mandatory and question.key not in unseen:
                self.add_error(question.key, self.fields[question.key].error_messages["required"])
        return self.cleaned_data

    def object_to(self, key: str, message: str) -> None:
        """A mistake that was found when the form was in order: what depends on this answer stays drawn."""
        value = self.cleaned_data.get(key)
        self.add_error(key, message)
        self.cleaned_data[key] = value

    def typed(self, key: str) -> list[str]:
        """What a browser would send for a question if the form came back as it was drawn at first."""
        field, value = self.fields[key], self.initial.get(key)
        if isinstance(field.widget, forms.CheckboxInput):
            return ["on"] if value else []
        shown = field.widget.format_value(field.prepare_value(value))
        if isinstance(shown, (list, tuple)):
            return [str(one) for one in shown]
        return [] if shown is None else [str(shown)]

    def _keep_unchanged(self) -> None:
        """An answer that was right when it was given, and comes back as it was, is no mistake now."""
        wrong = self.stored.keys() & self.errors.keys()
        for key in wrong - set(self.changed_data) if wrong else ():
            del self._errors[key]
            self.cleaned_data[key] = self.stored[key]
