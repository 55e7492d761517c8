"""Events with their texts, dates, places and tariffs on one page."""

from django import forms
from django.contrib import admin, messages
from django.db.models import Max, Min
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.office.mixins.paged_inlines import PagedInlinesMixin
from ticketshop.office.translated_admin import TranslatedAdmin
from ticketshop.organisers import permissions
from ticketshop.submissions import saved_forms

from .. import offers, sale_checks
from ..models import Event, Session, Tariff
from . import problems, simple_event
from .form_choice import TellsOfForms
from .forms import SluggedForm, link_to_tickets
from .order_forms import OrderFormInline
from .sessions import SessionInline
from .tariffs import TariffInline


class EventForm(SluggedForm):
    title_column = "title"

    class Meta:
        widgets = {"points_of_sale": forms.CheckboxSelectMultiple}


@admin.register(Event)
class EventAdmin(PagedInlinesMixin, TellsOfForms, TranslatedAdmin):
    form = EventForm
    translated = ("title", "teaser", "description", "image_alt")
    list_display = ["title", "state", "first_date", "last_date", "venue"]
    list_filter = ["state", "points_of_sale", "category", "venue"]
    list_select_related = ["venue"]
    ordering = ["-pk"]
    search_fields = ["title", "slug"]
    inlines = [TariffInline, SessionInline, OrderFormInline]
    actions = ["publish", "withdraw"]
    fieldsets = [
        (None, {"fields": ["state", "points_of_sale", "venue", "category"]}),
        (gettext_lazy("Picture and address"), {"fields": ["image", "slug"]}),
        (gettext_lazy("Reminder"), {"fields": ["reminder_hours"]}),
    ]

    def get_urls(self):
        @saved_forms.shows_saved_form
        def view(request):
            return simple_event.page(request, self)

        own = path("simple/", self.admin_site.admin_view(view), name="catalogue_event_simple")
        return [own, *super().get_urls()]

    def get_changelist_instance(self, request):
        page = super().get_changelist_instance(request)
        rows = [row.pk for row in page.result_list]
        dates = Session.objects.filter(event__in=rows).order_by().values("event_id")
        dates_by_event = {
            row["event_id"]: row for row in dates.annotate(first=Min("starts_at"), last=Max("starts_at"))
        }
        for row in page.result_list:
            row.dates = dates_by_event.get(row.pk, {})
        return page

    def response_change(self, request, obj):
        address = self.requested_part(request, obj)
        return redirect(address) if address else super().response_change(request, obj)

    @admin.display(description=gettext_lazy("first date"))
    def first_date(self, event):
        """Return when the first date of the event begins."""
        return _day(event.dates.get("first"))

    @admin.display(description=gettext_lazy("last date"))
    def last_date(self, event):
        """Return when the last date of the event begins."""
        return _day(event.dates.get("last"))

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        self._put_on_sale(request, form.instance, formsets)
        if form.instance.state == Event.State.PUBLISHED:
            problems.warn(request, form.instance, sale_checks.of_event(form.instance, timezone.now()))

    def _put_on_sale(self, request, event: Event, formsets) -> None:
        """Make offers of new tariffs and new dates. Warn of dates that have no tariff."""
        wanted = {}
        for formset in formsets:
            if formset.model is Tariff:
                offers.open_tariffs(event, formset.new_objects, now=timezone.now())
            elif formset.model is Session:
                for session_form in formset.forms:
                    if not session_form.has_changed() or session_form in formset.deleted_forms:
                        continue
                    session_form.resize()
                    if session_form.places_wanted is not None and session_form.instance.pk:
                        wanted[session_form.instance] = session_form.places_wanted
        if unsold := offers.open_sessions(event, wanted):
            messages.warning(
                request,
                ngettext(
                    "%(count)d date is not on sale: places are sold through tariffs. Add a tariff, then enter its places.",
                    "%(count)d dates are not on sale: places are sold through tariffs. Add a tariff, then enter their places.",
                    len(unsold),
                )
                % {"count": len(unsold)},
            )

    @admin.action(description=gettext_lazy("Publish"), permissions=["change"])
    def publish(self, request, queryset):
        """Show the chosen events in their shops."""
        self._set_state(request, queryset, Event.State.PUBLISHED)

    @admin.action(description=gettext_lazy("Withdraw: make them drafts"), permissions=["change"])
    def withdraw(self, request, queryset):
        """Take the chosen events out of their shops."""
        self._set_state(request, queryset, Event.State.DRAFT)

    def _set_state(self, request, queryset, state: str) -> None:
        count = 0
        for event in queryset.exclude(state=state):
            event.state = state
            event.save(update_fields=["state"])
            self.record(request, event, "changed", columns=["state"])
            count += 1
            if state == Event.State.PUBLISHED:
                problems.warn(request, event, sale_checks.of_event(event, timezone.now()))
        text = ngettext("%(count)d event was changed.", "%(count)d events were changed.", count)
        messages.success(request, text % {"count": count})

    def notes(self, request, row):
        heading = _("What visitors can’t buy, and why:")
        if row.state != Event.State.PUBLISHED:
            heading = _(
                "Visitors don’t see this event: it is a draft. What is missing before you publish it:"
            )
        problems_of_event = sale_checks.of_event(row, timezone.now())
        return [*super().notes(request, row), *problems.notes(request, heading, problems_of_event)]

    def links(self, request, row):
        slugs = permissions.within(row.points_of_sale.all(), {row.organiser_id}).values_list(
            "slug", flat=True
        )
        links = link_to_tickets(request, row, _("Tickets of this event"), event=row.pk)
        if row.state != Event.State.PUBLISHED:
            return links
        return links + [
            (_("In the shop “%(shop)s”") % {"shop": slug}, f"/{slug}/events/{row.slug}/") for slug in slugs
        ]


def _day(instant) -> str | None:
    return date_format(timezone.localtime(instant), "SHORT_DATE_FORMAT") if instant else None
