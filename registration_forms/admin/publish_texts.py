"""Conditions, problems and differences of forms as sentences."""

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..building.publishing import Difference
from ..condition_texts import OPERATORS, answer, condition, quoted  # noqa: F401 - for the pages of the builder
from ..conditions import Problem
from ..definitions import Definition
from ..models import RegistrationForm

PROBLEMS = {
    "self": gettext_lazy("%(one)s can’t depend on itself."),
    "later": gettext_lazy("%(one)s depends on %(other)s, which comes later. Move one of them."),
    "staff_only": gettext_lazy("%(one)s depends on %(other)s, which only staff see."),
    "archived": gettext_lazy("%(one)s depends on %(other)s, which is archived."),
    "unknown": gettext_lazy("%(one)s depends on a question that this form does not have."),
    "consent": gettext_lazy(
        "%(one)s depends on %(other)s, a consent: a box without a tick is no answer. Choose “is not answered”."
    ),
    "operator": gettext_lazy("The condition of %(one)s can’t be read. Choose it again."),
    "hidden": gettext_lazy(
        "%(one)s depends on %(other)s, which is hidden. Show that question, or change the condition."
    ),
    "elsewhere": gettext_lazy(
        "%(one)s depends on %(other)s. Names and e-mail addresses can’t decide what is asked: change the condition."
    ),
    "text": gettext_lazy(
        "%(one)s depends on %(other)s, which is a text and has no answer. Change the condition."
    ),
    "answer": gettext_lazy(
        "%(one)s waits for the answer “%(value)s” to %(other)s, which nobody can give. Change the condition."
    ),
    "never": gettext_lazy(
        "%(one)s would never be asked: %(condition)s. Change this condition, or one before it."
    ),
    "no_choices": gettext_lazy("%(one)s offers no choice. Add one, or hide the question."),
    "no_places": gettext_lazy(
        "%(one)s is mandatory, and its choices have no places. Enter more places, or make it optional."
    ),
    "least": gettext_lazy(
        "%(one)s wants at least %(first)s choices and offers %(second)s. Lower the number, or add choices."
    ),
    "most": gettext_lazy(
        "%(one)s wants at least %(first)s and at most %(second)s choices: nobody can do both. Change the numbers."
    ),
    "numbers": gettext_lazy(
        "No number fits %(one)s. Change its least, its most, or the digits after the point."
    ),
    "days": gettext_lazy("No date fits %(one)s. Change its first or its last day."),
    "ages": gettext_lazy("Nobody has an age that fits %(one)s. Change the lowest or the highest age."),
}
DIFFERENCES = {
    "added": gettext_lazy("%(label)s is new."),
    "removed": gettext_lazy("%(label)s is no longer asked."),
    "mandatory": gettext_lazy("%(label)s becomes mandatory."),
    "optional": gettext_lazy("%(label)s becomes optional."),
    "hidden": gettext_lazy("%(label)s is hidden from now on."),
    "choice_removed": gettext_lazy("%(label)s offers a choice less."),
    "choice_added": gettext_lazy("%(label)s offers a new choice."),
    "condition": gettext_lazy("%(label)s is asked under another condition."),
    "settings": gettext_lazy("%(label)s has other settings."),
    "wording": gettext_lazy("%(label)s is worded differently."),
    "moved": gettext_lazy("The questions stand in another order."),
}


def problems(problems_found: Iterable[Problem], definition: Definition, form: RegistrationForm) -> list[str]:
    """Return a sentence for each problem; it names the questions."""
    archived = {field.key: str(field) for field in form.fields.exclude(archived_at=None)}

    def name(key: str) -> str:
        """Return the label of a question in quotes."""
        question = definition.question(key)
        return quoted(question.label if question else archived.get(key, key))

    sentences = []
    for problem in problems_found:
        if problem.code == "cycle":
            text = _("These questions wait for one another: %(names)s.")
            sentences.append(text % {"names": ", ".join(name(key) for key in problem.fields)})
        else:
            sentences.append(_sentence(problem, definition, name))
    return list(dict.fromkeys(sentences))


def _sentence(problem: Problem, definition: Definition, name: Callable[[str], str]) -> str:
    names = [name(key) for key in problem.fields]
    first, second = (*problem.values, "", "")[:2]
    question, other = (definition.question(problem.fields[place]) for place in (0, -1))
    parts = {
        "one": names[0],
        "other": names[-1],
        "value": answer(other, str(first)),
        "condition": condition(question, definition) if question else "",
        "first": first,
        "second": second,
    }
    return PROBLEMS[problem.code] % parts


def differences(differences: Iterable[Difference]) -> list[str]:
    """Return a sentence for each difference."""
    return [DIFFERENCES[difference.code] % {"label": quoted(difference.label)} for difference in differences]


def without_the_new(form: RegistrationForm, number: int) -> str:
    """Return the sentence with the number of answered forms that lack the new questions."""
    texts = {
        "order": ngettext(
            "%(count)d existing order will not have these answers.",
            "%(count)d existing orders will not have these answers.",
            number,
        ),
        "tariff": ngettext(
            "%(count)d existing ticket will not have these answers.",
            "%(count)d existing tickets will not have these answers.",
            number,
        ),
        "pass": ngettext(
            "%(count)d existing pass will not have these answers.",
            "%(count)d existing passes will not have these answers.",
            number,
        ),
    }
    return texts[form.kind] % {"count": number}


def missing(number: int, language: str) -> str:
    """Return the sentence about missing translations."""
    return ngettext(
        "%(language)s: %(count)d text is missing; buyers see it in your first language.",
        "%(language)s: %(count)d texts are missing; buyers see them in your first language.",
        number,
    ) % {"language": language, "count": number}
