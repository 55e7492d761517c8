"""The form of a published definition as a Django form that a buyer or a staff member fills in.

A question with a condition is drawn while the condition is met. The page posts which questions it has drawn, so a question
that becomes visible by an answer and was not on the page is asked before anything is stored. Scripts draw such questions at
once (``Block.for_script``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django import forms
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .. import condition_texts
from ..conditions import BUYER, Context, possible_questions, resolve_for_page, visible_questions
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
    """Return the organiser's help and the hint about what can be answered."""
    limits = str(TYPES[question.type].limits(question, asked))
    if not question.help_text:
        return limits
    return format_html("{}<p>{}</p>", question.help_html, limits) if limits else question.help_html


@dataclass(frozen=True)
class Row:
    """A question to draw. ``field`` is None for a static text.

    ``note`` is the condition as a sentence, for a question whose condition may not be met.
    """

    question: Question
    field: forms.BoundField | None
    id: str
    note: str = ""


class Block(forms.Form):
    """A Django form for one definition.

    ``stored`` holds the answers that exist when answers are changed: they fill the form and stay valid unchanged, even if the
    rules have changed. The form leaves out the questions with a key in ``but``. ``seen`` holds the keys of the questions that
    the posting page had shown in their present wording; None means all. A visible question that is not in ``seen`` is
    ``unseen``: it has no error yet, and the form is not valid until a page has shown it. With ``of_reader=False`` the questions
    are about another person than the reader, so the browser must not fill in the reader's data. With ``waives`` mandatory
    questions may be left blank; ``waived`` are the keys of those that were.

    After validation ``answers`` maps key -> value to store, for visible questions only.
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
        waives: bool = False,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.definition, self.context, self.seen = definition, context, seen
        self.waives, self.waived = waives, set[str]()
        self._unseen: list[Question] = []
        # Keys of the questions with a wrong answer; conditions ignore it.
        self.unusable: frozenset[str] = frozenset()
        self.conditional = any(question.condition for question in definition.questions)
        self.stored = {key: value for key, value in (stored or {}).items() if key in definition.by_key}
        self.answers: dict[str, object] = {}
        for question in definition.questions:
            if question.key in but or not self._has_field(question):
                continue
            if isinstance(question_context, QuestionContext):
                self._add_field(question, question_context, of_reader)
            else:
                self._add_field(question, question_context.get(question.key, QuestionContext()), of_reader)

    def _has_field(self, question: Question) -> bool:
        """Return whether the form has a field for the question, which a condition may still hide."""
        return (
            question.visibility != "hidden"
            and (self.context.staff or not question.staff_only)
            and TYPES[question.type].answers
            and question.system_ref not in STORED_ELSEWHERE
        )

    def _add_field(self, question: Question, context: QuestionContext, of_reader: bool) -> None:
        """Add the form field of a question, with its stored answer as initial value."""
        if question.key in self.stored:
            value = self.stored[question.key]
            context = replace(context, stored=value)
            self.initial[question.key] = TYPES[question.type].initial(value)
        self.fields[question.key] = field = TYPES[question.type].form_field(question, context)
        field.question, field.label_html = question, question.label_html
        field.help_text = _help(question, context)
        # Whether an answer is required depends on the other answers: ``clean`` decides.
        field.required = field.widget.is_required = False
        if question.system_ref:
            field.widget.attrs["data-known"] = question.system_ref
        if question.system_ref in AUTOCOMPLETE:
            field.widget.attrs.setdefault("autocomplete", AUTOCOMPLETE[question.system_ref])
        if not of_reader:
            for widget in (field.widget, *getattr(field.widget, "widgets", ())):
                if "autocomplete" in widget.attrs:
                    widget.attrs["autocomplete"] = "off"

    def json_values(self, cleaned: Mapping[str, object]) -> dict[str, object]:
        """Return the values as JSON, the form in which conditions compare them."""
        return {key: TYPES[self.definition.by_key[key].type].to_json(value) for key, value in cleaned.items()}

    def is_valid(self):
        return super().is_valid() and not self.unseen

    @property
    def unseen(self) -> list[Question]:
        """Return the visible questions and texts that were not on the posted page."""
        return self._unseen if self.errors is not None else []  # reading ``errors`` validates the form once

    @property
    def drawn_name(self) -> str:
        """Return the name of the hidden field with the keys of the questions with a condition that a page has drawn."""
        return f"{self.prefix}-drawn"

    def was_shown(self, data) -> set[str]:
        """Return the keys of the questions that the page which posted ``data`` has shown, if it was made of this definition."""
        return question_wording.shown_on(self.definition, data.get(self.drawn_name, "").split(), self.context)

    def shown(self) -> list[Question]:
        """Return the questions to draw, including static texts.

        These are the visible questions. If the page must be sent again, they also include the questions that a new or corrected
        answer could make visible, so that a chain of conditions does not cost a page per condition.
        """
        if not self.is_bound or self.errors is None:  # reading ``errors`` validates the form once
            return visible_questions(self.definition, self.json_values(self.stored), self.context)
        values = self._values({key: self.cleaned_data.get(key) for key in self.fields})
        open_keys = {*self.unusable, *(question.key for question in self.unseen)}
        return possible_questions(self.definition, values, self.context, open_keys)

    def _values(self, cleaned: Mapping[str, object]) -> dict[str, object]:
        """Return the values for conditions: what was entered here, and the stored answers of questions that are not drawn."""
        known = {key: value for key, value in self.stored.items() if key not in self.fields}
        return self.json_values({**known, **cleaned})

    def rows(self) -> list[Row]:
        """Return the rows to draw, in order."""
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
        # Validation is over; from here on ``required`` only changes how the field is drawn.
        self.fields[question.key].required = question.mandatory
        return Row(question, self[question.key], place, note)

    def unseen_rows(self) -> list[Row]:
        """Return the rows that were not on the posted page."""
        return [self._row(question, {question.key}) for question in self.unseen]

    def drawn(self) -> str:
        """Return the keys of the drawn questions with a condition, separated by spaces, for the page to post."""
        return " ".join(row.question.key for row in self.rows() if row.question.condition)

    def for_script(self) -> dict:
        """Return what the script needs to draw and hide questions: a dict that is written into the page as JSON.

        ``questions`` are all questions that the page may draw, in order, with their conditions. ``html`` maps the key of each
        question that is not drawn yet to its HTML.
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
                    "if": resolve_for_page(question.condition, keys, known),
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
        """Return key -> stored answer as JSON, for the visible questions that this form does not draw."""
        stored = self.json_values(self.stored)
        visible = visible_questions(self.definition, stored, self.context)
        return {
            question.key: stored.get(question.key) for question in visible if question.key not in self.fields
        }

    def clean(self):
        self._keep_unchanged()
        values, self.unusable = self._values(self.cleaned_data), frozenset(self.errors)
        visible = visible_questions(self.definition, values, self.context, self.unusable)
        keys = {question.key for question in visible}
        for key in list(self.errors):
            if key not in keys:
                # A question that is not asked can have no error.
                del self._errors[key]
        if self.seen is not None:
            self._unseen = [item for item in visible if item.key not in self.seen and self._is_drawn(item)]
        unseen = {question.key for question in self._unseen}
        for question in visible:
            if question.key not in self.fields or question.key in self.errors:
                continue
            value = self.cleaned_data.get(question.key)
            if not TYPES[question.type].is_blank(value):
                self.answers[question.key] = value
            elif question.mandatory and self.waives:
                self.waived.add(question.key)
            elif question.mandatory and question.key not in unseen:
                self.add_error(question.key, self.fields[question.key].error_messages["required"])
        return self.cleaned_data

    def add_late_error(self, key: str, message: str) -> None:
        """Add an error to a valid form. The answer still counts in conditions, so that the questions it shows stay drawn."""
        value = self.cleaned_data.get(key)
        self.add_error(key, message)
        self.cleaned_data[key] = value

    def typed(self, key: str) -> list[str]:
        """Return the texts that a browser would post for a question if the form came back unchanged."""
        field, value = self.fields[key], self.initial.get(key)
        if isinstance(field.widget, forms.CheckboxInput):
            return ["on"] if value else []
        shown = field.widget.format_value(field.prepare_value(value))
        if isinstance(shown, (list, tuple)):
            return [str(text) for text in shown]
        return [] if shown is None else [str(shown)]

    def _keep_unchanged(self) -> None:
        """Drop the errors of stored answers that came back unchanged: they were right when they were given."""
        wrong = self.stored.keys() & self.errors.keys()
        for key in wrong - set(self.changed_data) if wrong else ():
            del self._errors[key]
            self.cleaned_data[key] = self.stored[key]
