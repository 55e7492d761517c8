"""The page on which an export is requested: for a form, an event, a date, a season pass, or the customers."""

from dataclasses import dataclass

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _

from registration_forms.admin.form_page import RegistrationFormAdmin
from registration_forms.models import Choice, Field, RegistrationForm
from ticketshop.catalogue.admin.events import EventAdmin
from ticketshop.catalogue.admin.passes import SeasonPassAdmin
from ticketshop.catalogue.admin.sessions import SessionAdmin
from ticketshop.catalogue.models import Tariff
from ticketshop.exports import jobs, kinds
from ticketshop.lib.dates.moments import MomentField
from ticketshop.lib.dates.typed_days import plausible
from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.spreadsheets.formats import FORMATS
from ticketshop.lib.web import refusals
from ticketshop.limits import limits
from ticketshop.office.buttons import OwnPage, drawn
from ticketshop.office.form_fields import LocalDateTime
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from ..exports import scope as scopes
from ..exports.filters import ScopedKind
from ..exports.registered import ALL
from ..models import Customer, Order
from .form_pages.answer_search import Seen, seen_list, sessions_of

ADD = ("exports.add_job",)
# Kind of form -> the usual kind of export.
USUAL = {
    RegistrationForm.Kind.ORDER: "orders",
    RegistrationForm.Kind.TARIFF: "participants",
    RegistrationForm.Kind.PASS: "passes",
}


@dataclass(frozen=True)
class Place:
    """The place at which an export is requested: a row, or an organiser for its customers."""

    source: str
    row: Model
    organiser: Organiser
    seen: Seen | None = None  # the filtered list of answers from which it was requested

    def kinds(self, user) -> list[ScopedKind]:
        """Return the kinds of export that this user may request here."""
        fitting = [kind for kind in ALL if kind.fits(self.source, self.row)]
        return [kind for kind in fitting if kinds.may(user, kind, self.organiser)]


class ExportForm(forms.Form):
    """Kind, filters and file format of an export."""

    kind = forms.ChoiceField(label=gettext_lazy("What to export"), widget=forms.RadioSelect)
    session = forms.ChoiceField(label=gettext_lazy("Only this date"), required=False)
    tariff = forms.ChoiceField(label=gettext_lazy("Only this tariff"), required=False)
    order_state = forms.ChoiceField(label=gettext_lazy("Only orders that are"), required=False)
    answer = forms.ChoiceField(label=gettext_lazy("Only with this answer"), required=False)
    since = MomentField(
        label=gettext_lazy("Only what changed since"),
        required=False,
        widget=LocalDateTime,
        validators=[plausible],
    )
    cancelled = forms.BooleanField(label=gettext_lazy("Cancelled ones too"), required=False)
    states = forms.BooleanField(
        label=gettext_lazy("Say why an answer is missing"),
        required=False,
        help_text=gettext_lazy("A second column for each question: answered, left blank, not asked …"),
    )
    apart = forms.BooleanField(
        label=gettext_lazy("A column for each choice"),
        required=False,
        help_text=gettext_lazy("Where several choices may be taken: Yes or No under each of them."),
    )
    sensitive = forms.BooleanField(label=gettext_lazy("Sensitive answers too"), required=False)
    reason = LineField(
        label=gettext_lazy("What you need the sensitive answers for"),
        max_length=240,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    file_format = forms.ChoiceField(
        label=gettext_lazy("As"), widget=forms.RadioSelect, initial=next(iter(FORMATS))
    )

    def __init__(self, data, *, place: Place, user):
        super().__init__(data)
        self.place = place
        offered = place.kinds(user)
        self.fields["kind"].choices = [(kind.code, kind.title) for kind in offered]
        # The usual kind at this place; another one is one click away.
        codes = [kind.code for kind in offered]
        wanted = USUAL.get(getattr(place.row, "kind", ""), "participants")
        self.fields["kind"].initial = wanted if wanted in codes else next(iter(codes), None)
        self.fields["file_format"].choices = self._formats()
        self.fields["order_state"].choices = [("", _("in any state")), *Order.State.choices]
        self._offer("session", _("all dates"), self._sessions())
        self._offer("tariff", _("all tariffs"), self._tariffs())
        self._offer("answer", _("whatever was answered"), self._answers())
        if place.seen is not None:
            # The list selects the rows: there are no other filters.
            for name in ("session", "tariff", "order_state", "answer", "since", "cancelled"):
                self.fields.pop(name, None)
        if not user.has_perm(kinds.SENSITIVE, place.organiser) or place.source == scopes.CUSTOMERS:
            del self.fields["sensitive"], self.fields["reason"]
        if place.source == scopes.CUSTOMERS:
            del self.fields["states"], self.fields["apart"]

    def _formats(self) -> list[tuple[str, str]]:
        """Return the file formats with their descriptions in the organiser's language, in which the file is written."""
        here = get_language()
        with override(self.place.organiser.languages[0]):
            offered = [file_format for file_format in FORMATS.values() if file_format.offered()]
            decimals = {file_format.code: file_format.values() for file_format in offered}
        with override(here):
            return [
                (
                    file_format.code,
                    format_html(
                        "{}<br><small>{}</small>",
                        file_format.label,
                        file_format.note % decimals[file_format.code],
                    ),
                )
                for file_format in offered
            ]

    def _offer(self, name: str, nothing: str, choices: list[tuple[str, object]]) -> None:
        if choices:
            self.fields[name].choices = [("", nothing), *choices]
        else:
            del self.fields[name]

    def _sessions(self) -> list[tuple[str, object]]:
        if self.place.source != scopes.FORM:
            return []
        return [(str(pk), text) for pk, text in sessions_of(self.place.row)]

    def _tariffs(self) -> list[tuple[str, object]]:
        where = {
            scopes.EVENT: {"event": self.place.row.pk},
            scopes.SESSION: {"offers__session": self.place.row.pk},
            scopes.FORM: {"form": self.place.row.pk},
        }.get(self.place.source)
        if where is None:
            return []
        rows = Tariff.objects.filter(**where).select_related("event").order_by("event", "position", "pk")
        several = self.place.source == scopes.FORM
        return [(str(row.pk), f"{row.event} – {row}" if several else str(row)) for row in rows]

    def _answers(self) -> list[tuple[str, object]]:
        """Return choices, and yes or no, grouped by question."""
        questions = Field.objects.filter(form__in=self.place_forms()).order_by("-form", "position", "pk")
        choices: dict[int, list[Choice]] = {}
        for choice in Choice.objects.filter(field__in=questions.order_by()):
            choices.setdefault(choice.field_id, []).append(choice)
        groups: dict[str, list[tuple[str, str]]] = {}
        for question in questions:
            if question.sensitive:
                continue
            options = [
                (f"{question.key}:{choice.key}", choice.label) for choice in choices.get(question.pk, [])
            ]
            if question.type in ("yes_no", "consent"):
                options = [(f"{question.key}:yes", _("Yes")), (f"{question.key}:no", _("No"))]
            if options:
                groups.setdefault(str(question), options)
        return list(groups.items())

    def place_forms(self) -> list[int]:
        """Return the forms that are used here."""
        place, forms_of = self.place, RegistrationForm.objects.filter(organiser=self.place.organiser)
        if place.source == scopes.FORM:
            return [place.row.pk]
        if place.source == scopes.PASS:
            return [pk for pk in (place.row.form_id, place.row.extra_form_id) if pk]
        if place.source == scopes.CUSTOMERS:
            return []
        event = place.row.pk if place.source == scopes.EVENT else place.row.event_id
        of_tariffs = forms_of.filter(tariffs__event=event)
        return list(of_tariffs.union(forms_of.filter(order_forms__event=event)).values_list("pk", flat=True))

    def clean(self):
        values = super().clean()
        if values.get("sensitive") and not values.get("reason"):
            self.add_error("reason", _("Enter what you need the sensitive answers for."))
        return values

    def parameters(self) -> dict:
        """Return what a job stores: ids of rows, and stored words."""
        values = self.cleaned_data
        question, _between, choice = values.get("answer", "").partition(":")
        since = values.get("since")
        parameters = {
            **{name: int(values[name]) if values.get(name) else None for name in ("session", "tariff")},
            "order_state": values.get("order_state"),
            "question": question,
            "choice": choice,
            "since": since.isoformat() if since else None,
            **{name: values.get(name) for name in ("cancelled", "states", "apart")},
        }
        return {
            "source": self.place.source,
            "number": self.place.row.pk,
            **{name: value for name, value in parameters.items() if value},
            **(self.place.seen.parameters if self.place.seen else {}),
        }


def ask(request, place: Place, context: dict):
    """Show the form, or queue the export."""
    if not place.kinds(request.user):
        raise PermissionDenied
    form = ExportForm(request.POST if request.method == "POST" else None, place=place, user=request.user)
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        if not limits.hit("export", f"user:{request.user.pk}", now):
            raise refusals.TooManyTries(limits.wait("export", f"user:{request.user.pk}", now))
        values = form.cleaned_data
        job = jobs.request(
            kinds.KINDS[values["kind"]],
            organiser=place.organiser,
            parameters=form.parameters(),
            file_format=values["file_format"],
            sensitive=bool(values.get("sensitive")),
            reason=values.get("reason", "") if values.get("sensitive") else "",
            by=request.user,
            now=now,
        )
        messages.success(request, _("The export is asked for."))
        return redirect(reverse("admin:exports_job_change", args=[job.pk]))
    context = {**context, "form": drawn(form), "seen": place.seen}
    return TemplateResponse(request, "admin/exports/ask.html", context)


def _button(source: str) -> OwnPage:
    def view(page, request, row):
        """Show the page of exports of this row."""
        organiser = Organiser.objects.get(pk=permissions.organiser_id_of(row))
        context = page.about_row(request, row, _("Export"))
        seen = seen_list(request, row) if source == scopes.FORM else None
        return ask(request, Place(source, row, organiser, seen), context)

    return OwnPage("export", gettext_lazy("Export"), ADD, lambda row: True, view)


def for_customers(request):
    """Show the page of exports of the customers; staff of several organisers choose one first."""
    allowed = permissions.organisers_where(request.user, ADD[0])
    places = [
        Place(scopes.CUSTOMERS, organiser, organiser)
        for organiser in permissions.within(Organiser.objects.order_by("name"), allowed)
    ]
    places = [place for place in places if place.kinds(request.user)]
    if not places:
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": _("Export"),
        "opts": Customer._meta,
        "back": reverse("admin:sales_customer_changelist"),
    }
    organiser_id = request.GET.get("organiser", "")
    if len(places) == 1 and not organiser_id:
        return ask(request, places[0], context)
    chosen = [place for place in places if str(place.organiser.pk) == organiser_id]
    if organiser_id and not chosen:
        raise Http404("no such organiser")
    if chosen:
        return ask(request, chosen[0], context)
    return TemplateResponse(request, "admin/exports/whose.html", {**context, "places": places})


PAGES = {
    RegistrationFormAdmin: scopes.FORM,
    EventAdmin: scopes.EVENT,
    SessionAdmin: scopes.SESSION,
    SeasonPassAdmin: scopes.PASS,
}
for page, source in PAGES.items():
    page.offer(_button(source))
