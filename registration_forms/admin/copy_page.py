"""The page that copies a form for another season."""

from django import forms
from django.contrib import messages
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.buttons import drawn

from ..building import copying
from ..models import RegistrationForm


class CopyForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the copy"), max_length=120)


def view(page, request, row: RegistrationForm):
    """Show the page, or copy the form and go to the copy."""
    form = CopyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        copied_form = copying.copy(row, name=form.cleaned_data["name"], by=request.user, now=timezone.now())
        messages.success(request, _("The copy is there, as a draft. Places of choices count from zero."))
        return page.back_to(copied_form)
    sentences = [
        _("Questions, texts, conditions and limits are the same; answers stay with this form."),
        _("Later changes of one do not change the other. Exports of both line up."),
    ]
    title = _("Copy to another season")
    context = {
        **page.about_row(request, row, title),
        "sentences": sentences,
        "form": drawn(form),
        "button": {"label": _("Copy")},
    }
    return TemplateResponse(request, "admin/confirm.html", context)
