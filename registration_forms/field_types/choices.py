"""Questions with one or several choices. The stored value is the key of the choice, never its label."""

from itertools import combinations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ticketshop.lib import translated

from ..definitions import Question, text_in
from .base import FieldType, QuestionContext

NO_PLACE_LEFT = _("Just sold out. Choose another one.")
NONE_LEFT = _("Too few places are left to choose from, and an answer is needed. Please ask the organiser.")
NOT_OFFERED = _("What you chose is not offered any more. Choose again.")


def offered(question: Question, context: QuestionContext) -> list[tuple[str, str]]:
    """Return the (key, label) pairs that a visitor may choose from.

    These are the active choices and those in the stored answer. Sold out choices have a note in their label.
    """
    stored = set(context.stored if isinstance(context.stored, (list, tuple, set)) else [context.stored])
    pairs = []
    for option in question.options:
        if not option.active and option.key not in stored:
            continue
        label = text_in(option.labels) or option.key
        if option.key in context.sold_out and option.key not in stored:
            label = translated.compose(str(_("%(choice)s (sold out)")), choice=label)
        elif (left := context.left.get(option.key)) is not None:
            text = ngettext("%(choice)s (%(left)d place left)", "%(choice)s (%(left)d places left)", left)
            label = translated.compose(text, choice=label, left=left)
        pairs.append((option.key, label))
    return pairs


def error_messages(question: Question, context: QuestionContext) -> dict[str, object]:
    """Return the error messages of a field of choices, by Django's codes and ``sold_out``."""
    stored = set(context.stored if isinstance(context.stored, (list, tuple, set)) else [context.stored])
    free = [key for key in _active(question) if key not in context.sold_out or key in stored]
    messages: dict[str, object] = {"invalid_choice": NOT_OFFERED, "sold_out": NO_PLACE_LEFT}
    if question.mandatory and len(free) < least(question):
        messages |= {"required": NONE_LEFT, "sold_out": NONE_LEFT}
    return messages


def check_places(keys: list[str], context: QuestionContext, sentence: object) -> None:
    """Raise ValidationError if one of the keys is sold out and not in the stored answer."""
    stored = set(context.stored if isinstance(context.stored, (list, tuple, set)) else [context.stored])
    if any(key in context.sold_out and key not in stored for key in keys):
        raise ValidationError(sentence, code="sold_out")


def least(question: Question) -> int:
    """Return the least number of choices in an answer."""
    return max(1, int(question.rules.get("min") or 0))


def _active(question: Question) -> list[str]:
    """Return, in order, the keys of the choices that new buyers are offered."""
    return [option.key for option in question.options if option.active]


class _ChoiceField(forms.ChoiceField):
    def __init__(self, *args, context: QuestionContext, **kwargs):
        self.context = context
        super().__init__(*args, **kwargs)

    def clean(self, value):
        key = super().clean(value) or None
        if key:
            check_places([key], self.context, self.error_messages["sold_out"])
        return key


class _MultipleChoiceField(forms.MultipleChoiceField):
    def __init__(self, *args, context: QuestionContext, least: int, most: int | None, **kwargs):
        self.context, self.least, self.most = context, least, most
        super().__init__(*args, **kwargs)

    def clean(self, value):
        chosen = set(super().clean(value))
        # In the order of the question, not in the order of the post.
        keys = [key for key, _label in self.choices if key in chosen]
        if keys and len(keys) < self.least:
            raise ValidationError(
                ngettext("Choose at least %(count)d.", "Choose at least %(count)d.", self.least)
                % {"count": self.least}
            )
        if self.most and len(keys) > self.most:
            raise ValidationError(
                ngettext("Choose at most %(count)d.", "Choose at most %(count)d.", self.most)
                % {"count": self.most}
            )
        check_places(keys, self.context, self.error_messages["sold_out"])
        return keys or None


class SingleChoice(FieldType):
    code = "single_choice"
    label = _("One choice")
    column = "v_choice"
    has_choices = True

    def form_field(self, question, context):
        return _ChoiceField(
            context=context,
            choices=offered(question, context),
            widget=forms.RadioSelect,
            error_messages=error_messages(question, context),
            **self.common(question),
        )

    def problem(self, question):
        return ("", ()) if _active(question) else ("no_choices", ())

    def candidates(self, question):
        yield from _active(question)

    def display(self, question, value):
        option = question.option(value) if value else None
        return text_in(option.labels) if option else (value or "")

    def in_copy(self, question, value):
        return self.display(question, value)

    def export(self, question, value):
        return self.display(question, value)


class Dropdown(SingleChoice):
    code = "dropdown"
    label = _("One choice from a list")

    def form_field(self, question, context):
        choices = [("", _("Choose…")), *offered(question, context)]
        return _ChoiceField(
            context=context,
            choices=choices,
            widget=forms.Select,
            error_messages=error_messages(question, context),
            **self.common(question),
        )


def number_hint(least: int, most: int | None) -> str:
    """Return the hint about the number of choices; empty if any number is allowed."""
    if most and least == most:
        return ngettext("Choose %(count)d.", "Choose %(count)d.", most) % {"count": most}
    if most and least > 1:
        return _("Choose %(least)d to %(most)d.") % {"least": least, "most": most}
    if most:
        return ngettext("Choose at most %(count)d.", "Choose at most %(count)d.", most) % {"count": most}
    if least > 1:
        return ngettext("Choose at least %(count)d.", "Choose at least %(count)d.", least) % {"count": least}
    return ""


class MultipleChoice(FieldType):
    code = "multiple_choice"
    label = _("Several choices")
    column = "choices"
    rule_names = {"min": "number", "max": "number"}
    has_choices = True

    def limits(self, question, context):
        return number_hint(int(question.rules.get("min") or 0), question.rules.get("max"))

    def form_field(self, question, context):
        return _MultipleChoiceField(
            context=context,
            least=int(question.rules.get("min") or 0),
            most=question.rules.get("max"),
            choices=offered(question, context),
            widget=forms.CheckboxSelectMultiple,
            error_messages=error_messages(question, context),
            **self.common(question),
        )

    def problem(self, question):
        offered_count, (least, most) = len(_active(question)), self._numbers(question)
        if not offered_count:
            return "no_choices", ()
        if most is not None and most < max(least, 1):
            return "most", (least, most)
        return ("least", (least, offered_count)) if least > offered_count else ("", ())

    def accepts(self, question, value):
        """Return whether ``value``, one key, can be among the chosen ones."""
        return value in _active(question)

    def examples(self, question, told_apart=()):
        """Yield each set of the choices in ``told_apart``, with as many other choices as the rules require."""
        active = _active(question)
        named = [key for key in active if key in set(told_apart)]
        others = [key for key in active if key not in named]
        least, most = self._numbers(question)
        for number in range(len(named) + 1):
            for chosen in combinations(named, number):
                missing = max(least, 1) - number
                keys = [*chosen, *others[: max(missing, 0)]]
                if keys and len(keys) >= least and (most is None or len(keys) <= most):
                    yield keys

    def _numbers(self, question) -> tuple[int, int | None]:
        """Return the least and the greatest number of choices; the latter may be None."""
        most = question.rules.get("max")
        return int(question.rules.get("min") or 0), None if most is None else int(most)

    def display(self, question, value):
        options = [question.option(key) for key in value or []]
        return ", ".join(text_in(option.labels) for option in options if option)

    def in_copy(self, question, value):
        options = [question.option(key) for key in value or []]
        return [text_in(option.labels) for option in options if option]

    def export(self, question, value):
        return self.display(question, value)
