"""The page *Figures* and its spreadsheet."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ticketshop.catalogue.models import Event
from ticketshop.lib.spreadsheets.formats import Cell, Header, Word, Xlsx
from ticketshop.office import time_zones
from ticketshop.organisers.models import Organiser

from ...exports import figures
from ...exports.figures import Figures
from ...models import Order
from ..periods import PeriodForm, chosen_organiser, organisers_where
from . import curves, tables

SEE = "sales.view_figures"
# The days that the page shows first.
LATEST = 30


class FiguresForm(PeriodForm):
    """The period, and one event or all."""

    most_days = 366 * 2
    too_long = gettext_lazy("At most two years at once.")

    event = forms.ModelChoiceField(
        Event.objects.none(), label=gettext_lazy("Event"), required=False, empty_label=gettext_lazy("All")
    )

    def __init__(self, data, organiser: Organiser, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["event"].queryset = Event.objects.filter(organiser=organiser).order_by("title", "pk")


@require_safe
def page(request: HttpRequest):
    """Show the figures of a period, or write them as spreadsheet."""
    organisers = organisers_where(request.user, SEE)
    organiser = chosen_organiser(request, organisers)
    time_zones.activate(request.user, organiser.pk)
    until = timezone.localdate(timezone.now(), organiser.zone)
    since, event = until - timedelta(days=LATEST - 1), None
    form = FiguresForm(
        request.GET if "since" in request.GET else None,
        organiser,
        initial={"since": since, "until": until},
    )
    if form.is_bound and form.is_valid():
        since, until, event = (form.cleaned_data[name] for name in ("since", "until", "event"))
    found = figures.read(organiser, since, until, event)
    if "xlsx" in request.GET and not form.errors:
        return _xlsx(found)
    return TemplateResponse(
        request,
        "admin/sales/figures.html",
        {
            **admin.site.each_context(request),
            "title": _("Figures"),
            "opts": Order._meta,
            "organiser": organiser,
            "organisers": organisers if len(organisers) > 1 else [],
            "period": form,
            "since": since,
            "until": until,
            "event": event,
            "curves": _curves(found),
            "tables": [_drawn(table, organiser.currency) for table in tables.all_tables(found)],
        },
    )


def _curves(found: Figures) -> list[curves.Curves]:
    """Return the drawings: tickets by day, and amounts by day."""
    days = list(found.every_day())
    sales = [found.days.get(day, figures.Sales()) for day in days]
    amounts = [(_("Sales"), [row.net for row in sales])]
    if found.has_money:
        money = [found.days_money.get(day, figures.Money()) for day in days]
        amounts.append((_("Money received, less what went back"), [row.left for row in money]))
    tickets = [
        (_("Tickets sold"), [row.tickets for row in sales]),
        (_("Cancelled"), [row.cancelled for row in sales]),
    ]
    return [
        curves.draw(_("Tickets by day"), days, tickets, tables.number_text),
        curves.draw(
            _("%(currency)s by day") % {"currency": found.organiser.currency},
            days,
            amounts,
            tables.number_text,
        ),
    ]


def _drawn(table: tables.Table, currency: str) -> dict:
    """Return a table as texts."""
    names = tables.labels()
    return {
        "code": table.code,
        "title": table.title,
        "note": table.note,
        "heads": table.heads,
        "columns": [names[key] for key in table.columns],
        "rows": [
            {
                "about": [tables.about_text(cell) for cell in row.about],
                "numbers": tables.texts(table, row, currency),
            }
            for row in table.rows
        ],
    }


# --- spreadsheet ------------------------------------------------------------------------------------------------
def _xlsx(found: Figures) -> HttpResponse:
    names = tables.labels()
    keys = ("table", "what", "of", *tables.OF_SALES, *tables.OF_MONEY, "currency")
    labels = (
        _("Table"), _("What"), _("Of"), *(names[key] for key in (*tables.OF_SALES, *tables.OF_MONEY)), _("Currency"),
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "figures.xlsx"
        Xlsx().write(path, Header(keys, labels), _cells(found))
        content = path.read_bytes()
    response = HttpResponse(content, content_type=Xlsx.content_type)
    name = f"figures-{found.since:%Y-%m-%d}-{found.until:%Y-%m-%d}.{Xlsx.extension}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cells(found: Figures) -> Iterator[list[Cell]]:
    """Yield the rows of all tables one after the other; a number that a table does not show is empty."""
    for table in tables.all_tables(found):
        for row in table.rows:
            *of, what = row.about or [found.event.title if found.event else ""]
            values = tables.numbers(row)
            shown = [
                values[key] if key in table.columns else None for key in (*tables.OF_SALES, *tables.OF_MONEY)
            ]
            yield [Word(table.code, table.title), what, *(of or [None]), *shown, found.organiser.currency]
