"""Pages that copy an event, or the passes of a season, to other days."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.lib.dates.typed_days import PlausibleDateField
from ticketshop.office.buttons import OwnPage, always

from ..making import copying
from ..models import Event, SeasonPass
from . import plans
from .events import EventAdmin
from .passes import SeasonPassAdmin

# Proposed for a copy: the same day of the week a year later.
YEAR = timedelta(weeks=52)


class CopyEventForm(plans.PlanForm):
    """Whether the dates are copied, and the day of the first one."""

    with_dates = forms.BooleanField(label=gettext_lazy("Copy the dates"), required=False, initial=True)
    first_day = PlausibleDateField(
        label=gettext_lazy("Day of the first date"),
        required=False,
        help_text=gettext_lazy("The others move by as many days, at the same times."),
        **plans.DAY_INPUT,
    )

    def __init__(self, data, event: Event):
        super().__init__(data)
        self.event, self.sessions = event, copying.dates_to_copy(event)
        if self.sessions:
            self.fields["first_day"].initial = localtime(self.sessions[0].starts_at).date() + YEAR
        else:
            del self.fields["with_dates"], self.fields["first_day"]

    def clean(self):
        values = super().clean()
        if values.get("with_dates") and "first_day" not in self.errors:
            if not values.get("first_day"):
                self.add_error("first_day", _("Enter the day of the first date."))
            if len(self.sessions) > copying.MOST_DATES:
                sentence = _("At most %(count)d dates are copied at once. Copy the event without dates.")
                self.add_error("with_dates", sentence % {"count": copying.MOST_DATES})
        return values

    @property
    def start(self):
        """Return the day of the first date, or None for a copy without dates."""
        return self.cleaned_data.get("first_day") if self.cleaned_data.get("with_dates") else None

    def plan(self) -> plans.Plan:
        """Return what would be made."""
        if self.start is None:
            return plans.Plan(_("A draft with the texts, tariffs and forms of this event, without dates."))
        zone = self.event.organiser.zone
        days = copying.days_until(self.start, self.sessions, zone)
        starts = [(copying.shifted(session.starts_at, days, zone), "") for session in self.sessions]
        sentence = ngettext(
            "A draft with the texts, tariffs, forms and allotments of this event, and %(count)d date, without its sales.",
            "A draft with the texts, tariffs, forms and allotments of this event, and %(count)d dates, without its sales.",
            len(starts),
        )
        return plans.Plan(sentence % {"count": len(starts)}, starts)


def copy_event(page, request: HttpRequest, event: Event):
    """Show the form and the dates of the copy; the same sent again makes the copy and leads to it."""
    form = CopyEventForm(request.POST if request.method == "POST" else None, event)
    plan = form.plan() if form.is_bound and form.is_valid() else None
    if plan is not None and plans.was_seen(request, plan):
        copied = copying.copy_event(
            event, first_day=form.start, key=form.cleaned_data["key"], by=request.user, now=timezone.now()
        )
        messages.success(request, _("This is the copy. It is a draft: check it, then publish it."))
        return page.back_to(copied)
    press = _("Make the copy")
    return plans.show(page, request, event, str(COPY_EVENT.label), form=form, plan=plan, press=press)


class CopyPassForm(plans.PlanForm):
    """The passes of the season, and the first day of the next one."""

    chosen = forms.MultipleChoiceField(
        label=gettext_lazy("Passes"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose the passes to copy.")},
    )
    first_day = PlausibleDateField(
        label=gettext_lazy("First day of this pass in the new season"),
        help_text=gettext_lazy("The other days move by as many days."),
        **plans.DAY_INPUT,
    )

    def __init__(self, data, season_pass: SeasonPass):
        super().__init__(data)
        self.season_pass = season_pass
        same_season = SeasonPass.objects.filter(
            organiser=season_pass.organiser_id,
            valid_from__lte=season_pass.valid_until,
            valid_until__gte=season_pass.valid_from,
        )
        self.passes = {str(row.pk): row for row in same_season.order_by("pk")}
        self.fields["chosen"].choices = [(pk, _text(row)) for pk, row in self.passes.items()]
        self.fields["chosen"].initial = [str(season_pass.pk)]
        self.fields["first_day"].initial = season_pass.valid_until + timedelta(days=1)

    @property
    def days(self) -> int:
        """Return by how many days everything moves."""
        return (self.cleaned_data["first_day"] - self.season_pass.valid_from).days

    @property
    def chosen_passes(self) -> list[SeasonPass]:
        """Return the chosen passes."""
        return [self.passes[pk] for pk in self.cleaned_data["chosen"]]

    def plan(self) -> plans.Plan:
        """Return what would be made."""
        moved = timedelta(days=self.days)
        texts = [
            _text(
                SeasonPass(
                    name=row.name, valid_from=row.valid_from + moved, valid_until=row.valid_until + moved
                )
            )
            for row in self.chosen_passes
        ]
        sentence = _("Not on sale until you switch them on: %(passes)s.") % {"passes": "; ".join(texts)}
        return plans.Plan(sentence, others=texts)


def _text(season_pass: SeasonPass) -> str:
    days = (
        date_format(day, "SHORT_DATE_FORMAT") for day in (season_pass.valid_from, season_pass.valid_until)
    )
    return f"{season_pass.name} ({' – '.join(days)})"


def copy_pass(page, request: HttpRequest, season_pass: SeasonPass):
    """Show the form and the days of the copies; the same sent again makes them."""
    form = CopyPassForm(request.POST if request.method == "POST" else None, season_pass)
    plan = form.plan() if form.is_bound and form.is_valid() else None
    if plan is not None and plans.was_seen(request, plan):
        copies = copying.copy_passes(
            form.chosen_passes,
            days=form.days,
            key=form.cleaned_data["key"],
            by=request.user,
            now=timezone.now(),
        )
        text = ngettext(
            "%(count)d pass was copied. It is not on sale yet: check its price and its dates, then switch it on.",
            "%(count)d passes were copied. They are not on sale yet: check prices and dates, then switch them on.",
            len(copies),
        )
        messages.success(request, text % {"count": len(copies)})
        return page.back_to(copies[0])
    press = _("Make the copies")
    return plans.show(page, request, season_pass, str(COPY_PASS.label), form=form, plan=plan, press=press)


COPY_EVENT = OwnPage(
    "copy", gettext_lazy("Copy"), ("catalogue.view_event", "catalogue.add_event"), always, copy_event
)
COPY_PASS = OwnPage(
    "copy",
    gettext_lazy("Copy for another season"),
    ("catalogue.view_seasonpass", "catalogue.add_seasonpass"),
    always,
    copy_pass,
)
EventAdmin.offer(COPY_EVENT)
SeasonPassAdmin.offer(COPY_PASS)
