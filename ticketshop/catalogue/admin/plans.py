"""Pages that first show which dates they would make, and make them when the same page is sent once more."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse

from ticketshop.lib.forms import json_hash
from ticketshop.office.buttons import drawn

from .. import dates

DAY_INPUT = {"widget": forms.DateInput({"type": "date"}, format="%Y-%m-%d")}


@dataclass(frozen=True)
class Plan:
    """Preview of what the page makes: a sentence, and the starts of the dates with a note for those that are left out."""

    sentence: str
    starts: list[tuple[datetime, str]] = field(default_factory=list)
    # Anything else by which two plans differ.
    others: list[str] = field(default_factory=list)

    @property
    def seen(self) -> str:
        """Return a hash of the plan, by which the page notices that it changed since it was shown."""
        return json_hash.of(
            [[(start.isoformat(), note) for start, note in self.starts], self.others, self.sentence]
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Return the dates as text, with their notes."""
        return [(dates.when(start), note) for start, note in self.starts]


class PlanForm(forms.Form):
    """A form with the key of the page: the same page sent twice makes things once."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


def was_seen(request: HttpRequest, plan: Plan) -> bool:
    """Return whether the page that was sent showed this very plan."""
    return request.POST.get("seen") == plan.seen


def show(
    page, request: HttpRequest, row: Model, title: str, *, form: PlanForm, plan: Plan | None, press: str
):
    """Return the page with the form and, once it was filled in, the plan and the button ``press``."""
    context = {
        **page.about_row(request, row, title),
        "form": drawn(form),
        "plan": plan,
        "press": press,
        "changed": plan is not None and bool(request.POST.get("seen")),
    }
    return TemplateResponse(request, "admin/catalogue/plan.html", context)
