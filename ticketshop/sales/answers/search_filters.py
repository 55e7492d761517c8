"""Filters and order of the list of a form's answers: states, dates, tariffs, missing answers, values of answers.

The list and the export of the same answers use one ``Wanted``; the export stores it as JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.building import versions
from registration_forms.definitions import Question
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, Choice, FormVersion, RegistrationForm, Response
from ticketshop.catalogue.models import SeasonPass, Session, Tariff

from ..models import Order

# Paths from a response of each kind to its order; a tariff form may also be an extra form of a pass.
HOLDERS = {
    RegistrationForm.Kind.ORDER: ("order_response",),
    RegistrationForm.Kind.TARIFF: ("ticket", "issued_pass_adding"),
    RegistrationForm.Kind.PASS: ("issued_pass",),
}
# Answers that may be missing. Nothing is owed in a response whose answers were erased.
SETTLED = (Answer.State.ANSWERED, Answer.State.NOT_ASKED, Answer.State.WAIVED, Answer.State.ERASED)


@dataclass(frozen=True)
class Wanted:
    """The filters of the list. ``answers``: question key -> condition on the answer (see ``_matches``)."""

    state: str = ""  # "" all but cancelled; "pending", "paid", "used", "cancelled" or "all"
    session: int | None = None
    tariff: int | None = None
    season_pass: int | None = None
    missing: str = ""  # the key of a mandatory question, or "any"
    answers: dict[str, object] = field(default_factory=dict)
    sort: str = ""  # "" the newest answers first; "oldest", "name", "session", or the key of a question

    @property
    def narrows(self) -> bool:
        """Return whether the filters leave out rows that the list shows by default."""
        return self != Wanted(sort=self.sort)


@dataclass(frozen=True)
class Between:
    """A range, both ends included; None for an open end."""

    first: date | Decimal | None
    last: date | Decimal | None


@dataclass(frozen=True)
class Contains:
    """A text that an answer contains."""

    text: str


@dataclass(frozen=True)
class Column:
    """A question of the list, with the field that its answers point to."""

    question: Question
    field_id: int
    since: int = 0  # the number of the first version that had it

    @property
    def key(self) -> str:
        """Return the key of the question."""
        return self.question.key


def columns_of(form: RegistrationForm, *, sensitive: bool) -> list[Column]:
    """Return the questions of today in their order, then earlier ones that have answers."""
    now = definitions.of_version(form.published) if form.published else None
    shown = {question.key: question for question in responses.stored_questions(now)} if now else {}
    fields = dict(form.fields.values_list("key", "pk"))
    answered = form.fields.exclude(key__in=shown).filter(Exists(Answer.objects.filter(field=OuterRef("pk"))))
    earlier = set(answered.values_list("key", flat=True))
    for version in FormVersion.objects.filter(form=form).order_by("-number") if earlier else ():
        for question in responses.stored_questions(definitions.of_version(version)):
            if question.key in earlier:
                shown.setdefault(question.key, question)
    since = versions.first_asked([form.pk])
    return [
        Column(question, fields[question.key], since.get((form.pk, question.key), 0))
        for question in shown.values()
        if sensitive or not question.sensitive
    ]


def fitting(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> QuerySet[Response]:
    """Return the responses to the form that match the filters, unordered."""
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
        column = by_key[key]
        rows = rows.filter(_matches(column, chosen.get((column.field_id, value), value)))
    if wanted.missing:
        owed = [column for column in owed_columns(columns) if wanted.missing in ("any", column.key)]
        rows = rows.filter(_any_of([~Exists(_settled(column)) for column in owed]), erased_on=None)
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
    return _any_of([Q(**lookup) for lookup in lookups])


def _any_of(conditions: list) -> Q:
    joined = Q(pk__in=[])
    for condition in conditions:
        joined |= Q(condition)
    return joined


def owed_columns(columns: list[Column]) -> list[Column]:
    """Return the mandatory questions for buyers."""
    return [column for column in columns if column.question.mandatory and not column.question.staff_only]


def _settled(column: Column) -> QuerySet[Answer]:
    return Answer.objects.filter(response=OuterRef("pk"), field=column.field_id, state__in=SETTLED)


def _choice_ids(columns: list[Column]) -> dict[tuple[int, object], int]:
    """Return (field id, choice key) -> choice id. With ids, PostgreSQL has statistics to choose a plan by."""
    fields = [column.field_id for column in columns if column.question.options]
    rows = Choice.objects.filter(field__in=fields).values_list("field", "key", "pk") if fields else ()
    return {(field_id, key): pk for field_id, key, pk in rows}


def _matches(one: Column, value: object) -> Q:
    """Return a condition: a choice by its id, yes or no as a boolean, a text that contains, or a range of days
    or numbers.
    """
    answers = Answer.objects.filter(response=OuterRef("pk"), field=one.field_id)
    column = TYPES[one.question.type].column
    if isinstance(value, Between):
        column = f"{column}__date" if column == "v_datetime" else column
        ends = {f"{column}__gte": value.first, f"{column}__lte": value.last}
        return Q(Exists(answers.filter(**{path: end for path, end in ends.items() if end is not None})))
    if isinstance(value, Contains):
        return Q(Exists(answers.filter(TYPES[one.question.type].contains(value.text))))
    if one.question.type == "consent" and value is False:
        # The box was shown and left without a tick.
        return Q(Exists(answers.filter(state=Answer.State.BLANK)))
    return Q(Exists(answers.filter(**{column: value})))


# --- in which order ------------------------------------------------------------------------------------------
SORTS = ("oldest", "name", "session")


def in_order(
    rows: QuerySet[Response], form: RegistrationForm, wanted: Wanted, columns: list[Column]
) -> QuerySet[Response]:
    """Sort responses as ``wanted.sort`` states. An unknown value sorts the newest answers first.

    Newest and oldest are by primary key, which grows with time and is in the index ``response_of_form``: the first page of a
    hundred thousand is read without sorting them all.
    """
    paths = HOLDERS[form.kind]
    by_key = {column.key: column for column in columns}
    if wanted.sort == "oldest":
        return rows.order_by("pk")
    if wanted.sort == "name":
        person = "order__buyer__" if form.kind == RegistrationForm.Kind.ORDER else "holder_"
        names = (_first(f"{path}__{person}{name}" for path in paths) for name in ("last_name", "first_name"))
        return rows.order_by(*(Lower(name).asc(nulls_last=True) for name in names), "pk")
    if wanted.sort == "session" and form.kind == RegistrationForm.Kind.TARIFF:
        return rows.order_by(F("ticket__session__starts_at").asc(nulls_last=True), "pk")
    if (column := by_key.get(wanted.sort)) and can_be_sorted_by(column):
        return rows.order_by(Subquery(_answer_to(column)).asc(nulls_last=True), "pk")
    return rows.order_by("-pk")


def can_be_sorted_by(column: Column) -> bool:
    """Return whether rows can be sorted by answers to this question: not if it allows several answers."""
    return TYPES[column.question.type].column != "choices"


def _answer_to(column: Column) -> QuerySet:
    """Return an expression for the answer of a response, in a form that sorts as people expect."""
    answers = Answer.objects.filter(response=OuterRef("pk"), field=column.field_id)
    way = TYPES[column.question.type].column
    if way == "v_choice":
        return answers.values("v_choice__position")[:1]
    if way == "v_text":
        return answers.annotate(lower=Lower("v_text")).values("lower")[:1]
    return answers.values(way)[:1]


def _first(paths: Iterable[str]) -> Coalesce | F:
    columns = list(paths)
    return Coalesce(*columns) if len(columns) > 1 else F(columns[0])


# --- for people, and for a job that exports the same ----------------------------------------------------------
def states(form: RegistrationForm) -> list[tuple[str, object]]:
    """Return the possible values of ``Wanted.state``, each with its text."""
    used = [] if form.kind == RegistrationForm.Kind.ORDER else [("used", _("used at the entrance"))]
    return [
        ("", _("all but cancelled")),
        (Order.State.PENDING.value, Order.State.PENDING.label),
        (Order.State.PAID.value, Order.State.PAID.label),
        *used,
        ("cancelled", _("cancelled or expired")),
        ("all", _("all")),
    ]


def described(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> list[tuple[str, str]]:
    """Return the filters as text: (name, value)."""
    filters = []
    if wanted.state:
        filters.append((_("state"), str(dict(states(form)).get(wanted.state, ""))))
    rows = ((_("date"), Session, wanted.session), (_("tariff"), Tariff, wanted.tariff))
    for label, model, pk in (*rows, (_("season pass"), SeasonPass, wanted.season_pass)):
        if pk:
            filters.append((label, str(model._default_manager.filter(pk=pk).first() or "")))
    labels = {column.key: column.question.label for column in columns}
    if wanted.missing:
        filters.append((_("missing answers"), labels.get(wanted.missing, _("any mandatory answer"))))
    by_key = {column.key: column for column in columns}
    for key, value in wanted.answers.items():
        if key in by_key:
            filters.append((labels[key], _shown(by_key[key].question, value)))
    return filters


def _shown(question: Question, value: object) -> str:
    if isinstance(value, Between):
        first, last = (_end(end) for end in (value.first, value.last))
        return f"{first} – {last}".strip()
    if isinstance(value, Contains):
        return _("contains “%(text)s”") % {"text": value.text}
    return TYPES[question.type].display(question, [value] if question.type == "multiple_choice" else value)


def _end(end: date | Decimal | None) -> str:
    if end is None:
        return "…"
    return date_format(end, "DATE_FORMAT") if isinstance(end, date) else f"{end.normalize():f}"


def to_json(wanted: Wanted) -> dict:
    """Return the filters as a job stores them: ids and keys, without texts that were searched for."""
    answers: dict[str, object] = {}
    for key, value in wanted.answers.items():
        if isinstance(value, Between):
            answers[key] = [None if end is None else str(end) for end in (value.first, value.last)]
        elif not isinstance(value, Contains):
            answers[key] = value
    named = ("state", "session", "tariff", "season_pass", "missing")
    kept = {name: value for name in named if (value := getattr(wanted, name))}
    return {**kept, "answers": answers}


def from_json(kept: dict, columns: list[Column]) -> Wanted:
    """Return the filters from the result of ``to_json``."""
    by_key = {column.key: column for column in columns}
    answers = {key: _read(by_key[key], value) for key, value in kept["answers"].items() if key in by_key}
    return Wanted(**{**kept, "answers": answers})


def _read(column: Column, value: object) -> object:
    if not isinstance(value, list):
        return value
    read = Decimal if TYPES[column.question.type].column == "v_number" else date.fromisoformat
    return Between(*(None if end is None else read(end) for end in value))
