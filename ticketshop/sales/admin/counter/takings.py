"""The takings of a day at the counter, the counting of cash, and the spreadsheet of a period."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from ticketshop.lib.spreadsheets.formats import Header, Xlsx
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.values.numbers import NumberField
from ticketshop.lib.web.template_tags import money
from ticketshop.office import time_zones
from ticketshop.office.buttons import drawn
from ticketshop.organisers.models import Organiser

from ...counter import takings
from ...models import Order
from ...payments.methods import name_of
from ..periods import PeriodForm, chosen_organiser, organisers_where
from .new_order import ADD

# Sees what all staff took; who may only sell sees their own.
SEE_ALL = "sales.view_cashcount"


class CountForm(forms.Form):
    """The cash in the till."""

    opening = NumberField(
        label=gettext_lazy("Cash at the beginning"), min_value=ZERO, max_digits=9, decimal_places=2
    )
    counted = NumberField(
        label=gettext_lazy("Cash counted now"), min_value=ZERO, max_digits=9, decimal_places=2
    )
    since = forms.DateTimeField(widget=forms.HiddenInput)


def page(request: HttpRequest):
    """Show the takings, write them as spreadsheet, or record the cash that was counted."""
    organisers = organisers_where(request.user, SEE_ALL, ADD)
    organiser = chosen_organiser(request, organisers)
    time_zones.activate(request.user, organiser.pk)
    staff = None if request.user.has_perm(SEE_ALL, organiser) else request.user
    now = timezone.now()
    since = until = timezone.localdate(now)
    form = PeriodForm(
        request.GET if "since" in request.GET else None, initial={"since": since, "until": until}
    )
    if form.is_bound and form.is_valid():
        since, until = form.cleaned_data["since"], form.cleaned_data["until"]
        if "xlsx" in request.GET:
            return _xlsx(organiser, since, until, staff)
    begins = takings.begins_at(organiser, request.user, now)
    count_form = _count_form(request, organiser, begins)
    if count_form and _counted(request, organiser, count_form, now):
        return redirect(f"{reverse('admin:sales_takings')}?organiser={organiser.pk}")
    context = {
        **admin.site.each_context(request),
        "title": _("Takings"),
        "opts": Order._meta,
        "organiser": organiser,
        "organisers": organisers if len(organisers) > 1 else [],
        "sees_all": staff is None,
        "period": form,
        **_tables(organiser, since, until, staff),
        "count_form": drawn(count_form) if count_form else None,
        **_cash(organiser, request.user, begins, now),
    }
    return TemplateResponse(request, "admin/sales/takings.html", context)


def _count_form(request: HttpRequest, organiser: Organiser, begins: datetime) -> CountForm | None:
    """Return the form for the cash in the till; None for staff who may not sell, and so have none."""
    if not request.user.has_perm(ADD, organiser):
        return None
    return CountForm(
        request.POST if request.method == "POST" else None,
        initial={"since": begins.isoformat()},
        auto_id="id_count_%s",  # the period has a field of the same name
    )


def _tables(organiser: Organiser, since: date, until: date, staff) -> dict:
    """Return the rows of the takings, their sums, and the counts of cash."""
    lines = takings.lines(organiser, since, until, staff)
    return {
        "since": since,
        "until": until,
        "rows": [_row(line) for line in lines],
        "totals": [_row(line) for line in takings.totals(lines)],
        "counts": [_count_row(row) for row in takings.counts(organiser, since, until, staff)],
    }


def _cash(organiser: Organiser, user, begins: datetime, now: datetime) -> dict:
    """Return what the user took and paid out in cash since their last count."""
    taken, paid_out = takings.cash(organiser, user, begins, now)
    return {
        "begins": begins,
        "taken": money(taken, organiser.currency),
        "paid_out": money(paid_out, organiser.currency),
    }


def _counted(request: HttpRequest, organiser: Organiser, form: CountForm, now: datetime) -> bool:
    """Record a count that was posted. Return False, with the errors in the form, if nothing was recorded."""
    if not (form.is_bound and form.is_valid()):
        return False
    try:
        row = takings.count(organiser, **form.cleaned_data, by=request.user, now=now)
    except takings.Stale:
        form.add_error(
            None, _("The cash was counted meanwhile. Nothing was noted; look at the counts of today.")
        )
        return False
    difference = money(row.difference, row.currency)
    if row.difference:
        messages.warning(request, _("Noted. The difference is %(amount)s.") % {"amount": difference})
    else:
        messages.success(request, _("Noted: the cash is right."))
    return True


def _row(line: takings.Line) -> dict:
    """Return a line as texts."""
    amounts = {name: getattr(line, name) for name in ("taken", "paid_out", "rounding", "left")}
    return {
        "day": line.day,
        "email": line.email or _("staff whose log-in is gone"),
        "method": name_of(line.method),
        "number": line.number,
        **{name: money(amount, line.currency) for name, amount in amounts.items()},
    }


def _count_row(row) -> dict:
    amounts = {name: getattr(row, name) for name in ("opening", "taken", "paid_out", "counted", "difference")}
    return {
        "at": row.counted_at,
        "email": row.staff.email if row.staff else _("staff whose log-in is gone"),
        "wrong": bool(row.difference),
        **{name: money(amount, row.currency) for name, amount in amounts.items()},
    }


# --- spreadsheet -------------------------------------------------------------------------------------------------
KEYS = (
    "day",
    "staff",
    "what",
    "method",
    "number",
    "opening",
    "taken",
    "paid_out",
    "rounding",
    "left",
    "counted",
    "difference",
    "currency",
)


def _xlsx(organiser: Organiser, since: date, until: date, staff) -> HttpResponse:
    labels = (
        _("Day"), _("Staff member"), _("What"), _("Payment method"), _("Number"), _("Cash at the beginning"), _("Taken"),
        _("Paid out"), _("Rounding"), pgettext("money", "Left"), _("Cash counted"), _("Difference"), _("Currency"),
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "takings.xlsx"
        Xlsx().write(path, Header(KEYS, labels), _cells(organiser, since, until, staff))
        content = path.read_bytes()
    response = HttpResponse(content, content_type=Xlsx.content_type)
    name = f"takings-{since:%Y-%m-%d}-{until:%Y-%m-%d}.{Xlsx.extension}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cells(organiser: Organiser, since: date, until: date, staff) -> Iterator[list]:
    for line in takings.lines(organiser, since, until, staff):
        yield [
            line.day, line.email or "", _("Takings"), name_of(line.method), line.number, None, line.taken, line.paid_out,
            line.rounding, line.left, None, None, line.currency,
        ]  # fmt: skip
    for row in takings.counts(organiser, since, until, staff):
        yield [
            timezone.localdate(row.counted_at), row.staff.email if row.staff else "", _("Cash counted"), "", None, row.opening,
            row.taken, row.paid_out, None, row.taken - row.paid_out, row.counted, row.difference, row.currency,
        ]  # fmt: skip
