"""Verbs of responses: store the answers of a block, read them back. See ``changing`` for changes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from ticketshop.organisers.models import Organiser

from .. import definitions
from ..conditions import BUYER, Context, visible_questions
from ..definitions import STORED_ELSEWHERE, Definition, Question
from ..field_types import TYPES
from ..models import Answer, Choice, Field, FormVersion, Response
from . import limited_choices

COLUMNS = ("v_text", "v_number", "v_date", "v_datetime", "v_time", "v_bool", "v_choice")
FieldRows = Mapping[tuple[int, str], tuple[Field, dict[str, Choice]]]


@dataclass(frozen=True)
class NewResponse:
    """The answers to one form: key -> value as the field types give it, for visible questions only.

    ``about``: the id of the contact they are about; of the buyer where nobody was chosen. ``later``: the form was given to
    something that was sold already, and nobody was asked yet.
    """

    version: FormVersion
    answers: Mapping[str, object]
    about: int
    relevant_until: datetime | None = None
    later: bool = False


def asked_keys(definition: Definition, answers: Mapping[str, object], context: Context = BUYER) -> set[str]:
    """The questions that are asked, given the answers."""
    values = {
        key: TYPES[definition.by_key[key].type].to_json(value)
        for key, value in answers.items()
        if key in definition.by_key
    }
    return {question.key for question in visible_questions(definition, values, context)}


def store(given: list[NewResponse], *, organiser: Organiser, language: str, now: datetime) -> list[Response]:
    """Write responses with an answer row for every question of their version; five queries however many.

    System questions are not stored: the caller writes them to the contact or the ticket. The places of choices
    are reserved by the caller, last in its transaction (``limited_choices.reserve`` with ``chosen``).
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
    rows = rows_by_key({one.version.form_id for one in given})
    answers, several = [], []
    for response, one in zip(made, given, strict=True):
        response.chosen = []
        definition = definitions.of_version(one.version)
        asked = asked_keys(definition, one.answers)
        for question in stored_questions(definition):
            field, choices = rows[one.version.form_id, question.key]
            answer = new_answer(
                response, field, question, one.answers.get(question.key), question.key in asked, choices
            )
            if one.later and answer.state == Answer.State.BLANK:
                answer.state = Answer.State.ADDED_LATER
            answers.append(answer)
            if answer.v_choice_id:
                response.chosen.append(answer.v_choice_id)
            elif TYPES[question.type].column == "choices" and answer.state == Answer.State.ANSWERED:
                ids = [choices[key].pk for key in one.answers[question.key] if key in choices]
                several.append((answer, ids))
                response.chosen += ids
    Answer.objects.bulk_create(answers)
    link = Answer.choices.through
    link.objects.bulk_create(
        [link(answer_id=answer.pk, choice_id=pk) for answer, ids in several for pk in ids]
    )
    return made


def stored_questions(definition: Definition) -> list[Question]:
    """The questions whose answers are rows: neither static text nor what lives on the ticket or the contact."""
    return [
        question
        for question in definition.questions
        if TYPES[question.type].answers and question.system_ref not in STORED_ELSEWHERE
    ]


def rows_by_key(form_ids: Iterable[int]) -> FieldRows:
    """(form id, key) -> the field, and its choices by their keys; two queries."""
    fields = Field.objects.filter(form_id__in=form_ids).prefetch_related("choices")
    return {
        (field.form_id, field.key): (field, {choice.key: choice for choice in field.choices.all()})
        for field in fields
    }


def new_answer(
    response: Response,
    field: Field,
    question: Question,
    value: object,
    asked: bool,
    choices: Mapping[str, Choice],
) -> Answer:
    """The row for one question, not yet written; several choices are set once it is."""
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


def chosen(stored: Iterable[Response]) -> Counter:
    """Choice id -> how often the answers of responses that ``store`` has just written choose it."""
    return Counter(pk for response in stored for pk in response.chosen)


def places(rows: FieldRows, form_id: int, answers: Mapping[str, object]) -> Counter:
    """Choice id -> how many places one form's answers take."""
    counted: Counter = Counter()
    for key, value in answers.items():
        found = rows.get((form_id, key))
        if found is None:
            continue
        for choice_key in value if isinstance(value, list) else [value]:
            choice = found[1].get(choice_key) if isinstance(choice_key, str) else None
            if choice is not None:
                counted[choice.pk] += 1
    return counted


def read(response: Response) -> dict[str, object]:
    """Key -> value as it was given, for answered questions; two queries."""
    return {key: value_of(answer) for key, answer in answers_of([response.pk])[response.pk].items()}


def answers_of(response_ids: Iterable[int]) -> dict[int, dict[str, Answer]]:
    """Response id -> key -> the answer, for answered questions; two queries however many."""
    found: dict[int, dict[str, Answer]] = {pk: {} for pk in response_ids}
    given = Answer.objects.filter(response__in=found, state=Answer.State.ANSWERED)
    for answer in given.select_related("field", "v_choice", "version").prefetch_related("choices"):
        found[answer.response_id][answer.field.key] = answer
    return found


def question_of(answer: Answer, response: Response) -> Question | None:
    """The question in the words it was answered under; ``response`` with its version."""
    version = answer.version or response.version
    return definitions.of_version(version).question(answer.field.key)


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


def reactivate(returned: QuerySet[Response]) -> None:
    """An order that had ended comes back to life: its limited choices are taken again. Raises limited_choices.ChoiceSoldOut."""
    ids = list(returned.filter(void=True).values_list("pk", flat=True))
    if ids:
        limited_choices.reserve(None, _choices_of(ids))
        Response.objects.filter(pk__in=ids).update(void=False)


def _choices_of(ids: list[int]) -> Counter:
    """Choice id -> how often it was taken in these responses."""
    single = Answer.objects.filter(response__in=ids, v_choice__isnull=False).values_list(
        "v_choice", flat=True
    )
    several = Answer.choices.through.objects.filter(answer__response__in=ids)
    return Counter([*single, *several.values_list("choice", flat=True)])


def cancel(gone: QuerySet[Response]) -> None:
    """The orders or tickets these belong to are cancelled: limited choices are free again, exports leave them out.

    The answers stay for their time. A second call changes nothing.
    """
    ids = list(gone.filter(void=False).values_list("pk", flat=True))
    if not ids:
        return
    Response.objects.filter(pk__in=ids).update(void=True)
    limited_choices.release(_choices_of(ids))
