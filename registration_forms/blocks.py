"""One form as a buyer fills it in: a Django form made from a published definition.

A question that a condition hides is still drawn into the page's data when something was posted for it,
and thrown away on the server: without JavaScript a page shows what was visible when it was made, and the
answer decides what is asked next.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

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
    """A form of one definition. ``answers`` after validation: key -> value to store, for visible questions only.

    Where answers are changed, ``stored`` are those there are: they fill the form, and stay good as they are
    whatever the rules became. Questions ``but`` these are drawn.
    """

    def __init__(
        self,
        definition: Definition,
        *args,
        asked: Mapping[str, Asked] | Asked,
        context: Context = BUYER,
        stored: Mapping[str, object] | None = None,
        but: Collection[str] = (),
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.definition, self.context = definition, context
        self.stored = {key: value for key, value in (stored or {}).items() if key in definition.by_key}
        self.answers: dict[str, object] = {}
        for question in definition.questions:
            if (
                question.visibility == "hidden"
                or (question.staff_only and not context.staff)
                or not TYPES[question.type].answers
                or question.system_ref in ELSEWHERE
                or question.key in but
            ):
                continue
            one = asked if isinstance(asked, Asked) else asked.get(question.key, Asked())
            if question.key in self.stored:
                value = self.stored[question.key]
                one = replace(one, kept=value)
                self.initial[question.key] = TYPES[question.type].initial(value)
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
            values = self._values({key: self.cleaned_data.get(key) for key in self.fields})
        else:
            values = self.json_values(self.stored)
        return visible_questions(self.definition, values, self.context)

    def _values(self, cleaned: Mapping[str, object]) -> dict[str, object]:
        """Values for conditions: what was entered here, and what is stored of questions that are not drawn."""
        known = {key: value for key, value in self.stored.items() if key not in self.fields}
        return self.json_values({**known, **cleaned})

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
        self._keep_unchanged()
        values = self._values(self.cleaned_data)
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
