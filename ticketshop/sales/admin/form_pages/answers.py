"""The answers of an order, a ticket or a pass in the back office: reading, history of changes, changing."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db.models import Model, Q
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registration_forms import definitions
from registration_forms.answers import changing, responses
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, AnswerHistory, Response
from ticketshop.lib.web.pages import page_number
from ticketshop.office.buttons import OwnPage
from ticketshop.office.sections import NONE, Section

from ...admission_lists import passes_of, tickets_of
from ...answers import display, editing, late_changes
from ...models import LIVING_ORDERS, Admission, Order, Ticket, responses_of
from ...recipients import has_left
from .. import tables

SENSITIVE = "registration_forms.view_sensitive"


def may_see_sensitive(request: HttpRequest, row: Model) -> bool:
    """Return whether the staff member may see sensitive answers of this row."""
    return request.user.has_perm(SENSITIVE, row)


def order_of(row: Model) -> Order:
    """Return the order of the row."""
    return row if isinstance(row, Order) else row.order


def ids_of(row: Model) -> set[int]:
    """Return the ids of the responses on a row's page; for an order, all of them."""
    if not isinstance(row, Order):
        return {pk for pk in (row.response_id, getattr(row, "extra_response_id", None)) if pk}
    return {part.response_id for part in _parts(row)}


def _parts(row: Model) -> list[display.Part]:
    order = order_of(row)
    parts = display.parts(order, tickets_of(order), passes_of(order))
    return parts if isinstance(row, Order) else [part for part in parts if part.response_id in ids_of(row)]


# --- what was answered, and what changed -----------------------------------------------------------------
def section(parts: list[display.Part], *, sensitive: bool) -> Section:
    """Return the answers as a section of a page; sensitive ones only with permission."""
    by_id, given = display.read(part.response_id for part in parts)
    may_see = display.for_staff(sensitive)
    names = _who_waived(given)
    rows = []
    for part in parts:
        response, answers = by_id[part.response_id], given[part.response_id]
        rows += [[part.heading, *row] for row in display.rows(response, answers, may_see)]
        rows += [
            [part.heading, question.label, _waived_text(answer, names)]
            for answer in answers.waived.values()
            if (question := _question(answer, response)) and may_see(question)
        ]
    return Section(_("Answers"), [_("form"), _("question"), _("answer")], rows)


def _who_waived(given: dict[int, responses.Given]) -> dict[int, str]:
    """Return user id -> e-mail address, for staff who have skipped questions. One query, or none if no question was skipped."""
    ids = {answer.waived_by_id for answers in given.values() for answer in answers.waived.values()} - {None}
    return dict(get_user_model().objects.filter(pk__in=ids).values_list("pk", "email")) if ids else {}


def _waived_text(answer: Answer, names: dict[int, str]) -> str:
    who = names.get(answer.waived_by_id) or _("staff whose log-in is gone")
    return _("Skipped by %(who)s on %(when)s") % {"who": who, "when": tables.when(answer.waived_at)}


def _question(answer: Answer, response: Response) -> definitions.Question | None:
    """Return a skipped question as it is asked today, else as it was asked."""
    versions = (response.form.published, response.version)
    found = (definitions.of_version(version).question(answer.field.key) for version in versions if version)
    return next((question for question in found if question), None)


def changes(parts: list[display.Part]) -> Section:
    """Return who changed which answer, and when. Sensitive answers are not repeated."""
    headings = {part.response_id: part.heading for part in parts}
    lines = (
        AnswerHistory.objects.filter(response__in=headings)
        .select_related("by", "field", "response__version", "response__form__published")
        .order_by("-at", "-pk")
    )
    rows = [
        [
            tables.when(line.at),
            line.by.email if line.by else line.get_source_display(),
            headings[line.response_id],
            *_question_and_answers(line),
        ]
        for line in lines[: tables.MOST]
    ]
    columns = [_("when"), _("who"), _("form"), _("question"), _("before"), _("after")]
    note = _("The latest %(count)d.") % {"count": tables.MOST} if len(rows) == tables.MOST else ""
    return Section(_("Changes of answers"), columns, rows, note)


def _question_and_answers(line: AnswerHistory) -> list[str]:
    versions = (line.response.form.published, line.response.version)
    questions = (definitions.of_version(version).question(line.field.key) for version in versions)
    question = next((one for one in questions if one), None)
    if question is None or question.sensitive or line.field.sensitive:
        return [question.label if question else str(line.field), _("not shown"), _("not shown")]
    kind = TYPES[question.type]
    texts = (
        kind.display(question, kind.from_json(value)) if value is not None else NONE
        for value in (line.old, line.new)
    )
    return [question.label, *texts]


# --- changing ----------------------------------------------------------------------------------------------
def _has_open(row: Model) -> bool:
    """Return whether staff can change answers of the row: the rule of ``closed_answers.why_closed`` for all of them in one query."""
    order = order_of(row)
    if order.state not in LIVING_ORDERS:
        return False
    gone = Admission.State.CANCELLED
    open_ones = Q(ticket__order=order) & ~Q(ticket__state=gone)
    if has_left(order.buyer):
        open_ones &= Q(ticket__gift__isnull=False)
    else:
        open_ones |= Q(issued_pass__order=order) & ~Q(issued_pass__state=gone)
        open_ones |= Q(issued_pass_adding__order=order) & ~Q(issued_pass_adding__state=gone)
        open_ones |= Q(order_response__order=order)
    rows = responses_of(order).filter(open_ones, erased_on=None, void=False)
    if not isinstance(row, Order):
        rows = rows.filter(pk__in=ids_of(row))
    return rows.exists()


def read_editable(request: HttpRequest, row: Model) -> editing.EditableAnswers:
    """Return the answers of the row as staff may change them."""
    order = order_of(row)
    return editing.EditableAnswers(
        order,
        tickets_of(order),
        passes_of(order),
        now=timezone.now(),
        staff=True,
        sensitive=may_see_sensitive(request, row),
        of=ids_of(row),
    )


def change(page, request: HttpRequest, row: Model):
    """Show the questions of the shop and those for staff only, or save the answers: all or none."""
    editable = read_editable(request, row)
    number = page_number(request.GET.get("page"), len(editable.pages()))
    if request.method == "POST":
        return _save(page, request, row, editable, number)
    editable.fill(editable.page(number))
    return _draw(page, request, row, editable, number)


def _save(page, request: HttpRequest, row: Model, editable: editing.EditableAnswers, number: int):
    answered_forms, refused = editable.page(number), ""
    editable.fill(answered_forms, request.POST)
    if not editable.is_valid(answered_forms):
        return _draw(page, request, row, editable, number)
    try:
        changed = editable.save(answered_forms, by=request.user, tell="tell" in request.POST)
    except changing.SoldOut as sold:
        editing.mark_sold_out(answered_forms, sold)
        return _draw(page, request, row, editable, number)
    except changing.Conflict as conflict:
        editable = read_editable(request, row)
        editable.fill_again(editable.page(number), request.POST, conflict)
        return _draw(page, request, row, editable, number)
    except changing.Closed:
        refused = _("Nothing was saved: these answers can’t be changed any more.")
    if refused:
        messages.error(request, refused)
    else:
        late_changes.say_outcome(request, answered_forms, _saved(editable) if changed else "")
    if not refused and number < len(editable.pages()):
        return redirect(f"{request.path}?page={number + 1}")
    return page.back_to(row)


def _saved(editable: editing.EditableAnswers) -> str:
    if not editable.in_profile:
        return _("The answers are saved.")
    return _("The answers are saved, with the customer too: %(answers)s.") % {
        "answers": ", ".join(editable.in_profile)
    }


def _draw(page, request: HttpRequest, row: Model, editable: editing.EditableAnswers, number: int):
    answered_forms = editable.page(number)
    blocks = [answered_form.block for answered_form in answered_forms if answered_form.block]
    context = {
        **page.about_row(request, row, _("Change answers")),
        "answered_forms": [
            (
                answered_form,
                display.rows(
                    answered_form.response, answered_form.given, display.for_staff(editable.sensitive)
                ),
            )
            for answered_form in answered_forms
        ],
        "forms": blocks,
        "wrong": [block for block in blocks if block.is_bound and block.errors],
        "has_new": any(block.unseen for block in blocks),
        "tell": request.method != "POST" or "tell" in request.POST,
        "page_number": number,
        "pages": len(editable.pages()),
        "hidden": not editable.sensitive,
    }
    return TemplateResponse(request, "admin/sales/answers.html", context)


CHANGE_ANSWERS = OwnPage(
    "answers", gettext_lazy("Change answers"), ("sales.change_order",), _has_open, change, explains=True
)


def sections(request: HttpRequest, row: Model) -> list[tuple[str, object]]:
    """Return the sections for the page of an order, a ticket or a pass: answers and their changes."""
    needed = "sales.view_ticket" if isinstance(row, Order | Ticket) else "sales.view_issuedpass"
    parts = _parts(row)
    if not parts:
        return []
    sensitive = may_see_sensitive(request, row)
    return [(needed, lambda: section(parts, sensitive=sensitive)), (needed, lambda: changes(parts))]
