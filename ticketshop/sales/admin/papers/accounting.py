"""The page on which the accounting requests the export of a period. A link above the list of orders leads there."""

from datetime import date, timedelta

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.exports import jobs, kinds
from ticketshop.lib.spreadsheets.formats import FORMATS
from ticketshop.lib.web import refusals
from ticketshop.limits import limits
from ticketshop.office.buttons import drawn
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from ...exports.registered import ACCOUNTING
from ...models import Order
from ..periods import PeriodForm


class ExportForm(PeriodForm):
    """Organiser, first and last day, and the file format."""

    most_days = 366 * 2
    too_long = gettext_lazy("At most two years at once.")

    organiser = forms.ModelChoiceField(
        Organiser.objects.none(), label=gettext_lazy("Organiser"), empty_label=None
    )
    file_format = forms.ChoiceField(
        label=gettext_lazy("As"), widget=forms.RadioSelect, initial=next(iter(FORMATS))
    )

    def __init__(self, data, *, organisers: list[Organiser], today: date):
        last = today.replace(day=1) - timedelta(days=1)
        super().__init__(data, initial={"since": last.replace(day=1), "until": last})
        self.fields["organiser"].queryset = Organiser.objects.filter(
            pk__in=[row.pk for row in organisers]
        ).order_by("name")
        self.fields["organiser"].initial = organisers[0]
        self.fields["file_format"].choices = [
            (code, file_format.label) for code, file_format in FORMATS.items()
        ]


def organisers_of(user) -> list[Organiser]:
    """Return the organisers whose accounting this user may export."""
    allowed = permissions.organisers_where(user, "exports.add_job")
    rows = permissions.within(Organiser.objects.order_by("name"), allowed)
    return [organiser for organiser in rows if kinds.may(user, ACCOUNTING, organiser)]


def page(request):
    """Show the form, or queue the export."""
    organisers = organisers_of(request.user)
    if not organisers:
        raise PermissionDenied
    now = timezone.now()
    form = ExportForm(
        request.POST if request.method == "POST" else None,
        organisers=organisers,
        today=timezone.localdate(now, organisers[0].zone),
    )
    if request.method == "POST" and form.is_valid():
        if not limits.hit("export", f"user:{request.user.pk}", now):
            raise refusals.TooManyTries(limits.wait("export", f"user:{request.user.pk}", now))
        values = form.cleaned_data
        job = jobs.request(
            ACCOUNTING,
            organiser=values["organiser"],
            parameters={name: values[name].isoformat() for name in ("since", "until")},
            file_format=values["file_format"],
            by=request.user,
            now=now,
        )
        messages.success(request, _("The export is asked for."))
        return redirect(reverse("admin:exports_job_change", args=[job.pk]))
    shown = ["since", "until", "file_format"]
    context = {
        **admin.site.each_context(request),
        "title": _("Accounting"),
        "opts": Order._meta,
        "back": reverse("admin:sales_order_changelist"),
        "form": drawn(form, shown if len(organisers) == 1 else ["organiser", *shown]),
        "organiser": organisers[0] if len(organisers) == 1 else None,
    }
    return TemplateResponse(request, "admin/exports/accounting.html", context)
