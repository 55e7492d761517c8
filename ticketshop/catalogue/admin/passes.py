"""Season passes."""

from collections.abc import Iterable

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.sections import NONE
from ticketshop.office.translated_admin import TranslatedAdmin

from .. import offers, pass_dates, sale_checks, stock
from ..models import SeasonPass, Tariff
from . import problems
from .form_choice import AsksForms, TellsOfForms
from .forms import SluggedForm, changed, check_capacity, in_order, places_field, sales_in_order, without_entry


class SeasonPassForm(SluggedForm):
    places = places_field(label=gettext_lazy("Number of passes"))

    class Meta:
        widgets = {
            "points_of_sale": forms.CheckboxSelectMultiple,
            "events": forms.CheckboxSelectMultiple,
            "sessions": forms.CheckboxSelectMultiple,
            "tariffs": forms.CheckboxSelectMultiple,
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk and "places" in self.fields:
            self.initial["places"] = self.instance.allotment.capacity
        if "sessions" in self.fields:
            # Dates that are over can be removed, but not added.
            wanted = Q(ends_at__gt=timezone.now())
            if self.instance.pk:
                wanted |= Q(pk__in=self.instance.sessions.values("pk"))
            self.fields["sessions"].queryset = self.fields["sessions"].queryset.filter(wanted)
        if "events" in self.fields:
            self.fields["events"].widget.can_add_related = False
        if "tariffs" in self.fields:
            self.fields["tariffs"].label_from_instance = lambda tariff: f"{tariff.event}: {tariff}"

    def clean_places(self):
        places = self.cleaned_data["places"]
        if self.instance.pk and "places" in self.changed_data:
            check_capacity(self.instance.allotment_id, places)
        return places

    def clean(self):
        values = super().clean()
        in_order(self, "valid_from", "valid_until", _("The last day is not before the first."))
        sales_in_order(self)
        in_order(
            self,
            "entries_per_date",
            "entries",
            _("The pass has fewer entries in all than for one date."),
            at="entries_per_date",
        )
        self._check_tariffs(values.get("tariffs") or [])
        if (
            values.get("opens") == SeasonPass.Opens.CHOSEN_EVENTS
            and not values.get("events")
            and changed(self, "opens", "events")
        ):
            self.add_error("events", _("Choose at least one event that the pass opens."))
        if (
            values.get("opens") == SeasonPass.Opens.CHOSEN_SESSIONS
            and not values.get("sessions")
            and changed(self, "opens", "sessions")
        ):
            self.add_error("sessions", _("Choose at least one date that the pass opens."))
        starts, last = values.get("sales_start_at"), values.get("valid_until")
        if (
            starts
            and last
            and localtime(starts).date() > last
            and changed(self, "sales_start_at", "valid_until")
        ):
            self.add_error("sales_start_at", _("Sales would begin only after the pass’s last day."))
        return values

    def _check_tariffs(self, tariffs: Iterable[Tariff]) -> None:
        """Add an error if two tariffs of bookings are of one event, or one can't be booked for one person alone."""
        if not changed(self, "tariffs"):
            return
        of_event: dict[int, Tariff] = {}
        for tariff in tariffs:
            if not pass_dates.fits_booking(tariff):
                text = _(
                    "“%(tariff)s” of “%(event)s” can’t be booked: it is not for one person alone. Choose another one."
                )
                self.add_error("tariffs", text % {"tariff": tariff, "event": tariff.event})
            if tariff.event_id in of_event:
                text = _("Choose one tariff of “%(event)s”.")
                self.add_error("tariffs", text % {"event": tariff.event})
            of_event[tariff.event_id] = tariff


@admin.register(SeasonPass)
class SeasonPassAdmin(TellsOfForms, AsksForms, TranslatedAdmin):
    form = SeasonPassForm
    translated = ("name", "teaser", "description")
    list_display = ["name", "price", "valid_from", "valid_until", "active"]
    list_filter = ["active", "points_of_sale"]
    ordering = ["-pk"]
    search_fields = ["name", "slug"]
    fieldsets = [
        (None, {"fields": ["active", "points_of_sale", "price", "vat_rate", "valid_from", "valid_until"]}),
        (gettext_lazy("What is asked"), {"fields": ["form", "extra_form"]}),
        (gettext_lazy("What it opens"), {"fields": ["opens", "events", "sessions"]}),
        (gettext_lazy("How often"), {"fields": ["entries", "entries_per_date"]}),
        (gettext_lazy("How its holder gets in"), {"fields": ["booking_needed", "tariffs", "cancel_hours"]}),
        (
            gettext_lazy("How many"),
            {
                "fields": [
                    "places",
                    "sold_text",
                    "max_per_order",
                    "max_per_person",
                    "sales_start_at",
                    "sales_end_at",
                ]
            },
        ),
        (gettext_lazy("Picture and address"), {"fields": ["image", "slug"]}),
    ]
    readonly_fields = ["sold_text"]

    def get_fieldsets(self, request, obj=None):
        return [
            (name, {**options, "fields": without_entry(self, request, obj, options["fields"])})
            for name, options in super().get_fieldsets(request, obj)
        ]

    def get_field_queryset(self, db, db_field, request):
        rows = super().get_field_queryset(db, db_field, request)
        if db_field.name == "sessions":
            rows = rows.select_related("event").order_by("starts_at")
        if db_field.name == "tariffs":
            rows = rows.select_related("event").order_by("-event", "position", "pk")
        return rows

    @admin.display(description=gettext_lazy("of these"))
    def sold_text(self, season_pass):
        """Return how many passes are sold and left."""
        if season_pass.allotment_id is None:
            return NONE
        pass_stock = stock.of_allotments([season_pass.allotment_id])[season_pass.allotment_id]
        return _("%(sold)d sold, %(held)d held, %(left)d left") % {
            "sold": pass_stock.sold,
            "held": pass_stock.held,
            "left": pass_stock.left,
        }

    def notes(self, request, row):
        heading = _("What visitors can’t buy, and why:")
        if not row.active:
            heading = _("This pass is not on sale. What is missing before it can be:")
        problems_of_pass = sale_checks.of_pass(row, timezone.now())
        return [
            *super().notes(request, row),
            *problems.notes(request, heading, problems_of_pass),
            *problems.notes(
                request,
                _("What holders of this pass can’t do, and why:"),
                sale_checks.of_bookings(row, timezone.now()),
            ),
        ]

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if form.instance.active:
            problems.warn(request, form.instance, sale_checks.of_pass(form.instance, timezone.now()))

    def save_model(self, request, obj, form, change):
        places = form.cleaned_data["places"]
        if not change:
            obj.allotment = offers.allotment_for_pass(obj, places)
        elif "places" in form.changed_data:
            offers.resize(obj.allotment_id, places)
        super().save_model(request, obj, form, change)
