"""The page that adds a question: its type and its first text; the rest is said on the question's own page."""

from django import forms
from django.contrib import messages
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.organisers.buttons import drawn

from .. import drafts
from ..field_types import CHOICES
from ..models import Field, RegistrationForm
from ..models.definition import LONGEST_LABEL, MOST_FIELDS


class AddForm(forms.Form):
    """``known:phone`` places a known field, ``text`` asks something new."""

    type = forms.ChoiceField(label=gettext_lazy("Type"))
    label = forms.CharField(
        label=gettext_lazy("Label"),
        max_length=LONGEST_LABEL,
        required=False,
        help_text=gettext_lazy("What buyers read. A known field has its own: leave this empty."),
    )

    def __init__(self, *args, row: RegistrationForm, **kwargs):
        super().__init__(*args, **kwargs)
        placed = set(row.fields.filter(archived_at=None).values_list("system_ref", flat=True))
        known = [
            (f"known:{ref}", capfirst(label)) for ref, label in Field.SystemRef.choices if ref not in placed
        ]
        choices = [("", _("Choose…")), (_("New questions"), CHOICES)]
        self.fields["type"].choices = [*choices, (_("Known fields"), known)] if known else choices
        self.fields["label"].widget.attrs["lang"] = row.organiser.languages[0]

    def clean(self):
        values = super().clean()
        known = values.get("type", "known:").startswith("known:")
        if not known and not values.get("label", "").strip() and "label" not in self.errors:
            self.add_error("label", _("Enter what the question asks."))
        return values

    def columns(self, language: str) -> dict:
        """What to write into the new row."""
        chosen, label = self.cleaned_data["type"], self.cleaned_data["label"].strip()
        if chosen.startswith("known:"):
            ref = chosen.removeprefix("known:")
            texts = drafts.known_labels(ref) | ({f"label_{language}": label} if label else {})
            type_, on_ticket = drafts.SYSTEM_TYPES[ref], ref in drafts.ON_TICKET
            return {"type": type_, "system_ref": ref, "on_ticket": on_ticket, **texts}
        return {"type": chosen, f"label_{language}": label}


def view(page, request, row: RegistrationForm):
    posted = request.method == "POST"
    form = AddForm(request.POST if posted else None, row=row)
    if posted and form.is_valid():
        try:
            field = drafts.add(
                row, by=request.user, now=timezone.now(), **form.columns(row.organiser.languages[0])
            )
        except drafts.Full:
            form.add_error(None, _("A form has at most %(most)d questions.") % {"most": MOST_FIELDS})
        else:
            messages.success(request, _("The question is there, as optional. Say more about it here."))
            return redirect(reverse("admin:registration_forms_field_change", args=[field.pk]))
    context = {
        **page.about_row(request, row, _("Add a question")),
        "form": drawn(form),
        "errors": form.errors,
        "refused": form.non_field_errors(),
    }
    return TemplateResponse(request, "admin/registration_forms/add_question.html", context)
