"""The page on which staff erase a person: the preview, the choices, and the button."""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact, ContactLink
from ticketshop.lib.personal import CONTRACT
from ticketshop.lib.text import normalise_email
from ticketshop.office import time_zones
from ticketshop.office.buttons import drawn
from ticketshop.office.staff_sessions import logged_in_at
from ticketshop.organisers import permissions

from .. import tasks
from ..erasure import database_step, due_dates, erasing
from ..models import Erasure
from ..plan import companions, occurrences, planning, wording
from . import elsewhere, lines

logger = logging.getLogger("ticketshop.privacy")
ERASE = "contacts.erase_contact"
# Staff must have logged in, or confirmed their password, within this time.
FRESH_SECONDS = 15 * 60
# A person with more records is erased by a job, and the page of the erasure shows its progress.
AT_ONCE = 2000
# What becomes of unused tickets: the erasure is deferred, or they admit anybody who shows them.
WAIT, BEARER = "wait", "bearer"


class EraseForm(forms.Form):
    """The reason, and what becomes of unused tickets. The hidden fields contain the fingerprints of the plans that were shown."""

    # Made with the page, so that a form that is posted twice is one erasure.
    request = forms.UUIDField(widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=32, required=False)
    seen_bearer = forms.CharField(widget=forms.HiddenInput, max_length=32, required=False)
    reason = forms.ChoiceField(label=gettext_lazy("Why"), choices=Erasure.Reason.choices)
    tickets = forms.ChoiceField(
        label=gettext_lazy("Tickets and passes not used yet"),
        widget=forms.RadioSelect,
        choices=[
            (
                WAIT,
                gettext_lazy(
                    "The person stays reachable until the last event is over; then the rest goes by itself."
                ),
            ),
            (
                BEARER,
                gettext_lazy(
                    "Erase everything now: the tickets admit whoever shows them. The person can no longer be reached about changes or refunds."
                ),
            ),
        ],
    )

    together = forms.MultipleChoiceField(
        label=gettext_lazy("People only this person connected: erased with them"),
        help_text=gettext_lazy(
            "Nobody else has them in their list, and they never ordered. Untick who is to stay; unless somebody connects them, they go by themselves later."
        ),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, data, *, preview: "Preview", chosen: dict | None = None):
        super().__init__(data, initial={**preview.initial, **(chosen or {})})
        if preview.bearer is None:
            del self.fields["tickets"]
        if preview.plan.companions:
            self.fields["together"].choices = [
                (str(companion.contact.pk), _companion_text(companion))
                for companion in preview.plan.companions
            ]
        else:
            del self.fields["together"]

    @property
    def bearer(self) -> bool:
        """Whether unused tickets admit anybody who shows them."""
        return self.cleaned_data.get("tickets") == BEARER

    @property
    def spared(self) -> list[int]:
        """Ids of the companions that staff have unticked."""
        if "together" not in self.fields:
            return []
        ticked = set(self.cleaned_data["together"])
        return [int(pk) for pk, _text in self.fields["together"].choices if pk not in ticked]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the plan that was shown for the choice."""
        return self.cleaned_data["seen_bearer" if self.bearer else "seen"]


@dataclass(frozen=True)
class Preview:
    """The plans of one person with and without deferral for unused tickets, and the person's own open request if there is one."""

    contact: Contact
    plan: planning.Plan
    bearer: planning.Plan | None  # None without unused tickets
    open_request: Erasure | None

    @property
    def initial(self) -> dict:
        """The initial values of the form: the choices of the person's own request, else the defaults."""
        return {
            "request": self.open_request.uuid if self.open_request else uuid.uuid4(),
            "seen": self.plan.fingerprint,
            "seen_bearer": self.bearer.fingerprint if self.bearer else "",
            "reason": self.open_request.reason if self.open_request else Erasure.Reason.REQUEST,
            "tickets": BEARER if self.open_request and self.open_request.bearer else WAIT,
            "together": [str(companion.contact.pk) for companion in self.plan.companions],
        }

    @property
    def size(self) -> int:
        """The number of rows that are erased."""
        return sum(part.rows for part in self.plan.erased)


def _companion_text(companion: companions.Companion) -> str:
    """Return the name, and when the companion is erased if that is later."""
    if not companion.is_deferred:
        return companion.name
    if companion.day is None:
        return _("%(name)s (as soon as an open payment is settled)") % {"name": companion.name}
    day = date_format(companion.day, "SHORT_DATE_FORMAT")
    return _("%(name)s (on %(day)s, when a ticket to come is over)") % {"name": companion.name, "day": day}


def read(contact: Contact, now) -> Preview:
    """Return the preview of an erasure. Changes nothing."""
    plan = planning.plan(contact, now=now)
    has_choice = any(deferral.basis == CONTRACT for deferral in plan.deferrals)
    bearer = planning.plan(contact, now=now, bearer=True) if has_choice else None
    open_request = (
        Erasure.objects.filter(contact=contact, state=Erasure.State.CONFIRMED).order_by("pk").first()
    )
    return Preview(contact, plan, bearer, open_request)


# --- access ---------------------------------------------------------------------------------------------------
def _contact(request: HttpRequest, contact_id: int) -> Contact:
    """Return the contact, and activate the time zone of its organiser.

    Raises Http404 for a contact of another organiser or none, PermissionDenied without the right to erase.
    """
    matching = Contact.objects.select_related("organiser", "user").filter(pk=contact_id)
    where = permissions.organisers_where(request.user, "contacts.view_contact")
    erase = permissions.organisers_where(request.user, ERASE)
    contact = permissions.within(matching, None if where is None or erase is None else where | erase).first()
    if contact is None:
        raise Http404("no such row")
    if not request.user.has_perm(ERASE, contact):
        logger.warning("erasure refused user=%s contact=%s", request.user.pk, contact.pk)
        raise PermissionDenied
    time_zones.activate(request.user, contact.organiser_id)
    return contact


def _is_own(user, contact: Contact) -> bool:
    return contact.user_id == user.pk or contact.email_key == normalise_email(user.email)


def _is_fresh(request: HttpRequest) -> bool:
    now = time.time()
    return now - logged_in_at(request, now) <= FRESH_SECONDS


def _done_already(request: HttpRequest, contact: Contact) -> Erasure | None:
    """Return the erasure that an earlier post of the same form has begun."""
    try:
        number = uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        return None
    begun = Erasure.objects.filter(uuid=number, subject_uuid=contact.subject_uuid)
    return begun.exclude(state__in=Erasure.OPEN).first()


def _begun_already(admin_page, request: HttpRequest, contact: Contact) -> HttpResponse:
    """Redirect to the erasure that a colleague has begun meanwhile."""
    begun = Erasure.objects.filter(subject_uuid=contact.subject_uuid).exclude(state__in=Erasure.OPEN)
    erasure = (
        begun.exclude(state__in=[Erasure.State.WITHDRAWN, Erasure.State.REFUSED]).order_by("-pk").first()
    )
    if erasure is None:
        raise Http404("no such row")
    messages.info(request, _("This person is being erased already, or is erased. Nothing has changed."))
    return admin_page.back_to(erasure)


def _has_own_request(contact: Contact) -> bool:
    """Return whether the person has requested the erasure as a visitor, and confirmed it from the mailbox.

    Then staff may erase themselves: it does not rest on their right as staff alone.
    """
    confirmed = Erasure.objects.filter(contact=contact, state=Erasure.State.CONFIRMED)
    return confirmed.filter(channel__in=due_dates.ASKED_BY_PERSON).exists()


# --- the page ---------------------------------------------------------------------------------------------------
def page(admin_page, request: HttpRequest, contact_id: int) -> HttpResponse:
    """Show the preview on GET, which changes nothing; erase on POST. Raises Http404 and PermissionDenied."""
    contact = _contact(request, contact_id)
    if request.method == "POST" and (done := _done_already(request, contact)):
        return admin_page.back_to(done)
    if contact.erased_at is not None and request.method != "POST":
        # An erased person is not found; a POST of an older page leads to the receipt.
        raise Http404("no such row")
    if contact.erasing_at is not None:
        return _begun_already(admin_page, request, contact)
    if _is_own(request.user, contact) and not _has_own_request(contact):
        return TemplateResponse(
            request, "privacy/own.html", _context(admin_page, request, contact), status=403
        )
    if not _is_fresh(request):
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': request.path})}")
    preview = read(contact, timezone.now())
    if request.method != "POST":
        return _show(admin_page, request, preview, EraseForm(None, preview=preview))
    return _post(admin_page, request, preview)


def _post(admin_page, request: HttpRequest, preview: Preview) -> HttpResponse:
    """Erase if the plan is still the one that was shown; else show the new plan, with what was chosen."""
    form = EraseForm(request.POST, preview=preview)
    if form.is_valid():
        if any(not place.is_settled for place in elsewhere.of(preview, request)[: occurrences.MAX_PLACES]):
            return _show_again(admin_page, request, preview, changed=False, unsettled=True)
        try:
            return _erase(admin_page, request, preview, form)
        except erasing.CannotErase as refusal:
            if done := _done_already(request, preview.contact):
                # The form was posted twice: this post waited for the lock of the first one.
                return admin_page.back_to(done)
            if refusal.code == "gone":
                return _begun_already(admin_page, request, preview.contact)
    return _show_again(admin_page, request, preview)


def _show_again(
    admin_page, request: HttpRequest, preview: Preview, *, changed: bool = True, unsettled: bool = False
) -> HttpResponse:
    """Show the page again, with what was chosen.

    ``changed``: the plan is a new one. ``unsettled``: a choice about another place is missing.
    """
    chosen = {name: request.POST[name] for name in ("reason", "tickets") if request.POST.get(name)}
    if "together" in EraseForm(None, preview=preview).fields:
        chosen["together"] = request.POST.getlist("together")
    again = EraseForm(None, preview=preview, chosen=chosen)
    return _show(admin_page, request, preview, again, changed=changed, unsettled=unsettled)


def _show(
    admin_page,
    request: HttpRequest,
    preview: Preview,
    form: EraseForm,
    *,
    changed: bool = False,
    unsettled: bool = False,
) -> HttpResponse:
    places = elsewhere.of(preview, request)
    context = {
        **_context(admin_page, request, preview.contact),
        **_plan_context(preview),
        "form": drawn(form),
        "changed": changed,
        "unsettled": unsettled,
        "elsewhere": places[: occurrences.MAX_PLACES],
        "more_elsewhere": len(places) > occurrences.MAX_PLACES,
    }
    return TemplateResponse(request, "privacy/preview.html", context)


def _erase(admin_page, request: HttpRequest, preview: Preview, form: EraseForm) -> HttpResponse:
    """Create the request, then run it here; by a job if there are many rows."""
    now = timezone.now()
    options = {
        "channel": Erasure.Channel.BACK_OFFICE,
        "reason": form.cleaned_data["reason"],
        "by": request.user,
        "bearer": form.bearer,
        "fingerprint": form.fingerprint,
        "number": form.cleaned_data["request"],
        "now": now,
    }
    with transaction.atomic():
        erasure = erasing.request(preview.contact, **options)
        companions.spare(erasure, form.spared)
        _erase_elsewhere(request, preview, erasure, now)
        if preview.size > AT_ONCE:
            erasing.begin(erasure, now)
            tasks.run.defer(erasure_id=erasure.pk)
            return admin_page.back_to(erasure)
    try:
        erasing.run(erasure, now=now)
    except (erasing.NotClean, OSError):
        # ``erasure.failure`` is set: its page shows it, and the periodic job tries again.
        logger.exception("erasure failed id=%s", erasure.pk)
    else:
        messages.success(request, _result(erasure))
    return admin_page.back_to(erasure)


def _erase_elsewhere(request: HttpRequest, preview: Preview, erasure: Erasure, now: datetime) -> None:
    """Erase the person's name in the chosen rows of others, and count them for the receipt."""
    chosen = [place.occurrence for place in elsewhere.of(preview, request) if place.choice == elsewhere.ERASE]
    if chosen:
        contact_links = [occurrence.row for occurrence in chosen if isinstance(occurrence.row, ContactLink)]
        companions.request_typed_people(erasure, contact_links, now)
        keys = {occurrence.key for occurrence in chosen}
        done = occurrences.erase_chosen(preview.contact, preview.plan, keys, now=now)
        database_step.add_up(erasure, done, first=False)


def _result(erasure: Erasure) -> str:
    """Return the message about what has been erased, from the record."""
    values = {"receipt": erasure.receipt, "day": lines.latest(erasure)}
    if erasure.state == Erasure.State.CLOSED:
        return _("Erased. The receipt is %(receipt)s.") % values
    if erasure.state == Erasure.State.DEFERRED:
        return (
            _(
                "Begun. What is still needed is erased by itself, at the latest when this is over: %(day)s. The receipt is %(receipt)s."
            )
            % values
        )
    return _("Begun. It goes on by itself in a few minutes. The receipt is %(receipt)s.") % values


def _context(admin_page, request: HttpRequest, contact: Contact) -> dict:
    name = "admin:contacts_contact_change"
    may_look = request.user.has_perm("contacts.view_contact", contact)
    return {
        **admin_page.admin_site.each_context(request),
        "title": _("Erase a person"),
        "subtitle": str(contact),
        "row": contact,
        "opts": Contact._meta,
        "back": reverse(name, args=[contact.pk]) if may_look else reverse("admin:index"),
    }


def _plan_context(preview: Preview) -> dict:
    """Return the tables and sentences about the plan."""
    plan = preview.plan
    return {
        "sections": lines.of_plan(plan),
        "waiting": lines.deferred(plan) if plan.deferrals else None,
        "until": plan.until,
        "claims": any(deferral.basis != CONTRACT for deferral in plan.deferrals),
        "contract": preview.bearer is not None,
        "warnings": _warnings(preview),
        "same_address": _same_address(preview.contact),
        "mail_service": wording.mail_service(),
        "downloads": lines.downloads(plan.subject.subject_uuid),
    }


def _warnings(preview: Preview) -> list[str]:
    warnings = []
    if preview.open_request and preview.open_request.confirmed_at:
        warnings.append(
            _("The person asked for it themselves on %(day)s (%(channel)s).")
            % {
                "day": date_format(localtime(preview.open_request.confirmed_at), "SHORT_DATE_FORMAT"),
                "channel": preview.open_request.get_channel_display(),
            }
        )
    # An erasure at once may cost the person the tickets they have paid for.
    unused = {str(deferral.label) for deferral in preview.plan.deferrals if deferral.basis == CONTRACT}
    warnings += [
        _("There is still %(what)s. Ask the person first.") % {"what": what} for what in sorted(unused)
    ]
    if preview.plan.subject.is_staff:
        warnings.append(
            _(
                "This person works here too: their log-in, their rights and what they did as staff stay. What they bought and are as a customer goes."
            )
        )
    elif preview.plan.subject.user_id is not None:
        # The same sentence whether the log-in is deleted or not: that would tell whom other organisers know.
        warnings.append(_("Their log-in here ends, and they are logged out everywhere."))
    return warnings


def _same_address(contact: Contact) -> list[Contact]:
    """Return other contacts with the same e-mail address, at most 20: each may be the same person, and is erased separately."""
    if not contact.email_key:
        return []
    same = Contact.objects.known().filter(organiser=contact.organiser_id, email_key=contact.email_key)
    return list(same.exclude(pk=contact.pk).order_by("pk")[:20])
