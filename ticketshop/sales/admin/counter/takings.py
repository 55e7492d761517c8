"""The takings of a day at the counter, the counting of cash, and the spreadsheet of a period."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from ticketshop.lib.dates.typed_days import plausible
from ticketshop.lib.spreadsheets.formats import Header, Xlsx
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.values.numbers import NumberField
from ticketshop.lib.values.text import number_in
from ticketshop.lib.web.template_tags import money
from ticketshop.office import time_zones
from ticketshop.office.buttons import drawn
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from ...counter import takings
from ...models import Order
from ...payments.methods import name_of
from .new_order import ADD

# Sees what all staff took; who may only sell sees their own.
SEE_ALL = "sales.view_cashcount"
MOST_DAYS = 366


class PeriodForm(forms.Form):
    """The days, the first and the last one; today if nothing is chosen."""

    since = forms.DateField(
        label=gettext_lazy("First day"),
        validators=[plausible],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        validators=[plausible],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self):
        values = super().clean()
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day is before the first one."))
        elif since and until and (until - since).days > MOST_DAYS:
            self.add_error("until", _("At most one year at once."))
        return values


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
    organisers = _organisers(request.user)
    organiser = _chosen(request, organisers)
    time_zones.activate(request.user, organiser.pk)
    sees_all = request.user.has_perm(SEE_ALL, organiser)
    staff = None if sees_all else request.user
    now = timezone.now()
    today = timezone.localdate(now)
    form = PeriodForm(
        request.GET if "since" in request.GET else None, initial={"since": today, "until": today}
    )
    since, until = today, today
    if form.is_bound and form.is_valid():
        since, until = form.cleaned_data["since"], form.cleaned_data["until"]
        if "xlsx" in request.GET:
            return _xlsx(organiser, since, until, staff)
    may_count = request.user.has_perm(ADD, organiser)
    begins = takings.begins_at(organiser, request.user, now)
    count_form = CountForm(
        request.POST if request.method == "POST" and may_count else None,
        initial={"since": begins.isoformat()},
    )
    if count_form.is_bound and count_form.is_valid() and _counted(request, organiser, count_form, now):
        return redirect(f"{reverse('admin:sales_takings')}?organiser={organiser.pk}")
    lines = takings.lines(organiser, since, until, staff)
    taken, paid_out = takings.cash(organiser, request.user, begins, now)
    context = {
        **admin.site.each_context(request),
        "title": _("Takings"),
        "opts": Order._meta,
        "organiser": organiser,
        "organisers": organisers if len(organisers) > 1 else [],
        "sees_all": sees_all,
        "period": form,
        "since": since,
        "until": until,
        "rows": [_row(line) for line in lines],
        "totals": [_row(line) for line in takings.totals(lines)],
        "counts": [_count_row(row) for row in takings.counts(organiser, since, until, staff)],
        "count_form": drawn(count_form) if may_count else None,
        "begins": begins,
        "taken": money(taken, organiser.currency),
        "paid_out": money(paid_out, organiser.currency),
    }
    return TemplateResponse(request, "admin/sales/takings.html", context)


def _organisers(user) -> list[Organiser]:
    """Return the organisers whose takings the user may see, all or their own. Raise PermissionDenied if there are none."""
    allowed: set[int] | None = set()
    for permission in (SEE_ALL, ADD):
        found = permissions.organisers_where(user, permission)
        allowed = None if found is None or allowed is None else allowed | found
    organisers = list(permissions.within(Organiser.objects.order_by("name"), allowed))
    if not organisers:
        raise PermissionDenied
    return organisers


def _chosen(request: HttpRequest, organisers: list[Organiser]) -> Organiser:
    """Return the chosen organiser, or the first one if none was chosen. Raise Http404 if the user may not see the chosen one.

    A count of cash must not be recorded for another organiser than the one in the URL.
    """
    text = request.GET.get("organiser", "")
    if not text:
        return organisers[0]
    number = number_in(text, digits=17)
    for organiser in organisers:
        if organiser.pk == number:
            return organiser
    raise Http404("no such organiser")


def _counted(request: HttpRequest, organiser: Organiser, form: CountForm, now: datetime) -> bool:
    values = form.cleaned_data
    try:
        row = takings.count(organiser, **values, by=request.user, now=now)
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
