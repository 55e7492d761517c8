"""The page on which a form is assigned to tariffs, season passes, events and points of sale."""

from itertools import groupby

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from registration_forms.admin import used_by
from registration_forms.admin.form_page import RegistrationFormAdmin
from registration_forms.models import RegistrationForm
from ticketshop.catalogue import assignment
from ticketshop.catalogue.assignment import EVENT, PASS, SHOP, TARIFF, Place
from ticketshop.lib.forms.fields import LineField
from ticketshop.office.buttons import OwnPage

from . import missing_answers

MOST = 300
NEEDED = (
    "registration_forms.change_registrationform",
    "catalogue.change_tariff",
    "catalogue.change_seasonpass",
    "catalogue.add_orderform",
    "catalogue.delete_orderform",
)
HEADINGS = {
    SHOP: gettext_lazy("Every order of a point of sale"),
    EVENT: gettext_lazy("Orders with tickets for an event, instead of the form of the point of sale"),
    TARIFF: gettext_lazy("Every ticket of a tariff"),
    PASS: gettext_lazy("Season passes"),
}


class NarrowForm(forms.Form):
    """The filters of the page. They are in the URL, so that *Save* refers to the same places."""

    q = LineField(label=gettext_lazy("Title contains"), max_length=100, required=False)
    past = forms.BooleanField(label=gettext_lazy("Past ones too"), required=False)


def view(page, request: HttpRequest, row: RegistrationForm):
    """Show the page, or save the assignment."""
    now, narrow = timezone.now(), NarrowForm(request.GET)
    narrow.is_valid()
    found = assignment.places(
        row,
        now=now,
        past=bool(narrow.cleaned_data.get("past")),
        search=narrow.cleaned_data.get("q", ""),
        most=MOST,
    )
    ticked = {place.key for place in found if place.asks == row}
    if request.method == "POST":
        ticked = _ticked(request, found)
        if request.POST.get("seen") == assignment.fingerprint(found) and _save(
            request, row, found, ticked, now
        ):
            # What was sold before has no answers: staff decide next whether to ask for them.
            sold_before = page.address_of(request, row, missing_answers.NAME)
            return redirect(sold_before) if sold_before else page.back_to(row)
        messages.error(
            request,
            _("Somebody else changed meanwhile what is asked here. Look at it, and save again."),
        )
    context = {
        **page.about_row(request, row, _("Ask this form at…")),
        "narrow": narrow,
        "parts": [(HEADINGS[kind], groups) for kind, groups in _parts(row, found, ticked)],
        "seen": assignment.fingerprint(found),
        "more": len(found) >= MOST,
        "published": row.published_id is not None,
    }
    return TemplateResponse(request, "admin/sales/assign.html", context)


def _ticked(request: HttpRequest, found: list[Place]) -> set[str]:
    """Return the places that were ticked, including all tariffs of ticked events."""
    chosen, events = set(request.POST.getlist("at")), set(request.POST.getlist("all"))
    return {
        place.key
        for place in found
        if place.key in chosen or (place.event is not None and str(place.event.pk) in events)
    }


def _save(request: HttpRequest, row: RegistrationForm, found: list[Place], ticked: set[str], now) -> bool:
    try:
        changed = assignment.assign(
            row, found, {place.key: place.key in ticked for place in found}, by=request.user, now=now
        )
    except assignment.Changed:
        return False
    if not changed:
        messages.info(request, _("Nothing has changed."))
        return True
    number = len(ticked)
    if number:
        text = ngettext(
            "The form is asked at %(count)d place now.", "The form is asked at %(count)d places now.", number
        )
        messages.success(request, text % {"count": number})
    else:
        messages.success(request, _("The form is asked nowhere now. Its answers and their export stay."))
    if number and row.published_id is None:
        messages.warning(request, _("Buyers are asked once the form is published."))
    return True


def _parts(row: RegistrationForm, found: list[Place], ticked: set[str]) -> list[tuple[str, list[dict]]]:
    """Return kind of place -> groups: tariffs by their event, others in one group without a title."""
    parts = []
    for kind, places in groupby(found, key=lambda place: place.kind):
        groups = [
            {
                "event": event,
                "title": str(event or ""),
                "places": [_drawn(row, place, place.key in ticked) for place in ours],
            }
            for event, ours in groupby(places, key=lambda place: place.event)
        ]
        parts.append((kind, groups))
    return parts


def _drawn(row: RegistrationForm, place: Place, ticked: bool) -> dict:
    name = str(place.row)
    if place.kind == EVENT and place.row.first:
        name = _("%(event)s, from %(day)s") % {
            "event": name,
            "day": date_format(timezone.localtime(place.row.first), "j F Y"),
        }
    elsewhere = place.asks if place.asks and place.asks != row else None
    return {"key": place.key, "name": name, "ticked": ticked, "asks": elsewhere}


ASSIGN = OwnPage(
    used_by.ASSIGN, gettext_lazy("Ask this form at…"), NEEDED, lambda form: form.archived_at is None, view
)
RegistrationFormAdmin.offer(ASSIGN, after="publish")
