"""Verbs of responses: store the answers of a block, read them back, change them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ticketshop.organisers.models import Organiser

from . import definitions, limited
from .conditions import BUYER, Context, visible_questions
from .definitions import Definition, Question
from .field_types import TYPES
from .models import Answer, AnswerHistory, Choice, Field, FormVersion, Response

COLUMNS = ("v_text", "v_number", "v_date", "v_datetime", "v_time", "v_bool", "v_choice")


@dataclass(frozen=True)
class Given:
    """The answers to one form: key -> value as the field types give it, for visible questions only."""

    version: FormVersion
    answers: Mapping[str, object]
    about: int | None = None
    relevant_until: datetime | None = None


class Conflict(Exception):
    """Somebody else changed the same answers meanwhile: ``keys`` are the questions both changed."""

    def __init__(self, keys: set[str]):
        super().__init__(f"{len(keys)} answers were changed meanwhile")
        self.keys = keys


def asked_keys(definition: Definition, answers: Mapping[str, object], context: Context = BUYER) -> set[str]:
    """The questions that are asked, given the answers."""
    values = {
        key: TYPES[definition.by_key[key].type].to_json(value)
        for key, value in answers.items()
        if key in definition.by_key
    }
    return {question.key for question in visible_questions(definition, values, context)}


def store(given: list[Given], *, organiser: Organiser, language: str, now: datetime) -> list[Response]:
    """Write responses with an answer row for every question of their version; five queries however many.

    System questions are not stored: the caller writes them to the contact or the ticket. Limited choices
    are the caller's to claim, last in its transaction (``limited.claim`` with ``taken``).
    """
    made = Response.objects.bulk_create(
        [
            Response(
                organiser=organiser,
                form_id=one.version.form_id,
                version=one.version,
                about_id=one.about,
                language=language,
                created_at=now,
                changed_at=now,
                relevant_until=one.relevant_until,
            )
            for one in given
        ]
    )
    rows = _rows_by_key({one.version.form_id for one in given})
    answers, several = [], []
    for response, one in zip(made, given, strict=True):
        definition = definitions.of_version(one.version)
        asked = asked_keys(definition, one.answers)
        for question in stored_questions(definition):
            field, choices = rows[one.version.form_id, question.key]
            answer = _answer(
                response, field, question, one.answers.get(question.key), question.key in asked, choices
            )
            answers.append(answer)
            if TYPES[question.type].column == "choices" and answer.state == Answer.State.ANSWERED:
                several.append(
                    (answer, [choices[key].pk for key in one.answers[question.key] if key in choices])
                )
    Answer.objects.bulk_create(answers)
    link = Answer.choices.through
    link.objects.bulk_create(
        [link(answer_id=answer.pk, choice_id=pk) for answer, ids in several for pk in ids]
    )
    return made


# Known fields that live on the ticket or the contact; a form only places them.
ELSEWHERE = frozenset({"first_name", "last_name", "email"})


def stored_questions(definition: Definition) -> list[Question]:
    """The questions whose answers are rows: neither static text nor what lives on the ticket or the contact."""
    return [
        question
        for question in definition.questions
        if TYPES[question.type].answers and question.system_ref not in ELSEWHERE
    ]


def _rows_by_key(form_ids: set[int]) -> dict[tuple[int, str], tuple[Field, dict[str, Choice]]]:
    fields = Field.objects.filter(form_id__in=form_ids).prefetch_related("choices")
    return {
        (field.form_id, field.key): (field, {choice.key: choice for choice in field.choices.all()})
        for field in fields
    }


def _answer(
    response: Response,
    field: Field,
    question: Question,
    value: object,
    asked: bool,
    choices: Mapping[str, Choice],
) -> Answer:
    if not asked or question.visibility == "hidden":
        return Answer(response=response, field=field, state=Answer.State.NOT_ASKED)
    if value is None:
        return Answer(response=response, field=field, state=Answer.State.BLANK)
    answer = Answer(response=response, field=field, state=Answer.State.ANSWERED)
    column = TYPES[question.type].column
    if column == "v_choice":
        answer.v_choice = choices[str(value)]
    elif column != "choices":
        setattr(answer, column, value)
    return answer


def taken(responses_or_given: list[Given]) -> Counter:
    """Choice id -> how many places these answers take: for ``limited.claim``."""
    rows = _rows_by_key({one.version.form_id for one in responses_or_given})
    counted: Counter = Counter()
    for one in responses_or_given:
        for key, value in one.answers.items():
            found = rows.get((one.version.form_id, key))
            if found is None:
                continue
            for choice_key in value if isinstance(value, list) else [value]:
                choice = found[1].get(choice_key) if isinstance(choice_key, str) else None
                if choice is not None and choice.capacity is not None:
                    counted[choice.pk] += 1
    return counted


def read(response: Response) -> dict[str, object]:
    """Key -> value as it was given, for answered questions; two queries."""
    found = {}
    for answer in response.answers.select_related("field", "v_choice").prefetch_related("choices"):
        if answer.state == Answer.State.ANSWERED:
            found[answer.field.key] = value_of(answer)
    return found


def value_of(answer: Answer) -> object:
    """The value of an answered row, as its type gives it."""
    column = TYPES[answer.field.type].column
    if column == "choices":
        return [
            choice.key
            for choice in sorted(answer.choices.all(), key=lambda choice: (choice.position, choice.pk))
        ]
    if column == "v_choice":
        return answer.v_choice.key
    return getattr(answer, column)


@transaction.atomic
def change(
    response: Response, answers: Mapping[str, object], *, revision: int, by, source: str, now: datetime
) -> list[str]:
    """Store new answers to a response seen at ``revision``; returns the keys that changed.

    Another editor's changes meanwhile are kept where this one changed nothing; where both did, Conflict and
    nothing has changed. Every change stands in the answer's history. Raises limited.ChoiceSoldOut.
    """
    locked = Response.objects.select_for_update(of=("self",)).select_related("version").get(pk=response.pk)
    definition = definitions.of_version(locked.version)
    before = read(locked)
    changed = {key for key in {*before, *answers} if before.get(key) != answers.get(key)}
    if locked.revision != revision:
        since = AnswerHistory.objects.filter(response=locked, at__gte=response.changed_at).values_list(
            "field__key", flat=True
        )
        if both := changed & set(since):
            raise Conflict(both)
    if not changed:
        return []
    asked = asked_keys(definition, answers)
    rows = _rows_by_key({locked.form_id})
    for key in sorted(changed):
        question = definition.question(key)
        if question is None or question.system_ref in ELSEWHERE:
            continue
        field, choices = rows[locked.form_id, key]
        _write(locked, field, question, answers.get(key), key in asked, choices)
        kind = TYPES[question.type]
        AnswerHistory.objects.create(
            response=locked,
            field=field,
            at=now,
            by=by,
            source=source,
            old=kind.to_json(before.get(key)),
            new=kind.to_json(answers.get(key)),
        )
    _turn(locked, definition, before, answers)
    Response.objects.filter(pk=locked.pk).update(revision=locked.revision + 1, changed_at=now)
    _move_places(locked, before, answers)
    return sorted(changed)


def _turn(
    response: Response, definition: Definition, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    """Questions without an answer that a condition now shows or hides say so."""
    was, now = asked_keys(definition, before), asked_keys(definition, after)
    blank, not_asked = Answer.State.BLANK, Answer.State.NOT_ASKED
    for keys, old, new in ((now - was, not_asked, blank), (was - now, blank, not_asked)):
        Answer.objects.filter(response=response, field__key__in=keys, state=old).update(state=new)


def _write(
    response: Response,
    field: Field,
    question: Question,
    value: object,
    asked: bool,
    choices: Mapping[str, Choice],
) -> None:
    answer = _answer(response, field, question, value, asked, choices)
    row, _made = Answer.objects.update_or_create(
        response=response,
        field=field,
        defaults={"state": answer.state, **{column: getattr(answer, column) for column in COLUMNS}},
    )
    if TYPES[question.type].column == "choices":
        row.choices.set([choices[key] for key in value or [] if key in choices])


def _move_places(response: Response, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    had = taken([Given(response.version, before)])
    wants = taken([Given(response.version, after)])
    limited.claim(None, wants - had)
    limited.give_back(had - wants)


def release(gone: QuerySet[Response]) -> None:
    """The orders or tickets these belong to are cancelled: limited choices are free again, exports leave them out.

    The answers stay for their time. A second call changes nothing.
    """
    ids = list(gone.filter(void=False).values_list("pk", flat=True))
    if not ids:
        return
    Response.objects.filter(pk__in=ids).update(void=True)
    single = Answer.objects.filter(response__in=ids, v_choice__capacity__isnull=False).values_list(
        "v_choice", flat=True
    )
    several = Answer.choices.through.objects.filter(answer__response__in=ids, choice__capacity__isnull=False)
    limited.give_back(Counter([*single, *several.values_list("choice", flat=True)]))
