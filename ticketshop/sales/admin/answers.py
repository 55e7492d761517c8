"""The answers of an order, a ticket or a pass in the back office: what was answered, what changed, and changing it."""

from django.contrib import messages
from django.db.models import Model, Q
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registration_forms import definitions
from registration_forms.answers import changing
from registration_forms.field_types import TYPES
from registration_forms.models import AnswerHistory
from ticketshop.lib.pages import page_number
from ticketshop.office.buttons import OwnPage
from ticketshop.office.sections import NONE, Section

from ..admission_lists import passes_of, tickets_of
from ..answers import display, editing, late_changes
from ..models import Order, Ticket
from . import tables

SENSITIVE = "registration_forms.view_sensitive"


def may_see_sensitive(request: HttpRequest, row: Model) -> bool:
    return request.user.has_perm(SENSITIVE, row)


def order_of(row: Model) -> Order:
    return row if isinstance(row, Order) else row.order


def ids_of(row: Model) -> set[int]:
    """The responses a row's page is about: of an order all of them."""
    if not isinstance(row, Order):
        return {pk for pk in (row.response_id, getattr(row, "extra_response_id", None)) if pk}
    return {part.response_id for part in _parts(row)}


def _parts(row: Model) -> list[display.Part]:
    order = order_of(row)
    parts = display.parts(order, tickets_of(order), passes_of(order))
    return parts if isinstance(row, Order) else [part for part in parts if part.response_id in ids_of(row)]


# --- what was answered, and what changed -----------------------------------------------------------------
def section(parts: list[display.Part], *, sensitive: bool) -> Section:
    """What was answered; sensitive answers for those who may see them."""
    by_id, given = display.read(part.response_id for part in parts)
    may_see = display.for_staff(sensitive)
    found = [
        [part.heading, label, text]
        for part in parts
        for label, text in display.rows(by_id[part.response_id], given[part.response_id], may_see)
    ]
    return Section(_("Answers"), [_("form"), _("question"), _("answer")], found)


def changes(parts: list[display.Part]) -> Section:
    """Who changed which answer, and when; what was answered to a sensitive question is not repeated."""
    headings = {part.response_id: part.heading for part in parts}
    lines = (
        AnswerHistory.objects.filter(response__in=headings)
        .select_related("by", "field", "response__version", "response__form__published")
        .order_by("-at", "-pk")
    )
    found = [
        [
            tables.when(line.at),
            line.by.email if line.by else line.get_source_display(),
            headings[line.response_id],
            *_question_and_answers(line),
        ]
        for line in lines[: tables.MOST]
    ]
    columns = [_("when"), _("who"), _("form"), _("question"), _("before"), _("after")]
    note = _("The latest %(count)d.") % {"count": tables.MOST} if len(found) == tables.MOST else ""
    return Section(_("Changes of answers"), columns, found, note)


def _question_and_answers(line: AnswerHistory) -> list[str]:
    versions = (line.response.form.published, line.response.version)
    found = (definitions.of_version(version).question(line.field.key) for version in versions)
    question = next((one for one in found if one), None)
    if question is None or question.sensitive or line.field.sensitive:
        return [question.label if question else str(line.field), _("not shown"), _("not shown")]
    kind = TYPES[question.type]
    texts = (
        kind.display(question, kind.from_json(value)) if value is not None else NONE
        for value in (line.old, line.new)
    )
    return [question.label, *texts]


# --- changing ----------------------------------------------------------------------------------------------
def _has_answers(row: Model) -> bool:
    if not isinstance(row, Order):
        return bool(row.response_id or getattr(row, "extra_response_id", None))
    answered = Q(response__isnull=False) | Q(extra_response__isnull=False)
    return (
        row.responses.exists()
        or row.tickets.filter(response__isnull=False).exists()
        or row.passes.filter(answered).exists()
    )


def read_sheet(request: HttpRequest, row: Model) -> editing.Sheet:
    order = order_of(row)
    return editing.Sheet(
        order,
        tickets_of(order),
        passes_of(order),
        now=timezone.now(),
        staff=True,
        sensitive=may_see_sensitive(request, row),
        of=ids_of(row),
    )


def change(page, request: HttpRequest, row: Model):
    """The same questions as in the shop, and those for staff only; saved together, all or nothing."""
    sheet = read_sheet(request, row)
    number = page_number(request.GET.get("page"), len(sheet.pages()))
    if request.method == "POST":
        return _save(page, request, row, sheet, number)
    sheet.fill(sheet.page(number))
    return _draw(page, request, row, sheet, number)


def _save(page, request: HttpRequest, row: Model, sheet: editing.Sheet, number: int):
    entries, refused = sheet.page(number), ""
    sheet.fill(entries, request.POST)
    if not sheet.is_valid(entries):
        return _draw(page, request, row, sheet, number)
    try:
        changed = sheet.save(entries, by=request.user, tell="tell" in request.POST)
    except changing.SoldOut as sold:
        editing.mark_sold_out(entries, sold)
        return _draw(page, request, row, sheet, number)
    except changing.Conflict as conflict:
        sheet = read_sheet(request, row)
        sheet.fill_again(sheet.page(number), request.POST, conflict)
        return _draw(page, request, row, sheet, number)
    except changing.Closed:
        refused = _("Nothing was saved: these answers can’t be changed any more.")
    if refused:
        messages.error(request, refused)
    else:
        late_changes.say_outcome(request, entries, _saved(sheet) if changed else "")
    if not refused and number < len(sheet.pages()):
        return redirect(f"{request.path}?page={number + 1}")
    return page.back_to(row)


def _saved(sheet: editing.Sheet) -> str:
    if not sheet.in_profile:
        return _("The answers are saved.")
    return _("The answers are saved, with the customer too: %(answers)s.") % {
        "answers": ", ".join(sheet.in_profile)
    }


def _draw(page, request: HttpRequest, row: Model, sheet: editing.Sheet, number: int):
    entries = sheet.page(number)
    blocks = [entry.block for entry in entries if entry.block]
    context = {
        **page.about_row(request, row, _("Change answers")),
        "entries": [
            (entry, display.rows(entry.response, entry.given, display.for_staff(sheet.sensitive)))
            for entry in entries
        ],
        "forms": blocks,
        "wrong": [block for block in blocks if block.is_bound and block.errors],
        "has_new": any(block.unseen for block in blocks),
        "tell": request.method != "POST" or "tell" in request.POST,
        "page_number": number,
        "pages": len(sheet.pages()),
        "hidden": not sheet.sensitive,
    }
    return TemplateResponse(request, "admin/sales/answers.html", context)


CHANGE_ANSWERS = OwnPage(
    "answers", gettext_lazy("Change answers"), ("sales.change_order",), _has_answers, change
)


def sections(request: HttpRequest, row: Model) -> list[tuple[str, object]]:
    """For the page of an order, a ticket or a pass: what was answered, and what changed."""
    needed = "sales.view_ticket" if isinstance(row, Order | Ticket) else "sales.view_issuedpass"
    parts = _parts(row)
    if not parts:
        return []
    sensitive = may_see_sensitive(request, row)
    return [(needed, lambda: section(parts, sensitive=sensitive)), (needed, lambda: changes(parts))]
