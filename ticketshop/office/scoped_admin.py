"""Base classes of all back-office pages: staff see only rows of organisers where they work.

Each model names the path to its organiser (``organiser_path``). Permissions are checked per organiser, because a person
may own one organiser and sell at the box office of another. A row of another organiser gives the same 404 as a missing row.
Django's *delete* is off unless a class sets ``deletable = True``. Changes are recorded in ``history``, not in Django's log.
"""

from functools import partial

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ticketshop.history import history
from ticketshop.history.models import Event
from ticketshop.lib.translated import in_every_language
from ticketshop.lib.values.text import number_in
from ticketshop.lib.web import pages
from ticketshop.organisers import permissions

from . import changes, time_zones
from .buttons import ButtonsMixin
from .lists import OwnRowsFilter, PageList, UncountedPaginator
from .mixins import concurrent_edits
from .mixins.ambiguous_times import AmbiguousTimesMixin
from .mixins.concurrent_edits import ConcurrentEditsMixin, MergeEditsMixin
from .mixins.confirmation import ConfirmationMixin
from .mixins.unsaved_input import UnsavedInputMixin
from .mixins.uploads import StorageErrorsMixin
from .scoped import Scoped
from .scoped_inlines import RowForm
from .sections import Section


class ScopedForm(RowForm):
    """Base class of the forms of pages.

    ``fixed_organiser`` is the organiser of a new row if the form does not show that field, so that constraints with the
    organiser are still checked.
    """

    fixed_organiser: int | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.fixed_organiser and self.instance._state.adding:
            self.instance.organiser_id = self.fixed_organiser

    def _get_validation_exclusions(self):
        known = "organiser" not in self.fields and getattr(self.instance, "organiser_id", None)
        return super()._get_validation_exclusions() - ({"organiser"} if known else set())


class ScopedAdmin(
    StorageErrorsMixin,
    ConcurrentEditsMixin,
    AmbiguousTimesMixin,
    ConfirmationMixin,
    UnsavedInputMixin,
    ButtonsMixin,
    Scoped,
    admin.ModelAdmin,
):
    """Base class of all pages."""

    form = ScopedForm
    paginator = UncountedPaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    # True for pages that are opened from another page and are not in the menu.
    off_the_list = False
    # Whether the history records old and new values. True for settings only, never for personal data.
    records_values = False

    def check(self, **kwargs):
        assert not self.raw_id_fields, "a raw id shows the text of any row: use autocomplete_fields"
        assert not self.date_hierarchy, "a date hierarchy reads the whole table"
        for admin_class in (self, *self.inlines):
            assert issubclass(admin_class.form, MergeEditsMixin), (
                "concurrent edits must be merged: derive from ScopedForm or RowForm"
            )
        return super().check(**kwargs)

    def get_urls(self):
        # Without Django's last pattern, which takes any path for an id and redirects.
        return [url for url in super().get_urls() if url.name is not None]

    # --- permissions -------------------------------------------------------------------------------------
    def has_add_permission(self, request):
        return permissions.has(request.user, self.permission("add"))

    def has_module_permission(self, request):
        return not self.off_the_list and self.has_view_or_change_permission(request)

    def row_for(self, request: HttpRequest, object_id: str, *needed: str):
        """Return the row for a button. Raise Http404 if it is missing or foreign, PermissionDenied without the permissions."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404("no such row")
        if not all(request.user.has_perm(permission, row) for permission in needed):
            raise PermissionDenied
        return row

    def _get_obj_does_not_exist_redirect(self, request, opts, object_id):
        # Django would redirect with a message that names the id.
        raise Http404("no such row")

    # --- lists ---------------------------------------------------------------------------------------
    def get_changelist(self, request, **kwargs):
        return PageList

    def get_search_fields(self, request):
        """Search texts in every language, because a missing translation is shown in another language."""
        return [
            column
            for path in super().get_search_fields(request)
            for column in in_every_language(self.model, path)
        ]

    def get_list_filter(self, request):
        return [self._own_rows(item) for item in super().get_list_filter(request)]

    def _own_rows(self, item):
        if not isinstance(item, str):
            return item
        field = get_fields_from_path(self.model, item)[-1]
        return (item, OwnRowsFilter) if field.remote_field else item

    def lookup_allowed(self, lookup, value, request=None):
        """Allow only the page's own filters, so that a query string can't read other columns."""
        names = [
            item[0] if isinstance(item, tuple | list) else item for item in self.get_list_filter(request)
        ]
        return any(
            lookup == name or lookup.startswith(f"{name}__")
            for name in (getattr(item, "parameter_name", item) for item in names)
        )

    def response_action(self, request, queryset):
        """Limit an action to those of the posted rows that the user may change with it."""
        chosen = self.get_actions(request).get(request.POST.get("action", ""))
        for verb in getattr(chosen[0], "allowed_permissions", ()) if chosen else ():
            queryset = permissions.within(queryset, self.allowed(request, verb))
        return super().response_action(request, queryset)

    # --- forms ---------------------------------------------------------------------------------------
    def form_organisers(self, request: HttpRequest, obj) -> set[int] | None:
        """Return the organisers that the form may be about: the row's, the chosen one, or all to which the user may add."""
        if obj is not None:
            return {permissions.organiser_id_of(obj)}
        addable = self.allowed(request, "add")
        chosen = number_in(request.POST.get("organiser") or request.GET.get("organiser"), digits=17)
        if chosen is not None and (addable is None or chosen in addable):
            return {chosen}
        return addable

    def names_organiser(self) -> bool:
        """Return whether the row has its own foreign key to the organiser."""
        return getattr(self.model, "organiser_path", None) == "organiser"

    def _shows_organiser(self, request, obj) -> bool:
        verbs = ("view", "change") if obj else ("add",)
        organisers = self.allowed(request, *verbs)
        return self.names_organiser() and (organisers is None or len(organisers) > 1)

    def get_fieldsets(self, request, obj=None):
        fieldsets = [(name, dict(options)) for name, options in super().get_fieldsets(request, obj)]
        if self._shows_organiser(request, obj):
            name, options = fieldsets[0]
            fieldsets[0] = (name, {**options, "fields": ["organiser", *options["fields"]]})
        return fieldsets

    def get_readonly_fields(self, request, obj=None):
        fields = list(super().get_readonly_fields(request, obj))
        return [*fields, "organiser"] if obj and self.names_organiser() else fields

    def get_form(self, request, obj=None, change=False, **kwargs):
        request.form_organisers = scope = self.form_organisers(request, obj)
        form = super().get_form(request, obj, change=change, **kwargs)
        form.seen = concurrent_edits.of_request(request)
        if obj is None and self.names_organiser():
            form.fixed_organiser = next(iter(scope)) if scope and len(scope) == 1 else None
        return form

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "organiser":
            kwargs["queryset"] = permissions.within(
                db_field.remote_field.model._default_manager.order_by("name"), self.allowed(request, "add")
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        time_zones.activate(request.user)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_object(self, request, object_id, from_field=None):
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            time_zones.activate(request.user, permissions.organiser_id_of(row))
        return row

    # --- saving --------------------------------------------------------------------------------------
    def save_model(self, request, obj, form, change):
        """Save the changed columns only, so that concurrent changes of other columns stay."""
        if not change:
            obj.save(force_insert=True)
            return
        self.start_watch(request, obj)
        columns = {field.name: field for field in obj._meta.concrete_fields}
        changed = [name for name in form.changed_data if name in columns]
        if changed:
            obj.save(update_fields=changed)
        for name in changed:
            old = form.initial.get(name)
            if isinstance(columns[name], models.FileField) and old:
                transaction.on_commit(partial(old.storage.delete, old.name))

    def save_formset(self, request, form, formset, change):
        if not change and not request.user.has_perm(
            f"{formset.model._meta.app_label}.{get_permission_codename('add', formset.model._meta)}",
            form.instance,
        ):
            raise PermissionDenied
        super().save_formset(request, form, formset, change)

    # --- history -------------------------------------------------------------------------------------
    def construct_change_message(self, request, form, formsets, add=False):
        return changes.summary(form, formsets or [], values=self.records_values and not add)

    def log_addition(self, request, obj, message):
        self.record(request, obj, "created")

    def log_change(self, request, obj, message):
        if message:
            self.record(request, obj, "changed", **message)

    def log_deletions(self, request, queryset):
        for row in queryset:
            self.record(request, row, "deleted")

    def record(self, request, row, action: str, **details) -> None:
        """Record ``action`` on ``row`` in the history, with the user and the row's organiser."""
        history.record(
            row,
            action,
            by=request.user,
            now=timezone.now(),
            organiser_id=permissions.organiser_id_of(row),
            **details,
        )

    def events(self, row) -> models.QuerySet[Event]:
        """Return the history records that the row's page shows."""
        return history.of(row)

    def may_see_history(self, request, row) -> bool:
        """Return whether the user may see the history of the row."""
        return request.user.has_perm("history.view_event", row)

    def sections(self, request, row) -> list[Section]:
        """Return tables of related rows to show below the form."""
        return []

    def links(self, request, row) -> list[tuple[str, str]]:
        """Return links to show beside the heading, as (text, URL)."""
        return []

    def notes(self, request, row) -> list[str]:
        """Return sentences to show above the form."""
        return []

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        # Django's titles put a preposition before the name of the model, which is wrong in French before a vowel.
        name = self.opts.verbose_name
        context["title"] = _("Add %(what)s") % {"what": name} if add else capfirst(name)
        if obj is not None:
            context["notes"] = self.notes(request, obj)
            context["sections"] = self.sections(request, obj)
            context["links"] = self.links(request, obj)
        if obj is not None and self.may_see_history(request, obj):
            context["history"] = self.events(obj)[:10]
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(self, request, object_id, extra_context=None):
        row = self.row_for(request, object_id, "history.view_event")
        context = {
            **self.admin_site.each_context(request),
            "title": _("History: %s") % row,
            "page": pages.page_of(self.events(row), request.GET.get("page"), 50),
            "object": row,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/object_history.html", context)

    # --- small helpers of pages ------------------------------------------------------------------------
    def back_to(self, row):
        """Return a redirect to the row's page."""
        return redirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]))


class ReadOnlyAdmin(ScopedAdmin):
    """Base class of pages that only show rows; buttons may still change them."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(self.permission("view"), obj)

    def get_readonly_fields(self, request, obj=None):
        return list(self.readonly_fields)
