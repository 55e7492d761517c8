"""From draft to published version: what differs, what is missing, and the step itself."""

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
    """The draft has conditions that can't work, or questions nobody can answer: ``problems``."""

    def __init__(self, problems: list[conditions.Problem]):
        super().__init__(f"{len(problems)} problems: {', '.join(problem.code for problem in problems)}")
        self.problems = problems


CODES = (
    "added", "removed", "mandatory", "optional", "hidden", "choice_removed", "choice_added", "condition", "settings",
    "wording", "moved",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What a new version changes: ``code`` is one of ``CODES``."""

    code: str
    key: str
    label: str


def diff(old: Definition | None, new: Definition) -> list[Difference]:
    """The differences buyers and exports will notice, in the order of the new form."""
    if old is None:
        return [Difference("added", question.key, question.label) for question in new.questions]
    found = [
        Difference("removed", one.key, one.label) for one in old.questions if new.question(one.key) is None
    ]
    for question in new.questions:
        before = old.question(question.key)
        if before is None:
            found.append(Difference("added", question.key, question.label))
        else:
            found += [Difference(code, question.key, question.label) for code in _changes(before, question)]
    common = [one.key for one in old.questions if new.question(one.key)]
    if common != [one.key for one in new.questions if old.question(one.key)]:
        found.append(Difference("moved", "", ""))
    return found


def _changes(before: Question, after: Question) -> list[str]:
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
    limits = [{option.key: option.limited for option in one.options} for one in (before, after)]
    if _settings(before) != _settings(after) or any(
        limits[0][key] != limits[1][key] for key in was.keys() & now.keys()
    ):
        codes.append("settings")
    texts = [(one.labels, one.helps, one.purposes) for one in (before, after)]
    if texts[0] != texts[1] or any(was[key] != now[key] for key in was.keys() & now.keys()):
        codes.append("wording")
    return codes


def _settings(one: Question) -> tuple:
    return one.type, one.rules, one.sensitive, one.copyable, one.on_ticket, one.staff_only


def missing_translations(form: RegistrationForm, new: Definition) -> dict[str, int]:
    """Language -> how many texts it lacks that the first language has."""
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
        number = sum(1 for one in texts if any(one.values()) and not one.get(language))
        if number:
            missing[language] = number
    return missing


def differs(form: RegistrationForm, fields: Iterable[Field] | None = None) -> bool:
    """Whether buyers see something else than the draft."""
    return form.published is None or form.published.sha256 != definitions.sha256(
        definitions.build(form, fields)
    )


def problems_of(form: RegistrationForm, new: Definition) -> list[conditions.Problem]:
    """Return what keeps the draft from being published: conditions that can't work, and what no buyer can answer."""
    archived = frozenset(form.fields.exclude(archived_at=None).values_list("key", flat=True))
    found = conditions.problems(new, archived)
    # Answers are looked for where every condition names an earlier question.
    return found or [*answerable.problems(new), *_without_places(form, new)]


def _without_places(form: RegistrationForm, new: Definition) -> list[conditions.Problem]:
    """The questions whose choices are limited to so few places that nobody can answer them."""
    limited = [
        one for one in new.questions if any(option.active and option.limited for option in one.options)
    ]
    if not limited:
        return []
    none = set(
        Choice.objects.filter(field__form=form, field__archived_at=None, capacity=0).values_list(
            "field__key", "key"
        )
    )
    found = []
    for one in limited:
        with_places = [
            option for option in one.options if option.active and (one.key, option.key) not in none
        ]
        if one.mandatory and len(with_places) < max(1, int(one.rules.get("min") or 0)):
            found.append(conditions.Problem("no_places", (one.key,)))
    return found


@transaction.atomic
def publish(form: RegistrationForm, *, by, now: datetime, revision: int | None = None) -> FormVersion:
    """Freeze the draft as the next version. The same draft twice is one version.

    Raises CannotPublish, and Changed where the draft is not at ``revision`` any more.
    """
    form = (
        RegistrationForm.objects.select_for_update(of=("self",))
        .select_related("organiser", "published")
        .get(pk=form.pk)
    )
    if revision is not None and revision != form.revision:
        raise Changed
    definition = definitions.build(form)
    if found := problems_of(form, parse(definition)):
        raise CannotPublish(found)
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
