"""Base classes of forms and inlines."""

from django import forms
from django.contrib import admin
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ticketshop.lib.forms.formsets import BoundedFormSet

from .mixins import concurrent_edits
from .mixins.concurrent_edits import MergeEditsMixin
from .scoped import Scoped


class RowForm(MergeEditsMixin, forms.ModelForm):
    """Base class of the forms of inlines."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            # Django does not give a declared field the default of its column.
            for name in self.declared_fields.keys() & self.fields.keys():
                column = _column(self.instance, name)
                if column is not None and column.has_default() and self.fields[name].initial is None:
                    self.initial.setdefault(name, column.get_default())


def _column(row: models.Model, name: str) -> models.Field | None:
    return next((column for column in row._meta.concrete_fields if column.name == name), None)


class ScopedInline(Scoped):
    """Base class of inlines, together with Django's ``TabularInline`` or ``StackedInline``."""

    extra = 0
    form = RowForm
    formset = BoundedFormSet

    def has_add_permission(self, request, obj=None):
        return request.user.has_perm(self.permission("add"), obj)

    def get_formset(self, request, obj=None, **kwargs):
        """Give each field a label for screen readers, because the heading of a table column is no label of its fields."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.seen = concurrent_edits.of_request(request)
        if isinstance(self, admin.TabularInline):
            for name, field in formset.form.base_fields.items():
                widget = getattr(field.widget, "widget", field.widget)
                widget.attrs.setdefault("aria-label", capfirst(str(field.label or "")))
                if field.help_text:  # it stands in the heading of the column
                    widget.attrs["aria-describedby"] = f"{self.opts.model_name}-{name}-help"
            formset.deletion_widget = forms.CheckboxInput(attrs={"aria-label": _("Delete")})
        return formset


class ReadOnlyInline(ScopedInline):
    """Base class of inlines that only show rows."""

    can_delete = False
    show_change_link = True

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(self.permission("view"), obj)
