"""Tariffs of an event: the rows on the event's page, and the page of one tariff."""

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from modeltranslation.admin import TranslationTabularInline

from ticketshop.office.scoped_inlines import RowForm, ScopedInline
from ticketshop.office.translated_admin import TranslatedAdmin, in_language
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from .. import sale_checks
from ..models import Tariff
from . import problems
from .form_choice import AsksForms, TellsOfForms
from .forms import changed, in_order, sales_in_order


class TariffForm(RowForm):
    def clean(self):
        values = super().clean()
        in_order(
            self, "min_per_order", "max_per_order", _("This is fewer than the least. Enter a larger number.")
        )
        if changed(self, "min_per_order", "max_per_person"):
            sentence = _("The smallest order holds more than one person may have. Enter a larger number.")
            in_order(self, "min_per_order", "max_per_person", sentence)
        sales_in_order(self)
        if (other := values.get("only_with")) and other.pk == self.instance.pk:
            self.add_error("only_with", _("Choose another tariff than this one."))
        return values


class TariffInline(AsksForms, ScopedInline, TranslationTabularInline):
    model = Tariff
    form = TariffForm
    deletable = True
    show_change_link = True
    extra = 1  # Without JavaScript, too, there is an empty row to fill.
    ordering = ["position", "pk"]

    def first_language(self, request, obj) -> str:
        """Return the code of the organiser's first language."""
        scope = {obj.organiser_id} if obj else request.form_organisers
        codes = permissions.within(Organiser.objects.order_by("pk"), scope).values_list(
            "languages", flat=True
        )
        return next(iter(codes.first() or ["en"]))

    def get_fieldsets(self, request, obj=None):
        name = f"name_{self.first_language(request, obj)}"
        return [
            (None, {"fields": [name, "price", "vat_rate", "max_per_order", "form", "position", "active"]})
        ]

    def get_formset(self, request, obj=None, **kwargs):
        formset = super().get_formset(request, obj, **kwargs)
        for name, field in formset.form.base_fields.items():
            if name.startswith("name_"):
                label = str(Tariff._meta.get_field("name").verbose_name)
                field.required, field.label = True, in_language(label, name.removeprefix("name_"))
        return formset


@admin.register(Tariff)
class TariffAdmin(TellsOfForms, AsksForms, TranslatedAdmin):
    """One tariff with all its settings. New tariffs are made on the event's page."""

    form = TariffForm
    off_the_list = True
    deletable = True
    translated = ("name", "description")
    list_display = ["name", "event", "price", "active"]
    list_select_related = ["event"]
    ordering = ["-pk"]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["event", "active", "price", "vat_rate", "position"]}),
        (
            gettext_lazy("How many"),
            {"fields": ["tickets_per_unit", "min_per_order", "max_per_order", "max_per_person"]},
        ),
        (gettext_lazy("What is asked"), {"fields": ["form"]}),
        (
            gettext_lazy("Restrictions"),
            {"fields": ["only_with", "sales_start_at", "sales_end_at", "may_be_given"]},
        ),
    ]
    readonly_fields = ["event"]

    def has_add_permission(self, request):
        return False

    def notes(self, request, row):
        heading = _("What visitors can’t buy, and why:")
        problems_of_tariff = sale_checks.of_tariff(row, timezone.now()) if row.active else []
        return [*super().notes(request, row), *problems.notes(request, heading, problems_of_tariff)]

    def get_form(self, request, obj=None, change=False, **kwargs):
        request.form_event = obj.event_id if obj else None
        return super().get_form(request, obj, change=change, **kwargs)

    def get_field_queryset(self, db, db_field, request):
        rows = super().get_field_queryset(db, db_field, request)
        if db_field.name == "only_with":
            rows = rows.filter(event_id=getattr(request, "form_event", None))
        return rows
