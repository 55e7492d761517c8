"""Dates of an event: the rows on the event's page, and the page of one date."""

from collections.abc import Callable
from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.web.formset_pages import PagedFormSet
from ticketshop.office.scoped_admin import ScopedAdmin
from ticketshop.office.scoped_inlines import RowForm, ScopedInline
from ticketshop.office.sections import Section, link

from .. import offers, sale_checks, stock
from ..models import Allotment, Offer, Session
from . import problems
from .forms import (
    changed,
    check_capacity,
    in_order,
    link_to_tickets,
    places_field,
    sales_in_order,
    without_entry,
)


class SessionForm(RowForm):
    """A date, and the number of its places."""

    places = places_field(required=False)

    def clean(self):
        values = super().clean()
        in_order(
            self,
            "starts_at",
            "ends_at",
            _("This end is not after the start. Enter a later one."),
            equal=False,
        )
        sales_in_order(self)
        if not values.get("sales_end_at") and changed(self, "sales_start_at", "sales_end_at", "starts_at"):
            sentence = _("Sales would begin only when the date has begun. Enter an earlier time.")
            in_order(self, "sales_start_at", "starts_at", sentence, equal=False, at="sales_start_at")
        return values

    def tell_stock(self, allotments: dict[int, stock.Stock]) -> None:
        """Show the stock. The number of places can be changed if the date has one allotment."""
        self.allotments = allotments
        total = sum(allotments.values(), stock.NOTHING)
        self.instance.stock = total if allotments else None
        if "places" not in self.fields:
            return
        if allotments:
            self.initial["places"] = total.capacity
            self.fields["places"].required = True
        self.fields["places"].disabled = len(allotments) > 1

    def clean_places(self):
        places = self.cleaned_data["places"]
        if len(self.allotments) == 1 and "places" in self.changed_data:
            check_capacity(next(iter(self.allotments)), places)
        return places

    def resize(self) -> None:
        """Write a changed number of places of a date with one allotment."""
        if len(self.allotments) == 1 and "places" in self.changed_data:
            offers.resize(next(iter(self.allotments)), self.cleaned_data["places"])

    @property
    def places_wanted(self) -> int | None:
        """Return the number of places to give a date that has none yet; None if nothing was entered."""
        return None if self.allotments else self.cleaned_data.get("places")


class SessionFormSet(PagedFormSet):
    """Dates of an event. Reads the places of all dates at once, and shows the page with the next date first."""

    per_page = 40
    parameter = "dates"
    title = gettext_lazy("Pages of dates")
    range_text = gettext_lazy("Dates %(first)s to %(last)s of %(count)s")

    def order(self):
        """Return the ids of the dates in the order in which they are listed."""
        if not self.instance.pk:
            return []
        dates = self.instance.sessions.order_by("starts_at", "pk").values_list("pk", "ends_at")
        self.ends = [end for _pk, end in dates]
        return [pk for pk, _end in dates]

    def first_shown(self):
        """Return the number of the page with the next date."""
        now = timezone.now()
        to_come = next((place for place, end in enumerate(self.ends) if end > now), 0) if self.ids else 0
        return to_come // self.per_page + 1

    def add_fields(self, form, index):
        super().add_fields(form, index)
        if not hasattr(self, "_stocks"):
            self._stocks = stock.of_sessions([session.pk for session in self.get_queryset()])
        form.tell_stock(self._stocks.get(form.instance.pk, {}))


def stock_text(session: Session) -> str:
    """Return “12 sold, 86 left”."""
    date_stock = getattr(session, "stock", None)
    if date_stock is None:
        return _("not on sale yet") if session.pk else ""
    return _("%(sold)d sold, %(left)d left") % {"sold": date_stock.sold, "left": date_stock.left}


class SessionInline(ScopedInline, admin.TabularInline):
    model = Session
    form = SessionForm
    formset = SessionFormSet
    template = "admin/parts/paged_inline.html"
    deletable = True
    show_change_link = True
    extra = 1  # Without JavaScript, too, there is an empty row to fill.
    fields = ["starts_at", "ends_at", "state", "places", "places_text"]
    readonly_fields = ["places_text"]
    ordering = ["starts_at"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("event")

    def get_fields(self, request, obj=None):
        return without_entry(self, request, obj, self.fields)

    @admin.display(description=gettext_lazy("of these"))
    def places_text(self, session):
        """Return the stock of the date as text."""
        return stock_text(session)


class OfferInline(ScopedInline, admin.TabularInline):
    """The tariffs in which a date is sold, each with its allotment."""

    model = Offer
    deletable = True
    fields = ["tariff", "allotment"]
    autocomplete_fields = ["allotment"]
    verbose_name_plural = gettext_lazy("sold in these tariffs")

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tariff", "allotment", "session__event")

    def get_formset(self, request, obj=None, **kwargs):
        request.form_event = obj.event_id if obj else None
        return super().get_formset(request, obj, **kwargs)

    def get_field_queryset(self, db, db_field, request):
        rows = super().get_field_queryset(db, db_field, request)
        if db_field.name == "tariff" and getattr(request, "form_event", None):
            rows = rows.filter(event_id=request.form_event)
        return rows


@admin.register(Session)
class SessionAdmin(ScopedAdmin):
    """One date. New dates are made on the event's page."""

    form = SessionForm
    # Functions of higher packages that return more tables: (request, session) -> sections.
    more_sections: ClassVar[list[Callable[[HttpRequest, Session], list[Section]]]] = []
    off_the_list = True
    deletable = True
    inlines = [OfferInline]
    list_display = ["starts_at", "event", "state"]
    list_filter = ["state"]
    list_select_related = ["event"]
    ordering = ["-starts_at", "-pk"]
    search_fields = ["event__title"]
    fieldsets = [
        (None, {"fields": ["event", "starts_at", "ends_at", "doors_at", "state"]}),
        (gettext_lazy("Sales"), {"fields": ["sales_start_at", "sales_end_at", "places"]}),
    ]
    readonly_fields = ["event"]

    def has_add_permission(self, request):
        return False

    def get_fieldsets(self, request, obj=None):
        return [
            (name, {**options, "fields": without_entry(self, request, obj, options["fields"])})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def get_form(self, request, obj=None, change=False, **kwargs):
        base = super().get_form(request, obj, change=change, **kwargs)

        class FormOfThisDate(base):
            def __init__(self, *args, **kw):
                super().__init__(*args, **kw)
                stocks = stock.of_sessions([self.instance.pk]) if self.instance.pk else {}
                self.tell_stock(stocks.get(self.instance.pk, {}))
                if "places" in self.fields and not self.allotments:
                    self.fields["places"].disabled = True

        return FormOfThisDate

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        form.resize()

    def notes(self, request, row):
        heading = _("What visitors can’t buy, and why:")
        problems_of_date = sale_checks.of_session(row, timezone.now())
        return [*super().notes(request, row), *problems.notes(request, heading, problems_of_date)]

    def links(self, request, row):
        links = super().links(request, row)
        return [
            *links,
            *link_to_tickets(request, row, _("Tickets of this date"), event=row.event_id, date=row.pk),
        ]

    def sections(self, request, row):
        stocks = stock.of_sessions([row.pk]).get(row.pk, {})
        allotments = Allotment.objects.in_bulk(list(stocks))
        rows = [
            [link(allotments[pk], allotments[pk].name), found.capacity, found.sold, found.held, found.left]
            for pk, found in stocks.items()
        ]
        columns = [_("name"), _("places"), _("sold"), _("held in carts"), _("left")]
        further = [section for sections in self.more_sections for section in sections(request, row)]
        return [Section(_("Allotments"), columns, rows), *further]
