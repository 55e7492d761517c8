"""The page *New event*: title, date, places and prices on one short page, put on sale with one click."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ticketshop.lib.dates.moments import MomentField
from ticketshop.lib.dates.typed_days import PlausibleDateField
from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.values.numbers import NumberField
from ticketshop.lib.values.text import number_in
from ticketshop.office import time_zones
from ticketshop.office.buttons import drawn
from ticketshop.office.forms import SuggestionsInput
from ticketshop.organisers import permissions
from ticketshop.organisers.models import PointOfSale
from ticketshop.submissions import saved_forms

from ..making import new_event
from ..models import Event, Tariff, Venue
from .forms import places_field
from .plans import DAY_INPUT

ADD = ("catalogue.add_event", "catalogue.add_session", "catalogue.add_tariff")
TARIFFS = 4


class SimpleEventForm(forms.Form):
    """A new event with one date and up to four tariffs."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    title = LineField(label=gettext_lazy("Title"), max_length=160)
    teaser = LineField(label=gettext_lazy("One sentence"), max_length=240, required=False)
    venue = LineField(
        label=gettext_lazy("Venue"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("A new name makes a new venue."),
    )
    day = PlausibleDateField(label=gettext_lazy("Day"), **DAY_INPUT)
    at = forms.TimeField(
        label=gettext_lazy("Begins at"),
        input_formats=["%H:%M", "%H.%M", "%Hh%M", "%H:%M:%S"],
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Duration (minutes)"), min_value=1, max_value=14 * 24 * 60, initial=120
    )
    places = places_field()
    vat_rate = NumberField(
        label=gettext_lazy("VAT rate (%)"),
        min_value=Decimal(0),
        max_value=Decimal(50),
        max_digits=5,
        decimal_places=2,
    )
    published = forms.BooleanField(
        label=gettext_lazy("Publish it: visitors see it"), required=False, initial=True
    )

    def __init__(self, data, shops: list[PointOfSale], pos: PointOfSale):
        super().__init__(data)
        self.pos = pos
        self.fields["vat_rate"].initial = (
            Tariff._meta.get_field("vat_rate").default if pos.organiser.vat_number.strip() else Decimal(0)
        )
        if len(shops) > 1:
            choices = [(str(shop.pk), f"{shop.name} ({shop.organiser.name})") for shop in shops]
            self.fields["shop"] = forms.ChoiceField(
                label=_("Point of sale"), choices=choices, initial=str(pos.pk)
            )
            self.order_fields(["shop"])
        self.fields["venue"].widget = SuggestionsInput(self._venues)
        for number in range(1, TARIFFS + 1):
            self.fields[f"name_{number}"] = LineField(
                label=_("Tariff %(number)d") % {"number": number}, max_length=80, required=number == 1
            )
            self.fields[f"price_{number}"] = NumberField(
                label=_("Price of tariff %(number)d") % {"number": number},
                min_value=Decimal(0),
                max_value=Decimal(100_000),
                max_digits=9,
                decimal_places=2,
                required=number == 1,
            )

    def _venues(self) -> list[str]:
        rows = Venue.objects.filter(organiser=self.pos.organiser_id).order_by("name")
        return list(dict.fromkeys(rows.values_list("name", flat=True)[:200]))

    def clean(self):
        values = super().clean()
        for number in range(2, TARIFFS + 1):
            name, price = values.get(f"name_{number}"), values.get(f"price_{number}")
            if name and price is None and f"price_{number}" not in self.errors:
                self.add_error(f"price_{number}", _("Enter its price; 0 if it is free."))
            if price is not None and not name and f"name_{number}" not in self.errors:
                self.add_error(f"name_{number}", _("Enter its name."))
        if values.get("day") and values.get("at"):
            try:
                values["starts_at"] = MomentField().clean(
                    datetime.combine(values["day"], values["at"]).isoformat(" ")
                )
            except ValidationError as error:
                self.add_error("at", error)
        return values

    def wish(self) -> new_event.NewEvent:
        """Return what was typed."""
        values = self.cleaned_data
        tariffs = [
            (values[f"name_{number}"], values[f"price_{number}"])
            for number in range(1, TARIFFS + 1)
            if values.get(f"name_{number}")
        ]
        return new_event.NewEvent(
            title=values["title"],
            teaser=values["teaser"],
            venue=values["venue"],
            starts_at=values["starts_at"],
            lasting=timedelta(minutes=values["minutes"]),
            places=values["places"],
            tariffs=tariffs,
            vat_rate=values["vat_rate"],
            published=values["published"],
        )


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, admin_page):
    """Show the form, or make the event and lead on: to *Ready to open?* of a shop that is not open yet, else to the event."""
    shops = _shops(request.user)
    pos = _chosen(request, shops)
    if pos is None:
        raise PermissionDenied
    time_zones.activate(request.user, pos.organiser_id)
    saved = saved_forms.find(request)
    data = request.POST if request.method == "POST" else (saved.data if saved else None)
    form = SimpleEventForm(data, shops, pos)
    if request.method == "POST" and form.is_valid():
        event = new_event.make(
            pos, form.wish(), key=form.cleaned_data["key"], by=request.user, now=timezone.now()
        )
        return _lead_on(request, admin_page, event, pos)
    context = {
        **admin_page.admin_site.each_context(request),
        "title": _("New event"),
        "opts": admin_page.opts,
        "form": drawn(form),
        "pos": None,
        "full_page": f"{reverse('admin:catalogue_event_add')}",
    }
    return TemplateResponse(request, "admin/catalogue/simple_event.html", context)


def _lead_on(request: HttpRequest, admin_page, event: Event, pos: PointOfSale):
    messages.success(
        request, _("“%(event)s” is made, with its date, places and tariffs.") % {"event": event.title}
    )
    if not pos.active and request.user.has_perm("organisers.view_pointofsale", pos):
        return redirect("admin:organisers_pointofsale_ready", pos.pk)
    return admin_page.back_to(event)


def _shops(user) -> list[PointOfSale]:
    """Return the points of sale for which the user may make an event with a date and tariffs. One query."""
    rows = PointOfSale.objects.select_related("organiser").order_by("name", "pk")
    for permission in ADD:
        rows = permissions.for_staff(rows, user, permission)
    return list(rows[:200])


def _chosen(request: HttpRequest, shops: list[PointOfSale]) -> PointOfSale | None:
    """Return the point of sale that was posted or is in the URL, else the first that is not open yet, else the first one."""
    wanted = number_in(request.POST.get("shop") or request.GET.get("shop"), digits=17)
    by_id = {shop.pk: shop for shop in shops}
    if wanted in by_id:
        return by_id[wanted]
    return next((shop for shop in shops if not shop.active), shops[0]) if shops else None
