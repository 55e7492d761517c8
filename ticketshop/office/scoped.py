"""Base class of pages and inlines: permissions per organiser, the rows a person may see, and the form fields."""

from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_permission_codename
from django.db import models
from django.http import HttpRequest

from ticketshop.lib.dates.moments import MomentField
from ticketshop.lib.dates.typed_days import plausible
from ticketshop.lib.forms.fields import printable
from ticketshop.lib.images import PictureField
from ticketshop.lib.values.numbers import NumberField
from ticketshop.organisers import permissions

from .form_fields import Lines, LocalDate, LocalDateTime, OneLine, RowSelect


class Scoped:
    """Base class of pages and inlines: permissions per organiser, the querysets, and the form fields."""

    deletable = False
    formfield_overrides = {
        models.DateTimeField: {"form_class": MomentField, "widget": LocalDateTime},
        models.DecimalField: {"form_class": NumberField},
        models.DateField: {"widget": LocalDate},
        models.ImageField: {"form_class": PictureField},
        models.CharField: {"form_class": OneLine},
        models.TextField: {"form_class": Lines},
        models.SlugField: {"form_class": forms.SlugField},
    }

    def allowed(self, request: HttpRequest, *verbs: str) -> set[int] | None:
        """Return the ids of the organisers in which the user may do one of ``verbs`` to these rows; None means all."""
        ids: set[int] = set()
        for verb in verbs:
            organisers = permissions.organisers_where(request.user, self.permission(verb))
            if organisers is None:
                return None
            ids |= organisers
        return ids

    def permission(self, verb: str) -> str:
        """Return the name of the permission for ``verb``, such as "sales.view_order"."""
        return f"{self.opts.app_label}.{get_permission_codename(verb, self.opts)}"

    def get_queryset(self, request):
        return permissions.within(super().get_queryset(request), self.allowed(request, "view", "change"))

    # In an inline ``obj`` is the row of the page, which belongs to the same organiser.
    def has_view_permission(self, request, obj=None):
        return permissions.has(request.user, self.permission("view"), obj) or self.has_change_permission(
            request, obj
        )

    def has_change_permission(self, request, obj=None):
        return permissions.has(request.user, self.permission("change"), obj)

    def has_delete_permission(self, request, obj=None):
        return self.deletable and permissions.has(request.user, self.permission("delete"), obj)

    def get_field_queryset(self, db, db_field, request):
        """Return the rows that a foreign key may point to: those of the form's organiser. Others are invalid choices."""
        model = db_field.remote_field.model
        rows = super().get_field_queryset(db, db_field, request)
        rows = model._default_manager.all() if rows is None else rows
        if not hasattr(model, "organiser_path"):
            return rows if request.user.is_superuser else rows.none()
        scope = getattr(request, "form_organisers", self.allowed(request, "view", "change", "add"))
        return permissions.within(rows, scope)

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RowSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: models.Field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, models.CharField) and isinstance(field, forms.CharField):
            field.validators = [*field.validators, printable]  # titles and names are printed on tickets
        if isinstance(db_field, models.DateField) and field is not None:
            field.validators = [*field.validators, plausible]
        widget = getattr(field, "widget", None)
        # Related rows are opened from their own lists only; a new one may be added here.
        for name in ("can_change_related", "can_delete_related", "can_view_related"):
            if hasattr(widget, name):
                setattr(widget, name, False)
        if db_field.name == "organiser" and hasattr(widget, "can_add_related"):
            widget.can_add_related = False
        if isinstance(widget, RelatedFieldWidgetWrapper):
            # Otherwise each box of a group refers to a help text whose element has no id.
            widget.use_fieldset = widget.widget.use_fieldset
        return field
