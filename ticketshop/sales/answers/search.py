"""The list of answers to one form: filtered, counted, in pages, with a fixed number of queries."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet, Value

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.definitions import Option, Question
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, Choice, RegistrationForm, Response
from ticketshop.lib.web.pages import Page, page_of

from ..admission_lists import WITH_PASS, WITH_TICKET
from ..models import Admission, Order
from .search_filters import HOLDERS, SETTLED, Column, Wanted, fitting, in_order, owed_columns

SIZE = 50
COUNTED = ("single_choice", "dropdown", "multiple_choice", "yes_no", "consent")


@dataclass(frozen=True)
class Row:
    """One response: its order or ticket, and (state, text) for every question of the list."""

    response: Response
    order: Order | None
    admission: Admission | None
    cells: list[tuple[int | None, str]]


@dataclass(frozen=True)
class Counted:
    """The counts of a question's choices: (label, count, whether it is still offered)."""

    question: Question
    choices: list[tuple[str, int, bool]]


def found(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> list[int]:
    """Return the ids of the responses that match, in the wanted order. Pages and counts start from this list."""
    rows = in_order(fitting(form, wanted, columns), form, wanted, columns)
    return list(rows.values_list("pk", flat=True))


# --- one page ----------------------------------------------------------------------------------------------
def page(form: RegistrationForm, ids: list[int], columns: list[Column], number: str | None) -> Page:
    """Return a page of rows. Three queries."""
    here = page_of(ids, number, SIZE)
    read = Response.objects.filter(pk__in=here.rows).select_related("version", *_joins(form))
    by_id = {response.pk: response for response in read.defer("version__definition")}
    answers: dict[int, dict[str, Answer]] = {pk: {} for pk in here.rows}
    given = Answer.objects.filter(response__in=here.rows, field__in=[column.field_id for column in columns])
    for answer in given.select_related("field", "v_choice").prefetch_related("choices"):
        answers[answer.response_id][answer.field.key] = answer
    made = [_row(form, by_id[pk], answers[pk], columns) for pk in here.rows if pk in by_id]
    return Page(made, here.number, here.has_next)


def _joins(form: RegistrationForm) -> list[str]:
    return [join for path in HOLDERS[form.kind] for join in _joins_of(path)]


def _joins_of(path: str) -> list[str]:
    """Return the related rows to load with an order, a ticket or a pass."""
    shown = {"order_response": ("order__buyer",), "ticket": WITH_TICKET}.get(path, WITH_PASS)
    return [f"{path}__order", *(f"{path}__{join}" for join in shown)]


def _row(form: RegistrationForm, response: Response, given: dict[str, Answer], columns: list[Column]) -> Row:
    holders = [getattr(response, path, None) for path in HOLDERS[form.kind]]
    holder = next((one for one in holders if one is not None), None)
    order = holder.order if holder is not None else None
    admission = holder if isinstance(holder, Admission) else None
    cells = [_cell(column, given.get(column.key), response.version.number) for column in columns]
    return Row(response, order, admission, cells)


def _cell(column: Column, answer: Answer | None, version: int) -> tuple[int | None, str]:
    """Return (state, text). Without an answer row, the question is newer than the response, or was archived when
    it was given.
    """
    question = column.question
    if answer is None:
        return Answer.State.ADDED_LATER if version < column.since else Answer.State.NOT_ASKED, ""
    if answer.state == Answer.State.BLANK and question.type == "consent":
        return answer.state, TYPES["consent"].display(question, False)
    if answer.state != Answer.State.ANSWERED:
        return answer.state, ""
    return answer.state, TYPES[question.type].display(question, responses.value_of(answer))


# --- counts ------------------------------------------------------------------------------------------------
class _AnyOf(Value):
    """A lookup value for ``filter(response=_AnyOf(ids))``: one query parameter for any number of ids."""

    def as_sql(self, compiler, connection):
        return "ANY(%s)", [self.value]


def counts(ids: list[int], columns: list[Column]) -> list[Counted]:
    """Return how often each choice was taken, for each question with choices. A query for each kind of answer,
    and one for the choices.
    """
    counted_columns = [column for column in columns if column.question.type in COUNTED]
    by_way: dict[str, list[int]] = {}
    for column in counted_columns:
        by_way.setdefault(TYPES[column.question.type].column, []).append(column.field_id)
    keys = dict(
        Choice.objects.filter(field__in=[column.field_id for column in counted_columns]).values_list(
            "pk", "key"
        )
    )
    counted: dict[tuple[int, object], int] = {}
    for way, fields in by_way.items():
        for field_id, value, number in _grouped(ids, way, fields):
            counted[field_id, value if way == "v_bool" else keys[value]] = number
    consents = [column.field_id for column in counted_columns if column.question.type == "consent"]
    if consents:
        left = Answer.objects.filter(response=_AnyOf(ids), field__in=consents, state=Answer.State.BLANK)
        for field_id, number in left.order_by().values_list("field").annotate(Count("pk")):
            counted[field_id, False] = number
    return [Counted(column.question, _choices(column, counted)) for column in counted_columns]


def _grouped(ids: list[int], way: str, fields: list[int]) -> QuerySet:
    """Return (field id, choice id or boolean, number), grouped by ids alone, without a join."""
    if way == "choices":
        given = Answer.choices.through.objects.filter(answer__field__in=fields, answer__response=_AnyOf(ids))
        return given.order_by().values_list("answer__field", "choice").annotate(number=Count("pk"))
    given = Answer.objects.filter(response=_AnyOf(ids), field__in=fields, **{f"{way}__isnull": False})
    return given.order_by().values_list("field", way).annotate(number=Count("pk"))


def _choices(column: Column, counted: dict[tuple[int, object], int]) -> list[tuple[str, int, bool]]:
    question, number = column.question, column.field_id
    if question.options:
        return [
            (label_of(option), counted.get((number, option.key), 0), option.active)
            for option in question.options
        ]
    return [
        (TYPES[question.type].display(question, value), counted.get((number, value), 0), True)
        for value in (True, False)
    ]


def label_of(option: Option) -> str:
    """Return the text of a choice or of yes and no."""
    return definitions.text_in(option.labels) or option.key


def missing(ids: list[int], columns: list[Column]) -> list[tuple[Question, int]]:
    """Return for each mandatory question how many responses lack an answer, if any do. Two queries."""
    owed = owed_columns(columns)
    if not owed:
        return []
    erased = Response.objects.filter(pk=_AnyOf(ids), erased_on__isnull=False)
    ids = sorted(set(ids) - set(erased.values_list("pk", flat=True)))
    settled = Answer.objects.filter(
        response=_AnyOf(ids), field__in=[column.field_id for column in owed], state__in=SETTLED
    )
    there = dict(settled.order_by().values_list("field").annotate(Count("pk")))
    lacking = [(column.question, len(ids) - there.get(column.field_id, 0)) for column in owed]
    return [(question, number) for question, number in lacking if number > 0]
