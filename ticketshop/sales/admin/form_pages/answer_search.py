"""The page of a form's answers: rows, filters, counts of choices, missing answers."""

from dataclasses import dataclass

from django import forms
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registration_forms.admin.form_page import RegistrationFormAdmin
from registration_forms.admin.used_by import SOLD_BEFORE
from registration_forms.field_types import TYPES, QuestionContext
from registration_forms.models import Answer, RegistrationForm
from ticketshop.catalogue.models import SeasonPass, Session, Tariff
from ticketshop.lib.dates.typed_days import PlausibleDateField
from ticketshop.lib.forms.fields import LineField
from ticketshop.office.buttons import OwnPage
from ticketshop.office.form_fields import LocalDate
from ticketshop.office.sections import link

from ...answers import missing_answers, search, search_filters
from ...models import Admission, Ticket
from .. import tables
from .answers import may_see_sensitive
from .missing_answers import number_text

# The largest number of sessions or tariffs to choose from, the newest first.
MOST = 300
RANGES = {"v_date": PlausibleDateField, "v_datetime": PlausibleDateField, "v_number": forms.DecimalField}


class FilterForm(forms.Form):
    """The filters of the list. ``wanted`` returns them without those that can't be read."""

    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    session = forms.TypedChoiceField(label=gettext_lazy("Date"), required=False, coerce=int, empty_value=None)
    tariff = forms.TypedChoiceField(
        label=gettext_lazy("Tariff"), required=False, coerce=int, empty_value=None
    )
    season_pass = forms.TypedChoiceField(
        label=gettext_lazy("Season pass"), required=False, coerce=int, empty_value=None
    )
    missing = forms.ChoiceField(label=gettext_lazy("Missing answers"), required=False)
    sort = forms.ChoiceField(label=gettext_lazy("Order of the rows"), required=False)

    def __init__(self, data, *, form: RegistrationForm, columns: list[search_filters.Column]):
        super().__init__(data)
        self.columns = columns
        self.fields["state"].choices = search_filters.states(form)
        self.fields["sort"].choices = _sorts(form, columns)
        self._offer("session", _("all dates"), sessions_of(form))
        self._offer("tariff", _("all tariffs"), _tariffs(form))
        self._offer("season_pass", _("all season passes"), _passes(form))
        owed = [(column.key, column.question.label) for column in search_filters.owed_columns(columns)]
        if len(owed) > 1:
            owed.insert(0, ("any", _("any mandatory answer")))
        self._offer("missing", _("no filter"), owed)
        for column in columns:
            self.fields |= _of_question(column)

    def _offer(self, name: str, nothing: str, choices: list[tuple[object, object]]) -> None:
        if choices:
            self.fields[name].choices = [("", nothing), *choices]
        else:
            del self.fields[name]

    def wanted(self) -> search_filters.Wanted:
        """Return the filters."""
        given = self.cleaned_data if self.is_bound and self.is_valid() is not None else {}
        answers = {
            column.key: value for column in self.columns if (value := _value(column, given)) is not None
        }
        named = {name: given.get(name) for name in ("session", "tariff", "season_pass")}
        texts = {name: given.get(name, "") for name in ("state", "missing", "sort")}
        return search_filters.Wanted(**texts, answers=answers, **named)


def _sorts(form: RegistrationForm, columns: list[search_filters.Column]) -> list[tuple[str, object]]:
    options = [("", _("newest answers first")), ("oldest", _("oldest answers first")), ("name", _("by name"))]
    if form.kind == RegistrationForm.Kind.TARIFF:
        options.append(("session", _("by date of the event")))
    by_answer = [
        (column.key, _("by the answer to “%(question)s”") % {"question": column.question.label})
        for column in columns
        if search_filters.can_be_sorted_by(column)
    ]
    return [*options, *by_answer]


def sessions_of(form: RegistrationForm) -> list[tuple[int, str]]:
    """Return the sessions in which the form is used."""
    uses_form = Q(offers__tariff__form=form)
    if form.kind == RegistrationForm.Kind.ORDER:
        uses_form = Q(event__order_form__form=form) | Q(event__points_of_sale__order_form__form=form)
    rows = Session.objects.filter(uses_form).select_related("event").order_by("-starts_at", "pk").distinct()
    return [(row.pk, f"{tables.when(row.starts_at)} – {row.event.title}") for row in rows[:MOST]]


def _tariffs(form: RegistrationForm) -> list[tuple[int, str]]:
    rows = Tariff.objects.filter(form=form).select_related("event").order_by("-event", "position", "pk")
    return [(row.pk, f"{row.event.title} – {row.name}") for row in rows[:MOST]]


def _passes(form: RegistrationForm) -> list[tuple[int, str]]:
    rows = SeasonPass.objects.filter(Q(form=form) | Q(extra_form=form)).order_by("-pk")
    return [(row.pk, row.name) for row in rows[:MOST]]


# --- a filter for each question --------------------------------------------------------------------------
def _name(column: search_filters.Column, end: str = "") -> str:
    return f"f-{column.key}{end}"


def _of_question(column: search_filters.Column) -> dict[str, forms.Field]:
    question = column.question
    kind, label = TYPES[question.type], question.label
    if kind.column in RANGES:
        widget = {} if kind.column == "v_number" else {"widget": LocalDate}
        ends = {"-from": _("%(question)s – from"), "-until": _("%(question)s – until")}
        return {
            _name(column, end): RANGES[kind.column](
                label=words % {"question": label}, required=False, **widget
            )
            for end, words in ends.items()
        }
    if kind.column == "v_time":
        return {}
    choices = _choices_of(column)
    if choices:
        made: forms.Field = forms.ChoiceField(label=label, required=False, choices=[("", _("any")), *choices])
    else:
        made = LineField(
            label=_("%(question)s – contains") % {"question": label}, max_length=200, required=False
        )
    return {_name(column): made}


def _choices_of(column: search_filters.Column) -> list[tuple[str, object]]:
    question = column.question
    if question.options:
        return [(option.key, _option_label(option)) for option in question.options]
    if question.type == "yes_no":
        return [("yes", _("Yes")), ("no", _("No"))]
    if question.type == "consent":
        display = TYPES["consent"].display
        return [("yes", display(question, True)), ("no", display(question, False))]
    if question.type == "country":
        field = TYPES["country"].form_field(question, QuestionContext())
        return [(code, name) for code, name in field.choices if code]
    return []


def _option_label(option) -> str:
    label = search.label_of(option)
    return label if option.active else _("%(choice)s (no longer offered)") % {"choice": label}


def _value(column: search_filters.Column, given: dict) -> object:
    kind = TYPES[column.question.type]
    if kind.column in RANGES:
        first, last = given.get(_name(column, "-from")), given.get(_name(column, "-until"))
        return None if first is None and last is None else search_filters.Between(first, last)
    value = given.get(_name(column)) or None
    if value and kind.column == "v_bool":
        return value == "yes"
    chosen = value is None or column.question.options or column.question.type == "country"
    return value if chosen else search_filters.Contains(value)


# --- the list as it is seen, for an export -------------------------------------------------------------------
@dataclass(frozen=True)
class Seen:
    """A filtered list of answers: number of rows, description of the filters, and what a job stores of it."""

    number: int
    filters: list[tuple[str, str]]
    parameters: dict
    address: str


def seen_list(request: HttpRequest, row: RegistrationForm) -> Seen | None:
    """Return the list that the URL of the page describes, filtered like the page of answers; None for all answers."""
    columns = search_filters.columns_of(row, sensitive=may_see_sensitive(request, row))
    wanted = FilterForm(request.GET, form=row, columns=columns).wanted()
    if not wanted.narrows:
        return None
    ids = search.ids_of(row, wanted, columns)
    parameters: dict = {"seen": search_filters.to_json(wanted)}
    if any(isinstance(value, search_filters.Contains) for value in wanted.answers.values()):
        # The export does not store the text, only the ids of the responses found by it.
        parameters = {"listed": sorted(ids)}
    filters = search_filters.described(row, wanted, columns)
    page = reverse("admin:registration_forms_registrationform_answers", args=[row.pk])
    return Seen(len(ids), filters, parameters, f"{page}?{request.GET.urlencode()}")


# --- the page ----------------------------------------------------------------------------------------------
def view(page, request: HttpRequest, row: RegistrationForm):
    """Show the page."""
    sensitive = may_see_sensitive(request, row)
    columns = search_filters.columns_of(row, sensitive=sensitive)
    filters = FilterForm(request.GET if _is_filtered(request.GET) else None, form=row, columns=columns)
    wanted = filters.wanted()
    responses_found = search.found(row, wanted, columns)
    read = search.page(row, responses_found, columns, request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        **page.about_row(request, row, _("Answers")),
        "filters": filters,
        "filtered": wanted.narrows,
        "first": (read.number - 1) * search.SIZE + 1,
        "last": (read.number - 1) * search.SIZE + len(read.rows),
        "cancelled": responses_found.cancelled or 0,
        "columns": [column.question.label for column in columns],
        "rows": [_drawn(row) for row in read.rows],
        "page": read,
        "query": f"{query.urlencode()}&" if query else "",
        "total": responses_found.total,
        # Counted over all rows found, not only those on the page.
        "counts": search.counts(responses_found, columns) if read.number == 1 else [],
        "missing": search.missing(responses_found, columns) if read.number == 1 else [],
        "sold_before": _sold_before(page, request, row),
        "hidden": not sensitive and any(field.sensitive for field in row.fields.all()),
        "export": _export(request, row, query.urlencode() if wanted.narrows else ""),
        "export_text": _("Export what is listed") if wanted.narrows else _("Export"),
    }
    return TemplateResponse(request, "admin/sales/consulting.html", context)


def _sold_before(page, request: HttpRequest, row: RegistrationForm) -> dict[str, str]:
    """Return a sentence with the number sold before the form was assigned, and a link to ask these buyers; empty
    if there are none.
    """
    number = missing_answers.number_of(row, timezone.now())
    if not number:
        return {}
    return {"text": number_text(row, number), "url": page.address_of(request, row, SOLD_BEFORE)}


def _is_filtered(query: QueryDict) -> bool:
    return bool(query.keys() - {"page"})


def _export(request: HttpRequest, row: RegistrationForm, query: str) -> str:
    """Return the URL for an export of the listed answers, if the staff member may request one."""
    if not request.user.has_perm("exports.add_job", row):
        return ""
    address = reverse("admin:registration_forms_registrationform_export", args=[row.pk])
    return f"{address}?{query}" if query else address


def _drawn(row: search.Row) -> dict:
    holder = row.admission or row.order
    return {
        "order": link(row.order, row.order.reference) if row.order else "",
        "admission": link(row.admission, _what(row.admission)) if row.admission else "",
        "holder": row.admission.holder_text if row.admission else row.order.buyer_name if row.order else "",
        "placed": tables.when(row.order.placed_at) if row.order else "",
        "state": row.admission.state_text if row.admission else holder.get_state_display() if holder else "",
        "cells": [{"text": text, "why": "" if text else _why(state)} for state, text in row.cells],
    }


def _what(admission: Admission) -> str:
    """Return “Adult, 3 July 2027, 20:00”, or the name of the pass."""
    parts = (
        (admission.line.shown_tariff, tables.when(admission.session.starts_at))
        if isinstance(admission, Ticket)
        else (admission.shown_name,)
    )
    return ", ".join(part for part in parts if part)


def _why(state: int) -> str:
    """Return why there is no answer; empty if there is one, or if it was left blank."""
    given = state in (Answer.State.ANSWERED, Answer.State.BLANK)
    return "" if given else str(Answer.State(state).label)


RegistrationFormAdmin.offer(
    OwnPage(
        "answers",
        gettext_lazy("Answers"),
        ("registration_forms.view_registrationform", "sales.view_order", "sales.view_ticket"),
        lambda form: form.published_id is not None,
        view,
    )
)
