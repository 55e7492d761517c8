"""The page *Dates by weekday* of an event: a period, days of the week, times and exceptions."""

import re
from datetime import date, datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.lib.dates.typed_days import PlausibleDateField
from ticketshop.office.buttons import OwnPage, always

from .. import stock
from ..making import series
from ..models import Event, Session, Tariff
from . import plans
from .events import EventAdmin
from .forms import places_field

DAY = 24 * 60
_BETWEEN = re.compile(r"[,;\s]+")


class SeriesForm(plans.PlanForm):
    """A rule for dates, with what each of them gets."""

    first = PlausibleDateField(label=gettext_lazy("First day"), **plans.DAY_INPUT)
    last = PlausibleDateField(label=gettext_lazy("Last day"), **plans.DAY_INPUT)
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days of the week"),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one day of the week.")},
    )
    times = forms.CharField(
        label=gettext_lazy("Begins at"),
        max_length=100,
        help_text=gettext_lazy("Separate several with commas: 15:00, 20:00"),
    )
    minutes = forms.IntegerField(label=gettext_lazy("Duration (minutes)"), min_value=1, max_value=14 * DAY)
    doors = forms.IntegerField(
        label=gettext_lazy("Doors open (minutes before)"), min_value=0, max_value=DAY, required=False
    )
    places = places_field(label=gettext_lazy("Places on each date"))
    exceptions = forms.CharField(
        label=gettext_lazy("Not on these days"),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("Days such as 2026-12-24, separated by commas or lines."),
    )

    def __init__(self, data, event: Event):
        super().__init__(data)
        self.event = event
        self.fields["weekdays"].choices = [(number, capfirst(str(name))) for number, name in WEEKDAYS.items()]
        self.initial |= _proposed(event)

    def clean_times(self) -> tuple[time, ...]:
        return tuple(_time(text) for text in _BETWEEN.split(self.cleaned_data["times"]) if text)

    def clean_exceptions(self) -> frozenset[date]:
        reader = PlausibleDateField()
        days = set()
        for text in re.split(r"[,;\n]+", self.cleaned_data["exceptions"]):
            if not text.strip():
                continue
            try:
                days.add(reader.clean(text.strip()))
            except forms.ValidationError as error:
                sentence = _("“%(text)s” is not a day. Write it as 2026-12-24.")
                raise forms.ValidationError(sentence % {"text": text.strip()[:40]}) from error
        return frozenset(days)

    def clean(self):
        values = super().clean()
        if sentence := _why_not(None, self.event):
            self.add_error(None, sentence)
        if self.errors:
            return values
        if values["last"] < values["first"]:
            self.add_error("last", _("The last day is before the first one."))
        elif (values["last"] - values["first"]).days > series.MOST_DAYS:
            sentence = _("At most %(days)d days at once. Choose an earlier last day, then add the rest.")
            self.add_error("last", sentence % {"days": series.MOST_DAYS})
        elif not (found := self.starts()).instants and not found.skipped:
            self.add_error("weekdays", _("None of these days of the week lies in the period."))
        elif len(found.instants) > series.MOST_DATES:
            sentence = _(
                "These are %(count)d dates, and at most %(most)d are made at once. Choose a shorter period."
            )
            self.add_error("last", sentence % {"count": len(found.instants), "most": series.MOST_DATES})
        return values

    def starts(self) -> series.Starts:
        """Return the starts of the rule."""
        values = self.cleaned_data
        rule = series.Rule(
            values["first"],
            values["last"],
            frozenset(values["weekdays"]),
            values["times"],
            values["exceptions"],
        )
        return series.starts(rule, self.event.organiser.zone)

    def plan(self) -> plans.Plan:
        """Return the dates that would be made, with those that are left out."""
        found = self.starts()
        there = series.existing(self.event, found.instants)
        notes = {start: _("is there already") if start in there else "" for start in found.instants}
        notes |= dict.fromkeys(found.skipped, _("left out: the clocks go forward that night"))
        count = len(found.instants) - len(there)
        sentence = ngettext(
            "%(count)d date with %(places)d places will be made.",
            "%(count)d dates with %(places)d places each will be made.",
            count,
        ) % {"count": count, "places": self.cleaned_data["places"]}
        others = [str(self.cleaned_data[name]) for name in ("minutes", "doors", "places")]
        return plans.Plan(sentence, sorted(notes.items()), others)


def _why_not(user, event: Event) -> str:
    if Tariff.objects.filter(event=event, active=True).exists():
        return ""
    return _("The event has no tariff on sale. Enter one on its page first, then its dates.")


def _time(text: str) -> time:
    for pattern in ("%H:%M", "%H.%M", "%Hh%M", "%Hh", "%H"):
        try:
            return datetime.strptime(text, pattern).time()  # noqa: DTZ007  a time of the clock
        except ValueError:
            continue
    raise forms.ValidationError(_("“%(text)s” is not a time. Write it as 20:00.") % {"text": text[:20]})


def _proposed(event: Event) -> dict:
    """Return what the latest date of the event has, as the first values of the form."""
    latest = Session.objects.filter(event=event).order_by("-starts_at").first()
    if latest is None:
        return {"minutes": 120}
    start = localtime(latest.starts_at)
    places = sum(found.capacity for found in stock.of_sessions([latest.pk]).get(latest.pk, {}).values())
    proposed = {
        "first": start.date() + timedelta(days=7),
        "last": start.date() + timedelta(days=7),
        "weekdays": [start.weekday()],
        "times": f"{start:%H:%M}",
        "minutes": int((latest.ends_at - latest.starts_at).total_seconds() // 60),
        "places": places or None,
    }
    if latest.doors_at:
        proposed["doors"] = max(0, int((latest.starts_at - latest.doors_at).total_seconds() // 60))
    return proposed


def view(page, request: HttpRequest, event: Event):
    """Show the form and the dates of the rule; the same sent again makes them."""
    form = SeriesForm(request.POST if request.method == "POST" else None, event)
    plan = form.plan() if form.is_bound and form.is_valid() else None
    if plan is not None and plans.was_seen(request, plan):
        made = _make(form, request)
        text = ngettext("%(count)d date was added.", "%(count)d dates were added.", len(made))
        messages.success(request, text % {"count": len(made)})
        return page.back_to(event)
    press = _("Add these dates")
    return plans.show(page, request, event, str(SERIES.label), form=form, plan=plan, press=press)


def _make(form: SeriesForm, request: HttpRequest) -> list[Session]:
    values = form.cleaned_data
    return series.make(
        form.event,
        form.starts().instants,
        lasting=timedelta(minutes=values["minutes"]),
        doors_before=None if values["doors"] is None else timedelta(minutes=values["doors"]),
        places=values["places"],
        by=request.user,
        now=timezone.now(),
    )


SERIES = OwnPage(
    "dates",
    gettext_lazy("Dates by weekday"),
    ("catalogue.change_event", "catalogue.add_session"),
    always,
    view,
    why_not=_why_not,
)
EventAdmin.offer(SERIES)
