"""Back office: organisers, staff and history. The page of a point of sale is in ``sales.admin``."""

from collections.abc import Iterable

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ticketshop.history import texts
from ticketshop.history.models import Event
from ticketshop.lib.values.email_addresses import EmailField
from ticketshop.organisers.models import Organiser, StaffMembership
from ticketshop.organisers.role_names import ROLES

from .forms import (
    CONTENT_LANGUAGES_HELP,
    LanguagesField,
    SuggestedField,
    country_names,
    currency_names,
    time_zones,
)
from .scoped_admin import ReadOnlyAdmin, ScopedAdmin, ScopedForm
from .scoped_inlines import ScopedInline
from .sections import NONE


class RoleField(forms.ModelChoiceField):
    def label_from_instance(self, role):
        return str(ROLES.get(role.name, role.name))


class MemberColumns:
    """Columns of a membership, for users who may only see it."""

    @admin.display(description=_("log-in"))
    def log_in(self, membership):
        return membership.user.email

    @admin.display(description=_("role"))
    def role_text(self, membership):
        return ROLES.get(membership.role.name, membership.role.name)


class MembershipForm(ScopedForm):
    """A membership, named by the e-mail address of the log-in. A membership keeps its log-in: only the role can change."""

    email = EmailField(label=_("E-mail address of the log-in"))
    role = RoleField(label=_("Role"), queryset=Group.objects.order_by("name"))

    class Meta:
        model = StaffMembership
        fields = ["role"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk and "email" in self.fields:
            self.fields["email"].disabled = True
            self.fields["email"].initial = self.instance.user.email

    def clean_email(self):
        if self.instance.pk:
            return self.instance.user.email
        user = get_user_model().objects.filter(email=self.cleaned_data["email"]).first()
        if user is None:
            raise forms.ValidationError(_("Nobody logs in with this address. Add the log-in first."))
        self.instance.user = user
        return user.email

    def clean(self):
        values = super().clean()
        if self.instance.user_id:
            values["user"] = self.instance.user
        return values

    def _get_validation_exclusions(self):
        # The form has no field for the log-in, but each log-in has one membership per organiser. A formset compares its
        # rows by cleaned values, so a row that is only shown, and has no cleaned log-in, must not be compared.
        return super()._get_validation_exclusions() - (self.cleaned_data.keys() & {"user"})


class StaffInline(MemberColumns, ScopedInline, admin.TabularInline):
    model = StaffMembership
    form = MembershipForm
    fields = ["email", "role"]
    deletable = True

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user", "role")

    def get_readonly_fields(self, request, obj=None):
        # Users without the permission to change see the log-in as text.
        return [] if self.has_change_permission(request, obj) else ["log_in", "role_text"]

    def get_fields(self, request, obj=None):
        return self.fields if self.has_change_permission(request, obj) else ["log_in", "role_text"]


class OrganiserForm(ScopedForm):
    languages = LanguagesField(
        label=_("Languages"), choices=settings.CONTENT_LANGUAGES, help_text=CONTENT_LANGUAGES_HELP
    )
    country = SuggestedField(label=_("Country"), choices=country_names)
    currency = SuggestedField(label=_("Currency"), choices=currency_names)
    time_zone = SuggestedField(label=_("Time zone"), choices=time_zones)

    def clean_legal_name(self):
        name = self.cleaned_data["legal_name"]
        if not name and "legal_name" in self.changed_data and self.instance.pk:
            shops = self.instance.points_of_sale.filter(active=True).values_list("name", flat=True)
            if shops:
                sentence = _("Needed while a point of sale is switched on: %(shops)s.")
                raise forms.ValidationError(sentence % {"shops": ", ".join(shops)})
        return name


@admin.register(Organiser)
class OrganiserAdmin(ScopedAdmin):
    form = OrganiserForm
    records_values = True
    list_display = ["name", "city", "country", "currency"]
    ordering = ["name"]
    inlines = [StaffInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "name",
                    "legal_name",
                    "street",
                    "house_number",
                    "postcode",
                    "city",
                    "country",
                    "vat_number",
                ]
            },
        ),
        (_("Language, money and time"), {"fields": ["languages", "currency", "time_zone"]}),
        (_("Payment"), {"fields": ["bank_reminder_days", "bank_expiry_days"]}),
        (_("Privacy"), {"fields": ["privacy_contact", "customer_years"]}),
        (_("Papers"), {"fields": ["receipt_limit", "archive_years"]}),
        (_("Withdrawal"), {"fields": ["withdrawal"]}),
        (_("Security"), {"fields": ["second_factor_required"]}),
        (
            _("Friends and family"),
            {
                "description": _(
                    "For all your points of sale; each of them switches the function on by itself."
                ),
                "fields": [
                    "link_consent_required",
                    "single_part_names",
                    "link_adds_per_hour",
                    "link_adds_per_day",
                    "link_mismatches_per_hour",
                    "link_mails_per_day",
                    "link_mails_per_week",
                    "link_request_days",
                    "unclaimed_purge_days",
                ],
            },
        ),
    ]

    def links(self, request, row):
        staff = (_("Staff"), reverse("admin:organisers_staffmembership_changelist"))
        may = request.user.has_perm("organisers.manage_staff", row)
        return [*super().links(request, row), *([staff] if may else [])]


@admin.register(StaffMembership)
class StaffMembershipAdmin(MemberColumns, ScopedAdmin):
    """The staff of all organisers. The platform's administrator changes it here; owners have the buttons of ``accounts.staff``."""

    form = MembershipForm
    deletable = True
    records_values = False
    list_display = ["log_in", "organiser", "role_text"]
    list_filter = ["organiser"]
    list_select_related = ["user", "organiser", "role"]
    ordering = ["organiser_id", "pk"]
    fields = ["email", "role"]

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return fields if self.has_change_permission(request, obj) else [*fields, "log_in", "role_text"]

    def get_fields(self, request, obj=None):
        return self.fields if self.has_change_permission(request, obj) else ["log_in", "role_text"]


# Models whose title contains no personal data -> the related rows that the title reads.
TITLED: dict[str, tuple[str, ...]] = {
    "sales.order": (),
    "sales.ticket": (),
    "sales.issuedpass": (),
    "contacts.contact": (),
    "catalogue.event": (),
    "catalogue.session": ("event",),
}


def _titles(events: Iterable[Event]) -> dict[tuple[str, str], str]:
    """Return (model, id) -> title of the row; one query for each model."""
    ids_by_model: dict[str, set] = {}
    for event in events:
        if event.model in TITLED:
            ids_by_model.setdefault(event.model, set()).add(event.object_id)
    return {
        (name, str(row.pk)): str(row)
        for name, ids in ids_by_model.items()
        if (model := texts.model_of(name)) is not None
        for row in model._base_manager.select_related(*TITLED[name]).filter(pk__in=ids)
    }


@admin.register(Event)
class HistoryAdmin(ReadOnlyAdmin):
    """All history records, newest first."""

    list_display = ["at", "what", "action_text", "details_text", "who"]
    list_display_links = None
    list_select_related = ["by"]
    ordering = ["-at", "-pk"]
    fields = ["at", "what", "action_text", "details_text", "who"]
    readonly_fields = fields

    def get_changelist_instance(self, request):
        page = super().get_changelist_instance(request)
        titles = _titles(page.result_list)
        for event in page.result_list:
            event.row_title = titles.get((event.model, str(event.object_id)), str(event.object_id))
        return page

    @admin.display(description=_("what"))
    def what(self, event):
        """Return the model and title of the row, linked to its page if it has one."""
        room, name = event.model.split(".")
        model = texts.model_of(event.model)
        label = str(model._meta.verbose_name) if model else event.model
        title = getattr(event, "row_title", None) or _titles([event]).get(
            (event.model, str(event.object_id)), str(event.object_id)
        )
        try:
            url = reverse(f"admin:{room}_{name}_change", args=[event.object_id])
        except NoReverseMatch:
            return f"{label} {title}"
        return format_html('<a href="{}">{} {}</a>', url, label, title)

    @admin.display(description=_("action"))
    def action_text(self, event):
        return texts.action_text(event)

    @admin.display(description=_("details"))
    def details_text(self, event):
        return "; ".join(texts.detail_lines(event))

    @admin.display(description=_("who"))
    def who(self, event):
        return event.by.email if event.by else NONE
