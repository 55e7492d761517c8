"""The answers to one form, looked through: filtered, counted, page by page, in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value

from registration_forms import definitions, responses
from registration_forms.definitions import Option, Question
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, Choice, FormVersion, RegistrationForm, Response
from ticketshop.lib.pages import Page, page_of

from .admissions import WITH_PASS, WITH_TICKET
from .models import Admission, Order

SIZE = 50
# How a response of each kind is reached; a tariff form may be added to a pass.
HOLDERS = {
    RegistrationForm.Kind.ORDER: ("order_response",),
    RegistrationForm.Kind.TARIFF: ("ticket", "issued_pass_adding"),
    RegistrationForm.Kind.PASS: ("issued_pass",),
}
COUNTED = ("single_choice", "dropdown", "multiple_choice", "yes_no", "consent")
# An answer that is not there, and is no fault of anybody's. Where answers of a response were erased, nothing of it is owed.
SETTLED = (Answer.State.ANSWERED, Answer.State.NOT_ASKED, Answer.State.WAIVED, Answer.State.ERASED)


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to. ``answers``: key -> what an answer has to be (see ``_matches``)."""

    state: str = ""  # "" all but cancelled; "pending", "paid", "used", "cancelled" or "all"
    session: int | None = None
    tariff: int | None = None
    season_pass: int | None = None
    missing: str = ""  # the key of a mandatory question, or "any"
    answers: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Between:
    """From and until, both included; None: open."""

    first: date | Decimal | None
    last: date | Decimal | None


@dataclass(frozen=True)
class Column:
    """A question of the list, and the field its answers point to."""

    question: Question
    field_id: int

    @property
    def key(self) -> str:
        return self.question.key


@dataclass(frozen=True)
class Row:
    """One response: where it belongs to, and (state, text) for every question of the list."""

    response: Response
    order: Order | None
    admission: Admission | None
    cells: list[tuple[int | None, str]]


@dataclass(frozen=True)
class Counted:
    """How often each choice of a question was taken: (label, count, whether it is still offered)."""

    question: Question
    choices: list[tuple[str, int, bool]]


def columns_of(form: RegistrationForm, *, sensitive: bool) -> list[Column]:
    """What is asked now in its order, then what was asked before and has answers."""
    now = definitions.of_version(form.published) if form.published else None
    shown = {one.key: one for one in responses.stored_questions(now)} if now else {}
    fields = dict(form.fields.values_list("key", "pk"))
    answered = form.fields.exclude(key__in=shown).filter(Exists(Answer.objects.filter(field=OuterRef("pk"))))
    earlier = set(answered.values_list("key", flat=True))
    for version in FormVersion.objects.filter(form=form).order_by("-number") if earlier else ():
        for one in responses.stored_questions(definitions.of_version(version)):
            if one.key in earlier:
                shown.setdefault(one.key, one)
    return [Column(one, fields[one.key]) for one in shown.values() if sensitive or not one.sensitive]


def found(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> list[int]:
    """The ids of the responses that fit, the newest first: looked for once, then paged and counted."""
    return list(_fitting(form, wanted, columns).order_by("-pk").values_list("pk", flat=True))


def _fitting(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> QuerySet[Response]:
    rows = _in_state(Response.objects.filter(form=form), form, wanted.state)
    paths = HOLDERS[form.kind]
    if wanted.session:
        path = (
            "order_response__order__tickets__session"
            if form.kind == RegistrationForm.Kind.ORDER
            else "ticket__session"
        )
        rows = rows.filter(pk__in=Response.objects.filter(form=form, **{path: wanted.session}).values("pk"))
    if wanted.tariff:
        rows = rows.filter(ticket__line__offer__tariff=wanted.tariff)
    if wanted.season_pass:
        passes = [path for path in paths if path != "ticket"]
        rows = rows.filter(_any({f"{path}__season_pass": wanted.season_pass} for path in passes))
    by_key = {column.key: column for column in columns}
    chosen = _choice_ids([by_key[key] for key in wanted.answers])
    for key, value in wanted.answers.items():
        one = by_key[key]
        rows = rows.filter(_matches(one, chosen.get((one.field_id, value), value)))
    if wanted.missing:
        owed = [one for one in owed_columns(columns) if wanted.missing in ("any", one.key)]
        rows = rows.filter(_any_of([~Exists(_settled(one)) for one in owed]), erased_on=None)
    return rows


def _in_state(rows: QuerySet[Response], form: RegistrationForm, state: str) -> QuerySet[Response]:
    if state == "all":
        return rows
    rows = rows.filter(void=state == "cancelled")
    paths = HOLDERS[form.kind]
    if state in ("pending", "paid"):
        return rows.filter(_any({f"{path}__order__state": state} for path in paths))
    if state == "used" and form.kind != RegistrationForm.Kind.ORDER:
        return rows.filter(_any({f"{path}__state": state} for path in paths))
    return rows


def _any(lookups: Iterable[dict]) -> Q:
    return _any_of([Q(**one) for one in lookups])


def _any_of(conditions: list) -> Q:
    joined = Q(pk__in=[])
    for one in conditions:
        joined |= Q(one)
    return joined


def owed_columns(columns: list[Column]) -> list[Column]:
    """The mandatory questions of buyers."""
    return [one for one in columns if one.question.mandatory and not one.question.staff_only]


def _settled(one: Column) -> QuerySet[Answer]:
    return Answer.objects.filter(response=OuterRef("pk"), field=one.field_id, state__in=SETTLED)


def _choice_ids(columns: list[Column]) -> dict[tuple[int, object], int]:
    """(field id, key) -> choice id: the database knows how often an id occurs, and chooses its way by that."""
    fields = [one.field_id for one in columns if one.question.options]
    rows = Choice.objects.filter(field__in=fields).values_list("field", "key", "pk") if fields else ()
    return {(field_id, key): pk for field_id, key, pk in rows}


def _matches(one: Column, value: object) -> Q:
    """A choice by its id, yes or no as a boolean, a text that contains, or a range of days or numbers."""
    answers = Answer.objects.filter(response=OuterRef("pk"), field=one.field_id)
    column = TYPES[one.question.type].column
    if isinstance(value, Between):
        column = f"{column}__date" if column == "v_datetime" else column
        ends = {f"{column}__gte": value.first, f"{column}__lte": value.last}
        return Q(Exists(answers.filter(**{path: end for path, end in ends.items() if end is not None})))
    if column == "choices":
        return Q(Exists(answers.filter(choices=value)))
    return Q(
        Exists(
            answers.filter(**{column if column in ("v_choice", "v_bool") else f"{column}__icontains": value})
        )
    )


# --- one page ----------------------------------------------------------------------------------------------
def page(form: RegistrationForm, ids: list[int], columns: list[Column], number: str | None) -> Page:
    """A page of rows; three queries."""
    here = page_of(ids, number, SIZE)
    read = Response.objects.filter(pk__in=here.rows).select_related(*_joins(form)).order_by("-pk")
    answers: dict[int, dict[str, Answer]] = {pk: {} for pk in here.rows}
    given = Answer.objects.filter(response__in=here.rows, field__in=[one.field_id for one in columns])
    for answer in given.select_related("field", "v_choice").prefetch_related("choices"):
        answers[answer.response_id][answer.field.key] = answer
    made = [_row(form, response, answers[response.pk], columns) for response in read]
    return Page(made, here.number, here.has_next)


def _joins(form: RegistrationForm) -> list[str]:
    return [join for path in HOLDERS[form.kind] for join in _joins_of(path)]


def _joins_of(path: str) -> list[str]:
    """What is read along with an order, a ticket or a pass that was answered for."""
    shown = {"order_response": (), "ticket": WITH_TICKET}.get(path, WITH_PASS)
    return [f"{path}__order", *(f"{path}__{join}" for join in shown)]


def _row(form: RegistrationForm, response: Response, given: dict[str, Answer], columns: list[Column]) -> Row:
    holders = [getattr(response, path, None) for path in HOLDERS[form.kind]]
    holder = next((one for one in holders if one is not None), None)
    order = holder.order if holder is not None else None
    admission = holder if isinstance(holder, Admission) else None
    return Row(response, order, admission, [_cell(one.question, given.get(one.key)) for one in columns])


def _cell(question: Question, answer: Answer | None) -> tuple[int | None, str]:
    """(state, text); without a row the question is newer than the response."""
    if answer is None:
        return Answer.State.ADDED_LATER, ""
    if answer.state != Answer.State.ANSWERED:
        return answer.state, ""
    return answer.state, TYPES[question.type].display(question, responses.value_of(answer))


# --- counts ------------------------------------------------------------------------------------------------
class _AnyOf(Value):
    """``filter(response=_AnyOf(ids))``: one value for the database, however many ids."""

    def as_sql(self, compiler, connection):
        return "ANY(%s)", [self.value]


def counts(ids: list[int], columns: list[Column]) -> list[Counted]:
    """For each question with choices how often each was taken; a query for each way to answer, and the choices."""
    asked = [one for one in columns if one.question.type in COUNTED]
    by_way: dict[str, list[int]] = {}
    for one in asked:
        by_way.setdefault(TYPES[one.question.type].column, []).append(one.field_id)
    keys = dict(Choice.objects.filter(field__in=[one.field_id for one in asked]).values_list("pk", "key"))
    counted: dict[tuple[int, object], int] = {}
    for way, fields in by_way.items():
        for field_id, value, number in _grouped(ids, way, fields):
            counted[field_id, value if way == "v_bool" else keys[value]] = number
    return [Counted(one.question, _choices(one, counted)) for one in asked]


def _grouped(ids: list[int], way: str, fields: list[int]) -> QuerySet:
    """(field id, choice id or boolean, how often), grouped by the numbers alone: no row is joined to be counted."""
    if way == "choices":
        given = Answer.choices.through.objects.filter(answer__field__in=fields, answer__response=_AnyOf(ids))
        return given.order_by().values_list("answer__field", "choice").annotate(number=Count("pk"))
    given = Answer.objects.filter(response=_AnyOf(ids), field__in=fields, **{f"{way}__isnull": False})
    return given.order_by().values_list("field", way).annotate(number=Count("pk"))


def _choices(one: Column, counted: dict[tuple[int, object], int]) -> list[tuple[str, int, bool]]:
    question, number = one.question, one.field_id
    if question.options:
        return [
            (label_of(option), counted.get((number, option.key), 0), option.active)
            for option in question.options
        ]
    return [
        (TYPES[question.type].display(question, value), counted.get((number, value), 0), True)
        for value in ((True,) if question.type == "consent" else (True, False))
    ]


def label_of(option: Option) -> str:
    return definitions.text_in(option.labels) or option.key


def missing(ids: list[int], columns: list[Column]) -> list[tuple[Question, int]]:
    """How many lack an answer to each mandatory question, where some do; two queries."""
    owed = owed_columns(columns)
    if not owed:
        return []
    erased = Response.objects.filter(pk=_AnyOf(ids), erased_on__isnull=False)
    ids = sorted(set(ids) - set(erased.values_list("pk", flat=True)))
    settled = Answer.objects.filter(
        response=_AnyOf(ids), field__in=[one.field_id for one in owed], state__in=SETTLED
    )
    there = dict(settled.order_by().values_list("field").annotate(Count("pk")))
    lacking = [(one.question, len(ids) - there.get(one.field_id, 0)) for one in owed]
    return [(question, number) for question, number in lacking if number > 0]
