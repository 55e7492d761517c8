"""The list of answers to one form: filtered, counted, in pages, with a fixed number of queries."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Q, QuerySet, Value

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
# Of so many responses all ids are read; of more, only those of the first pages.
MANY = 5000
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


@dataclass(frozen=True)
class Found:
    """The responses that match.

    ``first``: the ids of the first ones in the wanted order, of all if there are at most MANY. ``rows``: all, in that order.
    ``cancelled``: the number of responses to ``form`` that the list leaves out because they are cancelled, if that is all it
    leaves out; else None. ``counted``: the number of all others, read with it.
    """

    form: RegistrationForm
    rows: QuerySet[Response]
    first: list[int]
    cancelled: int | None
    counted: int | None = None

    @cached_property
    def total(self) -> int:
        """The number of responses that match; a query if there are many."""
        if len(self.first) <= MANY:
            return len(self.first)
        return self.rows.order_by().count() if self.counted is None else self.counted

    def at(self, path: str) -> Q:
        """Return the condition for rows whose ``path`` leads to one of the responses."""
        if len(self.first) <= MANY:
            return Q(**{path: _AnyOf(self.first)})
        return Q(**{f"{path}__in": self.rows.order_by().values("pk")})


class _AnyOf(Value):
    """A lookup value for ``filter(response=_AnyOf(ids))``: one query parameter for any number of ids."""

    def as_sql(self, compiler, connection):
        return "ANY(%s)", [self.value]


def found(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> Found:
    """Return the responses that match. Pages and counts start from there. At most two queries."""
    rows = in_order(fitting(form, wanted, columns), form, wanted, columns)
    first = list(rows.values_list("pk", flat=True)[: MANY + 1])
    if wanted.narrows:
        return Found(form, rows, first, None)
    numbers = dict(form.responses.order_by().values_list("void").annotate(Count("pk")))
    return Found(form, rows, first, numbers.get(True, 0), numbers.get(False, 0))


def ids_of(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> list[int]:
    """Return the ids of all responses that match."""
    return list(fitting(form, wanted, columns).values_list("pk", flat=True))


# --- one page ----------------------------------------------------------------------------------------------
def page(form: RegistrationForm, responses_found: Found, columns: list[Column], number: str | None) -> Page:
    """Return a page of rows. Three queries, and one more for a page after the first MANY rows."""
    here = page_of(responses_found.first, number, SIZE)
    if len(responses_found.first) > MANY and not here.has_next:
        here = page_of(responses_found.rows.values_list("pk", flat=True), number, SIZE)
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
    holder = next((row for row in holders if row is not None), None)
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
def counts(responses_found: Found, columns: list[Column]) -> list[Counted]:
    """Return how often each choice was taken, for each question with choices. At most five queries.

    If the list leaves out nothing but cancelled responses, answers are counted without looking at their responses, and those
    of the cancelled ones are subtracted: they are few, and a form may have a hundred thousand responses.
    """
    counted_columns = [column for column in columns if column.question.type in COUNTED]
    if not counted_columns:
        return []
    fields = [column.field_id for column in counted_columns]
    choices = Choice.objects.filter(field__in=fields).values_list("pk", "field", "key")
    keys = {pk: (field_id, key) for pk, field_id, key in choices}
    if responses_found.cancelled is None:
        numbers = _numbers(counted_columns, keys, responses_found.at)
    else:
        numbers = _numbers(counted_columns, keys, lambda _path: Q())
        if responses_found.cancelled:
            form = responses_found.form
            void = lambda path: Q(**{f"{path}__form": form, f"{path}__void": True})  # noqa: E731
            numbers.subtract(_numbers(counted_columns, keys, void))
    return [Counted(column.question, _choices(column, numbers)) for column in counted_columns]


def _numbers(
    columns: list[Column], keys: dict[int, tuple[int, str]], condition: Callable[[str], Q]
) -> Counter[tuple[int, object]]:
    """Return (field id, choice key or boolean) -> how often it was taken. Two queries.

    ``keys``: choice id -> its field id and key; ``condition``: returns the condition for rows whose path leads to a response that counts.
    """
    numbers: Counter[tuple[int, object]] = Counter()
    consents = {column.field_id for column in columns if column.question.type == "consent"}
    several = [column.field_id for column in columns if TYPES[column.question.type].column == "choices"]
    single = [column.field_id for column in columns if column.field_id not in several]
    given = Answer.objects.filter(condition("response"), field__in=single).order_by()
    grouped = given.values_list("field", "state", "v_choice", "v_bool").annotate(Count("pk"))
    for field_id, state, choice, yes, number in grouped if single else ():
        if choice is not None:
            numbers[keys[choice]] += number
        elif yes is not None:
            numbers[field_id, yes] += number
        elif field_id in consents and state == Answer.State.BLANK:
            # The box was shown and left without a tick.
            numbers[field_id, False] += number
    offered = [pk for pk, (field_id, _key) in keys.items() if field_id in several]
    links = Answer.choices.through.objects.filter(condition("answer__response"), choice__in=offered)
    chosen = links.order_by().values_list("choice").annotate(Count("pk"))
    for choice, number in chosen if several else ():
        numbers[keys[choice]] += number
    return numbers


def _choices(column: Column, counted: Counter[tuple[int, object]]) -> list[tuple[str, int, bool]]:
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


def missing(responses_found: Found, columns: list[Column]) -> list[tuple[Question, int]]:
    """Return for each mandatory question how many responses lack an answer, if any do. At most two queries."""
    owed = owed_columns(columns)
    if not owed:
        return []
    # Nothing is owed in a response whose answers were erased.
    owing = Response.objects.filter(responses_found.at("pk"), erased_on=None)
    settled = Answer.objects.filter(
        response__in=owing.values("pk"), field__in=[column.field_id for column in owed], state__in=SETTLED
    )
    there = dict(settled.order_by().values_list("field").annotate(Count("pk")))
    total = owing.count()
    lacking = [(column.question, total - there.get(column.field_id, 0)) for column in owed]
    return [(question, number) for question, number in lacking if number > 0]
