"""Season passes."""

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.sections import NONE
from ticketshop.office.translated_admin import TranslatedAdmin

from .. import offers, sale_checks, stock
from ..models import SeasonPass
from . import problems
from .form_choice import AsksForms, TellsOfForms
from .forms import SluggedForm, changed, check_capacity, in_order, places_field, sales_in_order, without_entry


class SeasonPassForm(SluggedForm):
    places = places_field(label=gettext_lazy("Number of passes"))

    class Meta:
        widgets = {
            "points_of_sale": forms.CheckboxSelectMultiple,
            "sessions": forms.CheckboxSelectMultiple,
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

    def clean_places(self):
        places = self.cleaned_data["places"]
        if self.instance.pk and "places" in self.changed_data:
            check_capacity(self.instance.allotment_id, places)
        return places

    def clean(self):
        values = super().clean()
        in_order(self, "valid_from", "valid_until", _("The last day is not before the first."))
        sales_in_order(self)
        if values.get("opens") == SeasonPass.Opens.ENTRIES and not values.get("entries"):
            self.add_error("entries", _("Enter how many times the pass opens the door."))
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
        (gettext_lazy("What it opens"), {"fields": ["opens", "sessions", "entries"]}),
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
        return [*super().notes(request, row), *problems.notes(request, heading, problems_of_pass)]

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
