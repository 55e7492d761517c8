"""Correction of names on tickets and passes in the back office: at any time, with or without a mail."""

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.web.pages import page_number
from ticketshop.office.buttons import OwnPage

from ...answers import late_changes
from ...models import Order
from ...tickets import codes, names


def read_names(row: Model) -> names.EditableNames:
    """Return the names on a ticket or pass, or on all of an order."""
    admissions = codes.admissions_of(row if isinstance(row, Order) else row.order)
    if not isinstance(row, Order):
        admissions = [admission for admission in admissions if admission == row]
    return names.EditableNames(admissions, editor=names.Editor.STAFF, now=timezone.now())


def change(page, request: HttpRequest, row: Model):
    """Show the names, or save what was posted: all or none."""
    editable = read_names(row)
    number = page_number(request.GET.get("page"), len(editable.pages()))
    editable_names = editable.pages()[number - 1] if editable.editable_names else []
    editable.fill(editable_names, request.POST if request.method == "POST" else None)
    if request.method == "POST" and editable.is_valid(editable_names, request.POST):
        try:
            changed = editable.save(editable_names, by=request.user, tell="tell" in request.POST)
        except (names.Closed, names.Conflict):
            messages.error(
                request, _("Nothing was saved: something has changed meanwhile. Look at it once more.")
            )
            return redirect(request.get_full_path())
        late_changes.say_outcome(request, editable_names, _("The names are saved.") if changed else "")
        if number < len(editable.pages()):
            return redirect(f"{request.path}?page={number + 1}")
        return page.back_to(row)
    forms = [editable_name.form for editable_name in editable_names if editable_name.form]
    context = {
        **page.about_row(request, row, _("Change names")),
        "editable_names": editable_names,
        "forms": forms,
        "wrong": [form for form in forms if form.is_bound and form.errors],
        "tell": request.method != "POST" or "tell" in request.POST,
        "page_number": number,
        "pages": len(editable.pages()),
    }
    return TemplateResponse(request, "admin/sales/names.html", context)


def _has_open(row: Model) -> bool:
    admissions = codes.admissions_of(row) if isinstance(row, Order) else [row]
    return any(not names.why_closed_for_staff(admission) for admission in admissions)


CHANGE_NAMES = OwnPage(
    "names", gettext_lazy("Change names"), ("sales.change_order",), _has_open, change, explains=True
)
