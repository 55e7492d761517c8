"""Back office: log-ins and roles, for the platform's administrator. Passwords are neither shown nor set here."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.values.email_addresses import searched_email
from ticketshop.office.buttons import Button, Outcome, always
from ticketshop.office.scoped_admin import ReadOnlyAdmin, ScopedAdmin
from ticketshop.office.scoped_inlines import ReadOnlyInline, RowForm
from ticketshop.organisers.models import StaffMembership

from .models import User
from .second_factor import factors
from .staff import admin as staff_admin


class NewUserForm(RowForm):
    """A new log-in: only its e-mail address. Its owner chooses the password."""

    class Meta:
        model = User
        fields = ["email"]


class MembershipsInline(ReadOnlyInline, admin.TabularInline):
    """The organisers a log-in is a staff member of."""

    model = StaffMembership
    fields = ["organiser", "role"]
    readonly_fields = fields
    verbose_name_plural = _("staff of")

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("organiser", "role")


def _reset_factor(request, user: User, now: datetime) -> Outcome:
    return staff_admin.reset_factor(user, user, by=request.user, now=now)


@admin.register(User)
class UserAdmin(ScopedAdmin):
    """Log-ins. They can be switched off, and made administrators of the platform."""

    list_display = ["email", "is_active", "is_superuser", "date_joined", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    ordering = ["-pk"]
    search_fields = ["email__istartswith"]
    search_help_text = _("The beginning of the address.")
    fieldsets = [
        (None, {"fields": ["email", "is_active", "date_joined", "last_login"]}),
        (
            _("Platform"),
            {
                "fields": ["is_superuser"],
                "description": _(
                    "Administrators of the platform see and change everything of all organisers."
                ),
            },
        ),
    ]
    readonly_fields = ["email", "date_joined", "last_login"]
    inlines = [MembershipsInline]
    buttons = (
        Button(
            "reset-second-factor",
            _("Reset the second step"),
            ("accounts.change_user",),
            factors.types_of,
            staff_admin.reset_factor_question,
            _reset_factor,
            serious=True,
            asks_password=always,
        ),
    )

    def get_search_results(self, request, queryset, search_term):
        return super().get_search_results(request, queryset, searched_email(search_term))

    def get_inlines(self, request, obj):
        return self.inlines if obj else []

    def get_fieldsets(self, request, obj=None):
        if obj:
            return self.fieldsets
        hint = _("They choose a password with “Forgot your password?” on the log-in page.")
        return [(None, {"fields": ["email"], "description": hint})]

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        # Administrators can't lock themselves out.
        own = ["is_active", "is_superuser"] if obj == request.user else []
        return [*self.readonly_fields, *own]

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change, **kwargs)

    def response_add(self, request, obj, post_url_continue=None):
        """Tell how the owner of a new log-in gets a password."""
        sentence = _(
            "The log-in %(email)s is added. They choose a password with “Forgot your password?” on the log-in page. To make them"
            " staff, add the address to the staff of an organiser."
        )
        messages.success(request, sentence % {"email": obj.email})
        return self.back_to(obj)

    def response_change(self, request, obj):
        """Name the log-in by its e-mail address, where Django would write its number."""
        messages.success(request, _("The log-in %(email)s is changed.") % {"email": obj.email})
        return (
            self.back_to(obj) if "_continue" in request.POST else self.response_post_save_change(request, obj)
        )

    def heading(self, row):
        return row.email

    def save_model(self, request, obj, form, change):
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.set_unusable_password()
            obj.save(force_insert=True)


class GroupAdmin(ReadOnlyAdmin):
    """The roles and their permissions, read only: ``ticketshop.roles`` defines them."""

    list_display = ["name"]
    ordering = ["name"]
    fields = ["name", "permissions_text"]
    readonly_fields = fields

    @admin.display(description=_("may"))
    def permissions_text(self, group):
        names = group.permissions.order_by("content_type__app_label", "codename")
        return ", ".join(names.values_list("codename", flat=True))


# allauth's page shows what secrets are made of. Second factors are reset with a button of the log-in.
admin.site.unregister(Authenticator)
admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)
