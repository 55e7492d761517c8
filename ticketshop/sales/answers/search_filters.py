"""What narrows the list of a form's answers: states, dates, tariffs, what is missing, what was answered.

The list and the export of the same answers read one ``Wanted``: an export has it as JSON.
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

# How a response of each kind is reached; a tariff form may be added to a pass.
HOLDERS = {
    RegistrationForm.Kind.ORDER: ("order_response",),
    RegistrationForm.Kind.TARIFF: ("ticket", "issued_pass_adding"),
    RegistrationForm.Kind.PASS: ("issued_pass",),
}
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
    sort: str = ""  # "" the newest order first; "oldest", "name", "session", or the key of a question

    @property
    def narrows(self) -> bool:
        """Whether anything is left out that the list shows at first."""
        return self != Wanted(sort=self.sort)


@dataclass(frozen=True)
class Between:
    """From and until, both included; None: open."""

    first: date | Decimal | None
    last: date | Decimal | None


@dataclass(frozen=True)
class Contains:
    """A text that an answer contains."""

    text: str


@dataclass(frozen=True)
class Column:
    """A question of the list, and the field its answers point to."""

    question: Question
    field_id: int
    since: int = 0  # the number of the first version that had it

    @property
    def key(self) -> str:
        return self.question.key


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
    since = versions.first_asked([form.pk])
    return [
        Column(one, fields[one.key], since.get((form.pk, one.key), 0))
        for one in shown.values()
        if sensitive or not one.sensitive
    ]


def fitting(form: RegistrationForm, wanted: Wanted, columns: list[Column]) -> QuerySet[Response]:
    """Return the responses to the form that are wanted, in no order."""
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
    if isinstance(value, Contains):
        return Q(Exists(answers.filter(TYPES[one.question.type].contains(value.text))))
    if one.question.type == "consent" and value is False:
        # The box was there, and was left as it is.
        return Q(Exists(answers.filter(state=Answer.State.BLANK)))
    return Q(Exists(answers.filter(**{column: value})))


# --- in which order ------------------------------------------------------------------------------------------
SORTS = ("oldest", "name", "session")


def in_order(
    rows: QuerySet[Response], form: RegistrationForm, wanted: Wanted, columns: list[Column]
) -> QuerySet[Response]:
    """Sort responses as ``wanted.sort`` says; an unknown one leaves the newest order first."""
    paths = HOLDERS[form.kind]
    placed = _first(f"{path}__order__placed_at" for path in paths)
    by_key = {one.key: one for one in columns}
    if wanted.sort == "oldest":
        return rows.order_by(placed, "pk")
    if wanted.sort == "name":
        person = "order__buyer__" if form.kind == RegistrationForm.Kind.ORDER else "holder_"
        names = (_first(f"{path}__{person}{name}" for path in paths) for name in ("last_name", "first_name"))
        return rows.order_by(*(Lower(name).asc(nulls_last=True) for name in names), "pk")
    if wanted.sort == "session" and form.kind == RegistrationForm.Kind.TARIFF:
        return rows.order_by(F("ticket__session__starts_at").asc(nulls_last=True), "pk")
    if (column := by_key.get(wanted.sort)) and can_be_sorted_by(column):
        return rows.order_by(Subquery(_answer_to(column)).asc(nulls_last=True), "pk")
    return rows.order_by(placed.desc(nulls_last=True), "-pk")


def can_be_sorted_by(column: Column) -> bool:
    """Whether rows can stand in the order of their answers: not where one row may have several."""
    return TYPES[column.question.type].column != "choices"


def _answer_to(column: Column) -> QuerySet:
    """The answer of a response to a question, in a form that sorts as people expect."""
    answers = Answer.objects.filter(response=OuterRef("pk"), field=column.field_id)
    way = TYPES[column.question.type].column
    if way == "v_choice":
        return answers.values("v_choice__position")[:1]
    if way == "v_text":
        return answers.annotate(lower=Lower("v_text")).values("lower")[:1]
    return answers.values(way)[:1]


def _first(paths: Iterable[str]) -> Coalesce | F:
    found = list(paths)
    return Coalesce(*found) if len(found) > 1 else F(found[0])


# --- for people, and for a job that exports the same ----------------------------------------------------------
def states(form: RegistrationForm) -> list[tuple[str, object]]:
    """What ``Wanted.state`` may be, with its text."""
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
    """The filters in words: (what, which)."""
    found = []
    if wanted.state:
        found.append((_("state"), str(dict(states(form)).get(wanted.state, ""))))
    rows = ((_("date"), Session, wanted.session), (_("tariff"), Tariff, wanted.tariff))
    for label, model, pk in (*rows, (_("season pass"), SeasonPass, wanted.season_pass)):
        if pk:
            found.append((label, str(model._default_manager.filter(pk=pk).first() or "")))
    labels = {one.key: one.question.label for one in columns}
    if wanted.missing:
        found.append((_("missing answers"), labels.get(wanted.missing, _("any mandatory answer"))))
    by_key = {one.key: one for one in columns}
    for key, value in wanted.answers.items():
        if key in by_key:
            found.append((labels[key], _shown(by_key[key].question, value)))
    return found


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
    """What a job keeps of the filters: numbers and keys. Texts that were searched for are not among them."""
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
    by_key = {one.key: one for one in columns}
    answers = {key: _read(by_key[key], value) for key, value in kept["answers"].items() if key in by_key}
    return Wanted(**{**kept, "answers": answers})


def _read(column: Column, value: object) -> object:
    if not isinstance(value, list):
        return value
    read = Decimal if TYPES[column.question.type].column == "v_number" else date.fromisoformat
    return Between(*(None if end is None else read(end) for end in value))
