"""Store the answers of a form, and read them. The module ``changing`` changes stored answers."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Model, QuerySet, prefetch_related_objects

from contacts.models import Contact
from ticketshop.lib.database import writing
from ticketshop.lib.database.compiled import AnyOf, Compiled
from ticketshop.organisers.models import Organiser

from .. import definitions
from ..conditions import BUYER, Context, visible_questions
from ..definitions import STORED_ELSEWHERE, Definition, Question
from ..field_types import TYPES
from ..models import Answer, Choice, Field, FormVersion, Response
from . import limited_choices

COLUMNS = ("v_text", "v_number", "v_date", "v_datetime", "v_time", "v_bool", "v_choice")
FEW = 20
FieldRows = Mapping[tuple[int, str], tuple[Field, dict[str, Choice]]]


@dataclass(frozen=True)
class NewResponse:
    """The answers to one form, to be stored: key -> value as the field type gives it, for visible questions only.

    ``about`` is the contact that the answers are about, or its id; the buyer if no person was chosen. ``later`` is true for
    a form that was added to a ticket or pass after the sale, and that has no answers yet. ``waived``: keys of mandatory questions
    that ``waived_by``, a staff member, has skipped.
    """

    version: FormVersion
    answers: Mapping[str, object]
    about: Contact | int
    relevant_until: datetime | None = None
    later: bool = False
    waived: Collection[str] = ()
    waived_by: AbstractBaseUser | None = None


class Given(dict[str, Answer]):
    """The answered questions of one response: key -> answer. ``waived``: the same for mandatory questions that staff have skipped."""

    def __init__(self, *args):
        super().__init__(*args)
        self.waived: dict[str, Answer] = {}


def asked_keys(definition: Definition, answers: Mapping[str, object], context: Context = BUYER) -> set[str]:
    """Return the keys of the questions that the form asks, given the answers."""
    values = {
        key: TYPES[definition.by_key[key].type].to_json(value)
        for key, value in answers.items()
        if key in definition.by_key
    }
    return {question.key for question in visible_questions(definition, values, context)}


@dataclass(frozen=True)
class UnsavedResponses:
    """Responses with an answer row for every question of their version, and the chosen choices of multiple choices."""

    responses: list[Response]
    answers: list[Answer]
    multiple_choices: list[tuple[Answer, list[int]]]

    @property
    def rows(self) -> list[Model]:
        """Return the rows to insert, those of one model next to each other; not the answers if there are many."""
        return [*self.responses, *(self.answers if self._are_few else ())]

    @property
    def _are_few(self) -> bool:
        return len(self.answers) <= FEW

    def insert_rest(self) -> None:
        """Insert what is not among ``rows``: many answers, the choices of multiple choices. No query without these."""
        # ``bulk_create`` sends arrays, which suits many rows; generating its statement costs more than inserting a few.
        if not self._are_few:
            Answer.objects.bulk_create(self.answers)
        link = Answer.choices.through
        if self.multiple_choices:
            link.objects.bulk_create(
                [
                    link(answer_id=answer.pk, choice_id=pk)
                    for answer, ids in self.multiple_choices
                    for pk in ids
                ]
            )


def store(given: list[NewResponse], *, organiser: Organiser, language: str, now: datetime) -> list[Response]:
    """Create responses as ``new`` does, and insert them. Costs two queries, however many there are, and one more for
    multiple choices.

    The caller also reserves the places of limited choices, last in its transaction:
    ``limited_choices.reserve(key, responses.chosen(stored))``.
    """
    return insert(new(given, organiser=organiser, language=language, now=now))


def insert(unsaved: UnsavedResponses) -> list[Response]:
    """Insert responses alone, without other rows. Return them."""
    if unsaved.rows:
        writing.assign_keys(unsaved.rows)
        writing.insert(unsaved.rows)
        unsaved.insert_rest()
    return unsaved.responses


def new(given: list[NewResponse], *, organiser: Organiser, language: str, now: datetime) -> UnsavedResponses:
    """Return unsaved responses in the order of ``given``, with their answers, for callers that insert them together with
    other rows: ``writing.assign_keys(rows)``, ``writing.insert(rows)``, then ``insert_rest``.

    Values of known fields that are columns of the contact or the ticket are not among them: the caller writes them.
    """
    unsaved = UnsavedResponses(_new_responses(given, organiser, language, now), [], [])
    answers, multiple_choices = unsaved.answers, unsaved.multiple_choices
    for response, answered in zip(unsaved.responses, given, strict=True):
        response.chosen = []
        definition = definitions.of_version(answered.version)
        rows = _rows_of_version(answered.version.pk, answered.version.sha256, answered.version.form_id)
        asked = asked_keys(definition, answered.answers)
        for question in stored_questions(definition):
            field, choices = rows[answered.version.form_id, question.key]
            answer = new_answer(
                response, field, question, answered.answers.get(question.key), question.key in asked, choices
            )
            if answered.later and answer.state == Answer.State.BLANK:
                answer.state = Answer.State.ADDED_LATER
            if answer.state == Answer.State.BLANK and question.key in answered.waived:
                waive(answer, by=answered.waived_by, now=now)
            answers.append(answer)
            if answer.v_choice_id:
                response.chosen.append(answer.v_choice_id)
            elif TYPES[question.type].column == "choices" and answer.state == Answer.State.ANSWERED:
                ids = [choices[key].pk for key in answered.answers[question.key] if key in choices]
                multiple_choices.append((answer, ids))
                response.chosen += ids
    return unsaved


def _new_responses(
    given: list[NewResponse], organiser: Organiser, language: str, now: datetime
) -> list[Response]:
    return [
        Response(
            organiser=organiser,
            form_id=new.version.form_id,
            version=new.version,
            **({"about": new.about} if isinstance(new.about, Contact) else {"about_id": new.about}),
            language=language,
            created_at=now,
            changed_at=now,
            relevant_until=new.relevant_until,
        )
        for new in given
    ]


def stored_questions(definition: Definition) -> list[Question]:
    """Return the questions whose answers are rows: no static texts, and no columns of the ticket or the contact."""
    return [
        question
        for question in definition.questions
        if TYPES[question.type].answers and question.system_ref not in STORED_ELSEWHERE
    ]


_OF_FIELD, _OF_CHOICE = ("id", "form_id", "key", "type"), ("id", "field_id", "key")
_FIELDS = Compiled(
    lambda: (
        QuerySet(Field)  # not the translating manager: columns stay in the order in which they are named
        .filter(form=AnyOf("forms"))
        .order_by()
        .values_list("form_id", "pk", "key", "type", "choices__pk", "choices__key")
    )
)


def rows_by_key(form_ids: Iterable[int]) -> FieldRows:
    """Return (form id, key) -> the field, and its choices by key, with their ids, keys and types only; one query."""
    rows: dict[tuple[int, str], tuple[Field, dict[str, Choice]]] = {}
    for form, field, key, kind, choice, choice_key in _FIELDS.rows(forms=list(form_ids)):
        if (form, key) not in rows:
            rows[form, key] = (Field.from_db("default", _OF_FIELD, [field, form, key, kind]), {})
        if choice is not None:
            rows[form, key][1][choice_key] = Choice.from_db(
                "default", _OF_CHOICE, [choice, field, choice_key]
            )
    return rows


@lru_cache(maxsize=512)
def _rows_of_version(version_id: int, sha: str, form_id: int) -> FieldRows:
    """Return ``rows_by_key`` for the questions of a published version, which keep their rows. Cached, as their definition is."""
    return rows_by_key([form_id])


def new_answer(
    response: Response,
    field: Field,
    question: Question,
    value: object,
    asked: bool,
    choices: Mapping[str, Choice],
) -> Answer:
    """Return the unsaved row for one question. The caller adds the choices of a multiple choice after saving."""
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


def waive(answer: Answer, *, by, now: datetime) -> None:
    """Mark the unsaved answer to a mandatory question as skipped by a staff member."""
    answer.state, answer.waived_at, answer.waived_by = Answer.State.WAIVED, now, by


def chosen(stored: Iterable[Response]) -> Counter:
    """Return choice id -> number of times that responses just written by ``store`` choose it."""
    return Counter(pk for response in stored for pk in response.chosen)


def places(rows: FieldRows, form_id: int, answers: Mapping[str, object]) -> Counter:
    """Return choice id -> number of places that the answers to one form take."""
    counted: Counter = Counter()
    for key, value in answers.items():
        row = rows.get((form_id, key))
        if row is None:
            continue
        for choice_key in value if isinstance(value, list) else [value]:
            choice = row[1].get(choice_key) if isinstance(choice_key, str) else None
            if choice is not None:
                counted[choice.pk] += 1
    return counted


def read(response: Response) -> dict[str, object]:
    """Return key -> value as the field type gives it, for answered questions; two queries."""
    return {key: value_of(answer) for key, answer in answers_of([response.pk])[response.pk].items()}


def answers_of(response_ids: Iterable[int]) -> dict[int, Given]:
    """Return response id -> key -> answer, for answered questions, and beside them those that staff have skipped.

    One query, and another one where there are multiple choices, however many responses.
    """
    answers = {pk: Given() for pk in response_ids}
    rows = _ANSWERED.all(responses=list(answers))
    for answer in rows:
        given = answers[answer.response_id]
        (given.waived if answer.state == Answer.State.WAIVED else given)[answer.field.key] = answer
    prefetch_related_objects(
        [answer for answer in rows if TYPES[answer.field.type].column == "choices"], "choices"
    )
    return answers


_ANSWERED = Compiled(
    lambda: (
        Answer.objects.filter(
            response=AnyOf("responses"), state__in=(Answer.State.ANSWERED, Answer.State.WAIVED)
        )
        .select_related("field", "v_choice", "version")
        .defer("version__definition")
        .order_by("pk")
    )
)


def question_of(answer: Answer, response: Response) -> Question | None:
    """Return the question in the wording under which it was answered, or None if that version lacks it.

    ``response`` comes with its version.
    """
    version = answer.version or response.version
    return definitions.of_version(version).question(answer.field.key)


def value_of(answer: Answer) -> object:
    """Return the value of an answered row, as its field type gives it."""
    column = TYPES[answer.field.type].column
    if column == "choices":
        return [
            choice.key
            for choice in sorted(answer.choices.all(), key=lambda choice: (choice.position, choice.pk))
        ]
    if column == "v_choice":
        return answer.v_choice.key
    return getattr(answer, column)


def reactivate(rows: QuerySet[Response]) -> None:
    """Make cancelled responses valid again and reserve their limited choices. Raise ``limited_choices.ChoiceSoldOut``."""
    ids = list(rows.filter(void=True).values_list("pk", flat=True))
    if ids:
        limited_choices.reserve(None, _choices_of(ids))
        Response.objects.filter(pk__in=ids).update(void=False)


def _choices_of(ids: list[int]) -> Counter:
    """Return choice id -> number of places that these responses take."""
    single = Answer.objects.filter(response__in=ids, v_choice__isnull=False).values_list(
        "v_choice", flat=True
    )
    several = Answer.choices.through.objects.filter(answer__response__in=ids)
    return Counter([*single, *several.values_list("choice", flat=True)])


def cancel(rows: QuerySet[Response]) -> None:
    """Mark responses of cancelled orders or tickets as void and release their limited choices.

    The answers stay for their retention time; exports leave them out. A second call changes nothing.
    """
    ids = list(rows.filter(void=False).values_list("pk", flat=True))
    if not ids:
        return
    Response.objects.filter(pk__in=ids).update(void=True)
    limited_choices.release(_choices_of(ids))


def replace(former: Response | None, stored: Response | None) -> None:
    """Mark the former answers of a ticket as void, and let the limited choices follow to those just ``stored``.

    Raise ``limited_choices.ChoiceSoldOut``.
    """
    had: Counter = Counter()
    if former is not None and Response.objects.filter(pk=former.pk, void=False).update(void=True):
        had = _choices_of([former.pk])
    limited_choices.move(had, chosen([stored] if stored else []))
