"""Changing answers: what is asked of whom answered earlier, and the step itself.

Whoever changes answers has seen them at a revision. Changes made since are kept where this one changes nothing;
where both changed the same answer nothing is stored and the questions are named.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import get_language

from .. import definitions
from ..conditions import BUYER, Context
from ..definitions import Definition, Question
from ..field_types import TYPES
from ..models import Answer, AnswerHistory, Field, FormVersion, RegistrationForm, Response
from . import limited_choices, responses

STAFF = Context(staff=True)


class Conflict(Exception):
    """Somebody else changed the same answers meanwhile: response id -> keys of the questions both changed.

    ``others``: response id -> keys of all that was changed meanwhile.
    """

    def __init__(self, keys: dict[int, set[str]], others: dict[int, set[str]]):
        super().__init__(f"answers of {len(keys)} responses were changed meanwhile")
        self.keys, self.others = keys, others


class SoldOut(Exception):
    """The last place of a choice went to somebody else: response id -> keys of the questions that wanted it."""

    def __init__(self, keys: dict[int, set[str]]):
        super().__init__(f"choices of {len(keys)} responses are sold out")
        self.keys = keys


class Closed(Exception):
    """The answers can't be changed any more: the order is cancelled, or some of them are erased."""


@dataclass(frozen=True)
class Edit:
    """New answers to a response that was seen at ``revision``.

    ``version`` is the one they were asked under, ``keys`` the questions that were: answers to others stay.
    Without them: all questions of the response's own version.
    """

    response: Response
    answers: Mapping[str, object]
    revision: int
    version: FormVersion | None = None
    keys: frozenset[str] | None = None


def current_definition(response: Response, form: RegistrationForm, given: Mapping[str, Answer]) -> Definition:
    """What is published now, as it is asked of somebody who answered an earlier version.

    What became mandatory since is owed only where earlier buyers were asked for it. A consent that was given keeps
    the words it was given to. ``form`` comes with its ``published`` and ``asked_again`` versions.
    """
    now, owed = definitions.of_version(form.published), owed_keys(response, form)
    questions = tuple(_of_earlier(one, response, given.get(one.key), owed) for one in now.questions)
    return Definition(now.first_language, now.group_asks, questions, {one.key: one for one in questions})


def _of_earlier(question: Question, response: Response, answer: Answer | None, owed: set[str]) -> Question:
    differs = {}
    if question.mandatory and question.key not in owed:
        differs["visibility"] = Field.Visibility.VISIBLE
    seen = responses.question_of(answer, response) if answer and question.type == "consent" else None
    if seen is not None:
        differs |= {"labels": seen.labels, "helps": seen.helps}
    return replace(question, **differs)


def owed_keys(response: Response, form: RegistrationForm) -> set[str]:
    """The mandatory questions of the version that was answered, and of the one earlier buyers were asked for."""
    versions = [response.version]
    if form.asked_again and form.asked_again.number > response.version.number:
        versions.append(form.asked_again)
    return {
        one.key for version in versions for one in definitions.of_version(version).questions if one.mandatory
    }


def missing_questions(
    response: Response, form: RegistrationForm, given: Mapping[str, Answer]
) -> list[Question]:
    """What the buyer owes and has not answered, as far as conditions ask it.

    Nothing where answers were erased: what is gone is settled, and conditions on it decide nothing any more.
    """
    if response.erased_on is not None:
        return []
    definition = current_definition(response, form, given)
    values = {key: responses.value_of(answer) for key, answer in given.items()}
    asked = responses.asked_keys(definition, values)
    return [
        one
        for one in responses.stored_questions(definition)
        if one.mandatory and one.key in asked and one.key not in given
    ]


def change(
    response: Response, answers: Mapping[str, object], *, revision: int, by, source: str, now: datetime
) -> list[str]:
    """``change_all`` for one response and all its questions; returns the keys that changed."""
    changed = change_all([Edit(response, answers, revision)], by=by, source=source, now=now)
    return sorted(line.field.key for line in changed)


@dataclass
class _Open:
    """A response under change."""

    edit: Edit
    row: Response
    definition: Definition
    before: dict[str, object]
    # Key -> the answer at the revision that was seen, for questions somebody changed since; as JSON.
    since: dict[str, object]
    after: dict[str, object] = field(default_factory=dict)

    def json(self, key: str, value: object) -> object:
        question = self.definition.question(key) or definitions.of_version(self.row.version).question(key)
        return TYPES[question.type].to_json(value) if question and value is not None else None


@transaction.atomic
def change_all(edits: list[Edit], *, by, source: str, now: datetime) -> list[AnswerHistory]:
    """Store new answers; returns a line of history for every answer that changed. All or nothing.

    Raises Conflict, SoldOut or Closed. Rows are locked in id order: responses, then limited choices.
    """
    opened = _open(edits)
    conflicts = {one.row.pk: keys for one in opened if (keys := _merge(one))}
    if conflicts:
        raise Conflict(conflicts, {one.row.pk: set(one.since) for one in opened})
    changed = [one for one in opened if one.after != one.before]
    rows = responses.rows_by_key({one.row.form_id for one in changed})
    _move_places(changed, rows)
    lines = [line for one in changed for line in _write_all(one, rows, by, source, now)]
    return AnswerHistory.objects.bulk_create(lines)


def _open(edits: list[Edit]) -> list[_Open]:
    ids = [edit.response.pk for edit in edits]
    locked = {
        row.pk: row
        for row in Response.objects.select_for_update(of=("self",))
        .filter(pk__in=ids)
        .select_related("version")
        .order_by("pk")
    }
    if any(pk not in locked or locked[pk].void or locked[pk].erased_on for pk in ids):
        raise Closed
    given = responses.answers_of(ids)
    since: dict[int, list[tuple[int, str, object]]] = {pk: [] for pk in ids}
    if any(locked[edit.response.pk].revision != edit.revision for edit in edits):
        lines = AnswerHistory.objects.filter(response__in=ids).order_by("revision", "pk")
        for pk, *line in lines.values_list("response", "revision", "field__key", "old"):
            since[pk].append(tuple(line))
    found = []
    for edit in edits:
        row = locked[edit.response.pk]
        seen: dict[str, object] = {}
        for revision, key, old in since[row.pk]:
            if revision > edit.revision:
                seen.setdefault(key, old)
        before = {key: responses.value_of(answer) for key, answer in given[row.pk].items()}
        definition = definitions.of_version(edit.version or row.version)
        found.append(_Open(edit, row, definition, before, seen))
    return found


def _merge(one: _Open) -> set[str]:
    """Work out ``after``; the keys that were changed on both sides, to different answers."""
    answers, both = one.edit.answers, set()
    keys = one.edit.keys if one.edit.keys is not None else {*one.before, *answers}
    after = dict(one.before)
    for key in keys:
        mine, theirs = one.json(key, answers.get(key)), one.json(key, one.before.get(key))
        if _same(mine, theirs) or _same(mine, one.since.get(key, theirs)):
            continue
        if key in one.since:
            both.add(key)
        elif answers.get(key) is None:
            del after[key]
        else:
            after[key] = answers[key]
    one.after = _only_asked(one.definition, after)
    return both


def _same(one: object, other: object) -> bool:
    """Whether two answers are equal, whatever the order of several choices."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(one) == sorted(other)
    return one == other


def _only_asked(definition: Definition, answers: dict[str, object]) -> dict[str, object]:
    """Without what a condition hides. Questions that the form asks no longer keep their answers."""
    asked = responses.asked_keys(definition, answers, STAFF)
    return {key: value for key, value in answers.items() if key in asked or not _is_asked(definition, key)}


def _is_asked(definition: Definition, key: str) -> bool:
    question = definition.question(key)
    return question is not None and question.visibility != Field.Visibility.HIDDEN


def _move_places(changed: list[_Open], rows: responses.FieldRows) -> None:
    had = [responses.places(rows, one.row.form_id, one.before) for one in changed]
    wants = [responses.places(rows, one.row.form_id, one.after) for one in changed]
    try:
        limited_choices.move(sum(had, Counter()), sum(wants, Counter()))
    except limited_choices.ChoiceSoldOut as error:
        raise SoldOut(_who_wanted(changed, rows, error.choices)) from None


def _who_wanted(changed: list[_Open], rows: responses.FieldRows, choices: set[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for one in changed:
        for key, value in one.after.items():
            had, wants = (
                responses.places(rows, one.row.form_id, {key: answer})
                for answer in (one.before.get(key), value)
            )
            if choices & (wants - had).keys():
                found.setdefault(one.row.pk, set()).add(key)
    return found


def _write_all(one: _Open, rows: responses.FieldRows, by, source: str, now: datetime) -> list[AnswerHistory]:
    """Write what changed of one response; its lines of history, not yet written."""
    columns = {"revision": one.row.revision + 1, "changed_at": now, **_first_answered(one, source, now)}
    asked, lines = responses.asked_keys(one.definition, one.after, STAFF), []
    for key in sorted(key for key in {*one.before, *one.after} if one.before.get(key) != one.after.get(key)):
        question = one.definition.question(key)
        if question is None or question.system_ref in definitions.STORED_ELSEWHERE:
            continue
        _write(one, rows, question, key in asked)
        lines.append(
            AnswerHistory(
                response=one.row,
                field=rows[one.row.form_id, key][0],
                at=now,
                by=by if by is not None and by.is_authenticated else None,
                source=source,
                revision=one.row.revision + 1,
                old=one.json(key, one.before.get(key)),
                new=one.json(key, one.after.get(key)),
            )
        )
    _turn(one)
    Response.objects.filter(pk=one.row.pk).update(**columns)
    return lines


def _first_answered(one: _Open, source: str, now: datetime) -> dict[str, object]:
    """The columns that change when a form is answered that was given to something which was sold already: when, and in
    which language the buyer read it."""
    if one.before or not Answer.objects.filter(response=one.row, state=Answer.State.ADDED_LATER).exists():
        return {}
    language = get_language() if source == AnswerHistory.Source.BUYER else None
    return {"created_at": now, **({"language": language} if language else {})}


def _write(one: _Open, rows: responses.FieldRows, question: Question, asked: bool) -> None:
    row, value, version = one.row, one.after.get(question.key), one.edit.version
    found, choices = rows[row.form_id, question.key]
    answer = responses.new_answer(row, found, question, value, asked, choices)
    if version is not None and version.pk != row.version_id and answer.state == Answer.State.ANSWERED:
        answer.version = version
    columns = ("state", "version", *responses.COLUMNS)
    stored, _made = Answer.objects.update_or_create(
        response=row, field=found, defaults={column: getattr(answer, column) for column in columns}
    )
    if TYPES[question.type].column == "choices":
        stored.choices.set([choices[key] for key in value or [] if key in choices])


def _turn(one: _Open) -> None:
    """Questions without an answer that a condition now shows or hides say so; what no page has shown was not asked."""
    asked = responses.asked_keys(one.definition, one.after, BUYER)
    others = {
        question.key
        for question in one.definition.questions
        if question.key not in asked and not question.staff_only
    }
    if one.edit.keys is not None:
        asked &= one.edit.keys
    blank, not_asked, later = Answer.State.BLANK, Answer.State.NOT_ASKED, Answer.State.ADDED_LATER
    for keys, old, new in ((asked, (not_asked, later), blank), (others, (blank, later), not_asked)):
        Answer.objects.filter(response=one.row, field__key__in=keys, state__in=old).update(state=new)
