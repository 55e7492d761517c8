"""One of several, or several of several. What is stored is the choice's key, never its label."""

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
    """The choices a visitor may take: active ones, and what they have already. Sold out ones are marked."""
    kept = set(context.kept if isinstance(context.kept, (list, tuple, set)) else [context.kept])
    found = []
    for option in question.options:
        if not option.active and option.key not in kept:
            continue
        label = text_in(option.labels) or option.key
        if option.key in context.sold_out and option.key not in kept:
            label = translated.compose(str(_("%(choice)s (sold out)")), choice=label)
        elif (left := context.left.get(option.key)) is not None:
            text = ngettext("%(choice)s (%(left)d place left)", "%(choice)s (%(left)d places left)", left)
            label = translated.compose(text, choice=label, left=left)
        found.append((option.key, label))
    return found


def sentences(question: Question, context: QuestionContext) -> dict[str, object]:
    """What a field of choices says of no answer, and of one that is not offered."""
    kept = set(context.kept if isinstance(context.kept, (list, tuple, set)) else [context.kept])
    free = [key for key in _active(question) if key not in context.sold_out or key in kept]
    found: dict[str, object] = {"invalid_choice": NOT_OFFERED, "sold_out": NO_PLACE_LEFT}
    if question.mandatory and len(free) < least(question):
        found |= {"required": NONE_LEFT, "sold_out": NONE_LEFT}
    return found


def not_sold_out(keys: list[str], context: QuestionContext, sentence: object) -> None:
    kept = set(context.kept if isinstance(context.kept, (list, tuple, set)) else [context.kept])
    if any(key in context.sold_out and key not in kept for key in keys):
        raise ValidationError(sentence, code="sold_out")


def least(question: Question) -> int:
    """How many choices an answer has at least."""
    return max(1, int(question.rules.get("min") or 0))


def _active(question: Question) -> list[str]:
    """The keys of the choices that new buyers may take, in order."""
    return [option.key for option in question.options if option.active]


class _OneOf(forms.ChoiceField):
    def __init__(self, *args, context: QuestionContext, **kwargs):
        self.context = context
        super().__init__(*args, **kwargs)

    def clean(self, value):
        key = super().clean(value) or None
        if key:
            not_sold_out([key], self.context, self.error_messages["sold_out"])
        return key


class _SomeOf(forms.MultipleChoiceField):
    def __init__(self, *args, context: QuestionContext, least: int, most: int | None, **kwargs):
        self.context, self.least, self.most = context, least, most
        super().__init__(*args, **kwargs)

    def clean(self, value):
        taken = set(super().clean(value))
        # In the order of the question, whatever the order of the post.
        keys = [key for key, _label in self.choices if key in taken]
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
        not_sold_out(keys, self.context, self.error_messages["sold_out"])
        return keys or None


class SingleChoice(FieldType):
    code = "single_choice"
    label = _("One choice")
    column = "v_choice"
    has_choices = True

    def form_field(self, question, context):
        return _OneOf(
            context=context,
            choices=offered(question, context),
            widget=forms.RadioSelect,
            error_messages=sentences(question, context),
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
        return _OneOf(
            context=context,
            choices=choices,
            widget=forms.Select,
            error_messages=sentences(question, context),
            **self.common(question),
        )


def how_many(least: int, most: int | None) -> str:
    """How many choices may be taken; empty where any number may."""
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
        return how_many(int(question.rules.get("min") or 0), question.rules.get("max"))

    def form_field(self, question, context):
        return _SomeOf(
            context=context,
            least=int(question.rules.get("min") or 0),
            most=question.rules.get("max"),
            choices=offered(question, context),
            widget=forms.CheckboxSelectMultiple,
            error_messages=sentences(question, context),
            **self.common(question),
        )

    def problem(self, question):
        there, (least, most) = len(_active(question)), self._numbers(question)
        if not there:
            return "no_choices", ()
        if most is not None and most < max(least, 1):
            return "most", (least, most)
        return ("least", (least, there)) if least > there else ("", ())

    def accepts(self, question, value):
        """Whether it can be among the answers."""
        return value in _active(question)

    def examples(self, question, told_apart=()):
        """Every set of the choices of ``told_apart``, with as many of the others as are needed."""
        active = _active(question)
        named = [key for key in active if key in set(told_apart)]
        others = [key for key in active if key not in named]
        least, most = self._numbers(question)
        for number in range(len(named) + 1):
            for chosen in combinations(named, number):
                missing = max(least, 1) - number
                found = [*chosen, *others[: max(missing, 0)]]
                if found and len(found) >= least and (most is None or len(found) <= most):
                    yield found

    def _numbers(self, question) -> tuple[int, int | None]:
        """How many choices at least and at most."""
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
