"""A page of the back office with an inline of many rows: a part of them at a time, see ``lib.formset_pages``."""

from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from ticketshop.lib.formset_pages import PagedFormSet


class PagedInlinesMixin:
    """For a ``ModelAdmin``: the address says which rows are shown; a button saves and turns to others.

    An inline whose formset is a ``PagedFormSet`` uses the template ``admin/parts/paged_inline.html``.
    """

    def get_formset_kwargs(self, request, obj, inline, prefix):
        found = super().get_formset_kwargs(request, obj, inline, prefix)
        if issubclass(inline.formset, PagedFormSet):
            found["page"] = request.GET.get(inline.formset.parameter, "")
        return found

    def turned_to(self, request: HttpRequest, obj) -> str:
        """The address of the other rows that were asked for with the save; empty where none were."""
        for inline in self.get_inline_instances(request, obj):
            name = getattr(inline.formset, "parameter", "")
            if name and f"_{name}" in request.POST:
                page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
                group = inline.get_formset(request, obj).get_default_prefix()
                return f"{page}?{urlencode({name: request.POST[f'_{name}']})}#{group}-group"
        return ""
