"""Publish a draft as a version: the differences, the problems, the missing translations, and the publishing itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from .. import conditions, definitions
from ..definitions import Definition, Question, parse
from ..models import Choice, Field, FormVersion, RegistrationForm
from . import answerable
from .drafts import Changed


class CannotPublish(Exception):
    """The draft has conditions that can't work, or questions without a possible answer: ``problems``."""

    def __init__(self, problems: list[conditions.Problem]):
        super().__init__(f"{len(problems)} problems: {', '.join(problem.code for problem in problems)}")
        self.problems = problems


CODES = (
    "added", "removed", "mandatory", "optional", "hidden", "choice_removed", "choice_added", "condition", "settings",
    "wording", "moved",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """A change in a new version. ``code`` is one of ``CODES``; ``key`` and ``label`` are the question's."""

    code: str
    key: str
    label: str


def diff(old: Definition | None, new: Definition) -> list[Difference]:
    """Return the differences that buyers and exports will notice, in the order of the new form."""
    if old is None:
        return [Difference("added", question.key, question.label) for question in new.questions]
    differences = [
        Difference("removed", question.key, question.label)
        for question in old.questions
        if new.question(question.key) is None
    ]
    for question in new.questions:
        before = old.question(question.key)
        if before is None:
            differences.append(Difference("added", question.key, question.label))
        else:
            differences += [
                Difference(code, question.key, question.label) for code in _changes(before, question)
            ]
    common = [question.key for question in old.questions if new.question(question.key)]
    if common != [question.key for question in new.questions if old.question(question.key)]:
        differences.append(Difference("moved", "", ""))
    return differences


def _changes(before: Question, after: Question) -> list[str]:
    """Return the codes of what changed in one question."""
    codes = []
    if after.visibility != before.visibility:
        codes.append({"visible": "optional"}.get(after.visibility, after.visibility))
    was = {option.key: option.labels for option in before.options if option.active}
    now = {option.key: option.labels for option in after.options if option.active}
    if was.keys() - now.keys():
        codes.append("choice_removed")
    if now.keys() - was.keys():
        codes.append("choice_added")
    if before.condition != after.condition:
        codes.append("condition")
    limits = [{option.key: option.limited for option in question.options} for question in (before, after)]
    if _settings(before) != _settings(after) or any(
        limits[0][key] != limits[1][key] for key in was.keys() & now.keys()
    ):
        codes.append("settings")
    texts = [(question.labels, question.helps, question.purposes) for question in (before, after)]
    if texts[0] != texts[1] or any(was[key] != now[key] for key in was.keys() & now.keys()):
        codes.append("wording")
    return codes


def _settings(question: Question) -> tuple:
    return (
        question.type,
        question.rules,
        question.sensitive,
        question.copyable,
        question.on_ticket,
        question.staff_only,
    )


def missing_translations(form: RegistrationForm, new: Definition) -> dict[str, int]:
    """Return language -> number of texts that exist in the first language and not in this one."""
    missing: dict[str, int] = {}
    texts = [
        texts
        for question in new.questions
        for texts in (
            question.labels,
            question.helps,
            question.purposes,
            *(option.labels for option in question.options),
        )
    ]
    for language in form.organiser.languages[1:]:
        number = sum(
            1 for translations in texts if any(translations.values()) and not translations.get(language)
        )
        if number:
            missing[language] = number
    return missing


def differs(form: RegistrationForm, fields: Iterable[Field] | None = None) -> bool:
    """Return whether the draft differs from what buyers see. ``fields`` saves queries, see ``definitions.build``."""
    return form.published is None or form.published.sha256 != definitions.sha256(
        definitions.build(form, fields)
    )


def problems_of(form: RegistrationForm, new: Definition) -> list[conditions.Problem]:
    """Return what prevents publishing: conditions that can't work, and questions that no buyer can answer."""
    archived = frozenset(form.fields.exclude(archived_at=None).values_list("key", flat=True))
    problems = conditions.problems(new, archived)
    # ``answerable`` needs conditions that name earlier questions only.
    return problems or [*answerable.problems(new), *_without_places(form, new)]


def _without_places(form: RegistrationForm, new: Definition) -> list[conditions.Problem]:
    """Return a problem for each mandatory question whose choices have too few places for any answer."""
    limited = [
        question
        for question in new.questions
        if any(option.active and option.limited for option in question.options)
    ]
    if not limited:
        return []
    without_places = set(
        Choice.objects.filter(field__form=form, field__archived_at=None, capacity=0).values_list(
            "field__key", "key"
        )
    )
    problems = []
    for question in limited:
        with_places = [
            option
            for option in question.options
            if option.active and (question.key, option.key) not in without_places
        ]
        if question.mandatory and len(with_places) < max(1, int(question.rules.get("min") or 0)):
            problems.append(conditions.Problem("no_places", (question.key,)))
    return problems


@transaction.atomic
def publish(form: RegistrationForm, *, by, now: datetime, revision: int | None = None) -> FormVersion:
    """Publish the draft as the next version and return it. If the draft equals the last version, return that one.

    Raise CannotPublish. Raise Changed if ``revision`` is given and the draft has another one now.
    """
    form = (
        RegistrationForm.objects.select_for_update(of=("self",))
        .select_related("organiser", "published")
        .get(pk=form.pk)
    )
    if revision is not None and revision != form.revision:
        raise Changed
    definition = definitions.build(form)
    if problems := problems_of(form, parse(definition)):
        raise CannotPublish(problems)
    sha = definitions.sha256(definition)
    if form.published is not None and form.published.sha256 == sha:
        return form.published
    last = form.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = FormVersion.objects.create(
        form=form, number=last + 1, published_at=now, published_by=by, definition=definition, sha256=sha
    )
    RegistrationForm.objects.filter(pk=form.pk).update(published=version)
    history.record(form, "published", by=by, now=now, version=version.number)
    return version
