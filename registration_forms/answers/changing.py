"""Change stored answers, and tell what a published form asks of a person who answered an earlier version.

An editor has seen the answers at a revision. If another person changed other answers since then, both changes are kept.
If both changed the same answer to different values, nothing is stored and the questions are named (``Conflict``).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import get_language

from ticketshop.history import history

from .. import definitions
from ..conditions import BUYER, Context
from ..definitions import Definition, Question
from ..field_types import TYPES
from ..models import Answer, AnswerHistory, Field, FormVersion, RegistrationForm, Response
from . import limited_choices, responses

STAFF = Context(staff=True)


class Conflict(Exception):
    """Another person changed the same answers in the meantime.

    ``keys``: response id -> keys of the questions that both changed. ``others``: response id -> keys of all questions that the
    other person changed.
    """

    def __init__(self, keys: dict[int, set[str]], others: dict[int, set[str]]):
        super().__init__(f"answers of {len(keys)} responses were changed meanwhile")
        self.keys, self.others = keys, others


class SoldOut(Exception):
    """The last place of a choice was taken. ``keys``: response id -> keys of the questions that needed it."""

    def __init__(self, keys: dict[int, set[str]]):
        super().__init__(f"choices of {len(keys)} responses are sold out")
        self.keys = keys


class Closed(Exception):
    """The answers can't be changed any more: the order is cancelled, or some answers are erased."""


@dataclass(frozen=True)
class Edit:
    """New answers to a response that the editor saw at ``revision``.

    ``version`` is the version whose questions the page showed, ``keys`` the keys of those questions; answers to other questions
    stay. Without them the page showed all questions of the response's own version.
    """

    response: Response
    answers: Mapping[str, object]
    revision: int
    version: FormVersion | None = None
    keys: frozenset[str] | None = None


def current_definition(response: Response, form: RegistrationForm, given: responses.Given) -> Definition:
    """Return the published definition as it applies to a person who answered an earlier version.

    Questions that became mandatory since are mandatory only if earlier buyers were asked for them. Questions that staff have
    skipped are not mandatory. A consent that was given keeps the wording to which it was given. ``form`` comes with its ``published`` and ``asked_again`` versions.
    """
    published, owed = definitions.of_version(form.published), owed_keys(response, form) - given.waived.keys()
    questions = tuple(
        _as_answered(question, response, given.get(question.key), owed) for question in published.questions
    )
    by_key = {question.key: question for question in questions}
    return Definition(published.first_language, published.group_asks, questions, by_key)


def _as_answered(question: Question, response: Response, answer: Answer | None, owed: set[str]) -> Question:
    """Return the question with the visibility and the wording that apply to this response."""
    changes = {}
    if question.mandatory and question.key not in owed:
        changes["visibility"] = Field.Visibility.VISIBLE
    answered_question = (
        responses.question_of(answer, response) if answer and question.type == "consent" else None
    )
    if answered_question is not None:
        changes |= {"labels": answered_question.labels, "helps": answered_question.helps}
    return replace(question, **changes)


def owed_keys(response: Response, form: RegistrationForm) -> set[str]:
    """Return the keys of the mandatory questions of the answered version and of the version that earlier buyers were asked for."""
    versions = [response.version]
    if form.asked_again and form.asked_again.number > response.version.number:
        versions.append(form.asked_again)
    return {
        question.key
        for version in versions
        for question in definitions.of_version(version).questions
        if question.mandatory
    }


def missing_questions(response: Response, form: RegistrationForm, given: responses.Given) -> list[Question]:
    """Return the mandatory questions without an answer that staff have not skipped, as far as conditions ask them.

    Return an empty list if answers were erased: nothing is owed then, and conditions on erased answers decide nothing.
    """
    if response.erased_on is not None:
        return []
    definition = current_definition(response, form, given)
    values = {key: responses.value_of(answer) for key, answer in given.items()}
    asked = responses.asked_keys(definition, values)
    return [
        question
        for question in responses.stored_questions(definition)
        if question.mandatory and question.key in asked and question.key not in given
    ]


def change(
    response: Response, answers: Mapping[str, object], *, revision: int, by, source: str, now: datetime
) -> list[str]:
    """Call ``change_all`` for one response and all its questions. Return the keys of the answers that changed."""
    changed = change_all([Edit(response, answers, revision)], by=by, source=source, now=now)
    return sorted(line.field.key for line in changed)


@dataclass
class _LockedResponse:
    """A locked response while it is changed.

    ``before`` and ``after`` map keys to values; ``since`` maps the keys that others changed after the editor's revision to the
    JSON values that the editor saw.
    """

    edit: Edit
    row: Response
    definition: Definition
    before: dict[str, object]
    since: dict[str, object]
    after: dict[str, object] = field(default_factory=dict)

    def json(self, key: str, value: object) -> object:
        """Return a value as JSON, or None for no answer or an unknown question."""
        question = self.definition.question(key) or definitions.of_version(self.row.version).question(key)
        return TYPES[question.type].to_json(value) if question and value is not None else None


@transaction.atomic
def change_all(edits: list[Edit], *, by, source: str, now: datetime) -> list[AnswerHistory]:
    """Store new answers and return a history record for each answer that changed. All edits are stored, or none.

    Raise Conflict, SoldOut or Closed. Rows are locked in id order, first responses, then limited choices.
    """
    locked = _lock(edits)
    conflicts = {response.row.pk: keys for response in locked if (keys := _merge(response))}
    if conflicts:
        raise Conflict(conflicts, {response.row.pk: set(response.since) for response in locked})
    changed = [response for response in locked if response.after != response.before]
    rows = responses.rows_by_key({response.row.form_id for response in changed})
    _move_places(changed, rows)
    lines = [line for response in changed for line in _write_all(response, rows, by, source, now)]
    return AnswerHistory.objects.bulk_create(lines)


def _lock(edits: list[Edit]) -> list[_LockedResponse]:
    """Lock the responses in id order. Return them with the answers there are and what changed since the editor's revision."""
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
    responses_found = []
    for edit in edits:
        row = locked[edit.response.pk]
        seen_values: dict[str, object] = {}
        for revision, key, old in since[row.pk]:
            if revision > edit.revision:
                seen_values.setdefault(key, old)
        before = {key: responses.value_of(answer) for key, answer in given[row.pk].items()}
        definition = definitions.of_version(edit.version or row.version)
        responses_found.append(_LockedResponse(edit, row, definition, before, seen_values))
    return responses_found


def _merge(response: _LockedResponse) -> set[str]:
    """Fill ``after`` of the response. Return the keys of the answers that both sides changed to different values."""
    answers, conflicting = response.edit.answers, set()
    keys = response.edit.keys if response.edit.keys is not None else {*response.before, *answers}
    after = dict(response.before)
    for key in keys:
        mine, theirs = response.json(key, answers.get(key)), response.json(key, response.before.get(key))
        if _same(mine, theirs) or _same(mine, response.since.get(key, theirs)):
            continue
        if key in response.since:
            conflicting.add(key)
        elif answers.get(key) is None:
            del after[key]
        else:
            after[key] = answers[key]
    response.after = _only_asked(response.definition, after)
    return conflicting


def _same(one: object, other: object) -> bool:
    """Return whether two answers are equal. The order of several choices does not matter."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(one) == sorted(other)
    return one == other


def _only_asked(definition: Definition, answers: dict[str, object]) -> dict[str, object]:
    """Return the answers without those that a condition hides. Answers to questions that the form no longer has stay."""
    asked = responses.asked_keys(definition, answers, STAFF)
    return {key: value for key, value in answers.items() if key in asked or not _is_asked(definition, key)}


def _is_asked(definition: Definition, key: str) -> bool:
    question = definition.question(key)
    return question is not None and question.visibility != Field.Visibility.HIDDEN


def _move_places(changed: list[_LockedResponse], rows: responses.FieldRows) -> None:
    """Reserve and release the places of limited choices. Raise SoldOut."""
    had = [responses.places(rows, response.row.form_id, response.before) for response in changed]
    wants = [responses.places(rows, response.row.form_id, response.after) for response in changed]
    try:
        limited_choices.move(sum(had, Counter()), sum(wants, Counter()))
    except limited_choices.ChoiceSoldOut as error:
        raise SoldOut(_questions_without_place(changed, rows, error.choices)) from None


def _questions_without_place(
    changed: list[_LockedResponse], rows: responses.FieldRows, choices: set[int]
) -> dict[int, set[str]]:
    """Return response id -> keys of the questions whose new answer needs one of these choices."""
    keys: dict[int, set[str]] = {}
    for response in changed:
        for key, value in response.after.items():
            had, wants = (
                responses.places(rows, response.row.form_id, {key: answer})
                for answer in (response.before.get(key), value)
            )
            if choices & (wants - had).keys():
                keys.setdefault(response.row.pk, set()).add(key)
    return keys


def _write_all(
    response: _LockedResponse, rows: responses.FieldRows, by, source: str, now: datetime
) -> list[AnswerHistory]:
    """Write the changed answers of one response. Return its history records, not yet saved."""
    columns = {
        "revision": response.row.revision + 1,
        "changed_at": now,
        **_first_answered(response, source, now),
    }
    asked, records = responses.asked_keys(response.definition, response.after, STAFF), []
    for key in sorted(
        key
        for key in {*response.before, *response.after}
        if response.before.get(key) != response.after.get(key)
    ):
        question = response.definition.question(key)
        if question is None or question.system_ref in definitions.STORED_ELSEWHERE:
            continue
        _write(response, rows, question, key in asked)
        records.append(
            AnswerHistory(
                response=response.row,
                field=rows[response.row.form_id, key][0],
                at=now,
                by=history.author(by),
                source=source,
                revision=response.row.revision + 1,
                old=response.json(key, response.before.get(key)),
                new=response.json(key, response.after.get(key)),
            )
        )
    _update_states(response)
    Response.objects.filter(pk=response.row.pk).update(**columns)
    return records


def _first_answered(response: _LockedResponse, source: str, now: datetime) -> dict[str, object]:
    """Return the columns that also change when a form is answered for the first time after the sale.

    These are the time, and the language in which the buyer read the form. It may have been added after the sale, or staff have
    skipped its questions; then what counts is the first answer of the buyer to one of these, whatever staff had entered.
    """
    by_buyer = source == AnswerHistory.Source.BUYER
    answered_now = response.after.keys() - response.before.keys()
    if not answered_now or (response.before and not by_buyer):
        return {}
    later = Answer.objects.filter(response=response.row)
    if response.before:
        later = later.filter(state=Answer.State.WAIVED, field__key__in=answered_now)
    else:
        later = later.filter(state__in=[Answer.State.WAIVED, Answer.State.ADDED_LATER])
    if not later.exists():
        return {}
    language = get_language() if by_buyer else None
    return {"created_at": now, **({"language": language} if language else {})}


def _write(response: _LockedResponse, rows: responses.FieldRows, question: Question, asked: bool) -> None:
    row, value, version = response.row, response.after.get(question.key), response.edit.version
    answered_field, choices = rows[row.form_id, question.key]
    answer = responses.new_answer(row, answered_field, question, value, asked, choices)
    if version is not None and version.pk != row.version_id and answer.state == Answer.State.ANSWERED:
        answer.version = version
    columns = ("state", "version", "waived_at", "waived_by", *responses.COLUMNS)
    stored, _made = Answer.objects.update_or_create(
        response=row, field=answered_field, defaults={column: getattr(answer, column) for column in columns}
    )
    if TYPES[question.type].column == "choices":
        stored.choices.set([choices[key] for key in value or [] if key in choices])


def _update_states(response: _LockedResponse) -> None:
    """Set the state of questions without an answer that a condition now shows or hides.

    A question that no page has shown stays "not asked".
    """
    asked = responses.asked_keys(response.definition, response.after, BUYER)
    others = {
        question.key
        for question in response.definition.questions
        if question.key not in asked and not question.staff_only
    }
    if response.edit.keys is not None:
        asked &= response.edit.keys
    state = Answer.State
    for keys, old, new in (
        (asked, (state.NOT_ASKED, state.ADDED_LATER), state.BLANK),
        (others, (state.BLANK, state.ADDED_LATER, state.WAIVED), state.NOT_ASKED),
    ):
        rows = Answer.objects.filter(response=response.row, field__key__in=keys, state__in=old)
        rows.update(state=new, waived_at=None, waived_by=None)
