"""One form as a buyer fills it in: a Django form made from a published definition.

A question that a condition hides is still drawn into the page's data when something was posted for it,
and thrown away on the server: without JavaScript a page shows what was visible when it was made, and the
answer decides what is asked next.
"""

from collections.abc import Mapping

from django import forms

from ticketshop.lib.markdown import to_html

from .conditions import BUYER, Context, visible_questions
from .definitions import Definition, Question
from .field_types import TYPES, Asked
from .responses import ELSEWHERE

AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "company": "organization",
    "birth_date": "bday",
}


class Block(forms.Form):
    """A form of one definition. ``answers`` after validation: key -> value to store, for visible questions only."""

    def __init__(
        self,
        definition: Definition,
        *args,
        asked: Mapping[str, Asked] | Asked,
        context: Context = BUYER,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.definition, self.context = definition, context
        self.answers: dict[str, object] = {}
        for question in definition.questions:
            if (
                question.visibility == "hidden"
                or (question.staff_only and not context.staff)
                or not TYPES[question.type].answers
                or question.system_ref in ELSEWHERE
            ):
                continue
            one = asked if isinstance(asked, Asked) else asked.get(question.key, Asked())
            self.fields[question.key] = made = TYPES[question.type].form_field(question, one)
            made.question = question
            if question.help_text:
                made.help_text = to_html(question.help_text, 4)
            # Whether an answer is due depends on the other answers: decided in ``clean``.
            made.required = made.widget.is_required = False
            if question.system_ref in AUTOCOMPLETE:
                made.widget.attrs.setdefault("autocomplete", AUTOCOMPLETE[question.system_ref])

    def json_values(self, cleaned: Mapping[str, object]) -> dict[str, object]:
        """Values as conditions compare them."""
        return {key: TYPES[self.definition.by_key[key].type].to_json(value) for key, value in cleaned.items()}

    def shown(self) -> list[Question]:
        """The questions to draw: those visible with what is known, static texts included."""
        if self.is_bound and self.errors is not None:  # checked once
            values = self.json_values({key: self.cleaned_data.get(key) for key in self.fields})
        else:
            values = {key: self.initial.get(key) for key in self.fields}
        return visible_questions(self.definition, values, self.context)

    def rows(self) -> list[tuple[Question, forms.BoundField | None]]:
        """What to draw, in order: a question and its field, or None for a static text."""
        found = []
        for question in self.shown():
            if question.key in self.fields:
                # From here on only the drawing asks whether an answer is due.
                self.fields[question.key].required = question.mandatory
                found.append((question, self[question.key]))
            elif not TYPES[question.type].answers:
                found.append((question, None))
        return found

    def clean(self):
        values = self.json_values(self.cleaned_data)
        visible = visible_questions(self.definition, values, self.context)
        keys = {question.key for question in visible}
        for key in list(self.errors):
            if key not in keys:
                # What is not asked can't be wrong.
                del self._errors[key]
        for question in visible:
            if question.key not in self.fields or question.key in self.errors:
                continue
            value = self.cleaned_data.get(question.key)
            if not TYPES[question.type].is_blank(value):
                self.answers[question.key] = value
            elif question.mandatory:
                self.add_error(question.key, self.fields[question.key].error_messages["required"])
        return self.cleaned_data
