"""Pages with an inline of many rows that shows a part of them at a time, see ``lib.web.formset_pages``."""

from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from ticketshop.lib.web.formset_pages import PagedFormSet


class PagedInlinesMixin:
    """For a ``ModelAdmin``: the query string names the part that an inline shows, and a button saves and goes to another part.

    An inline whose formset is a ``PagedFormSet`` uses the template ``admin/parts/paged_inline.html``.
    """

    def get_formset_kwargs(self, request, obj, inline, prefix):
        formset_kwargs = super().get_formset_kwargs(request, obj, inline, prefix)
        if issubclass(inline.formset, PagedFormSet):
            formset_kwargs["page"] = request.GET.get(inline.formset.parameter, "")
        return formset_kwargs

    def requested_part(self, request: HttpRequest, obj) -> str:
        """Return the URL of the part of the rows that was requested with the save; empty if none was."""
        for inline in self.get_inline_instances(request, obj):
            name = getattr(inline.formset, "parameter", "")
            if name and f"_{name}" in request.POST:
                page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
                group = inline.get_formset(request, obj).get_default_prefix()
                return f"{page}?{urlencode({name: request.POST[f'_{name}']})}#{group}-group"
        return ""
