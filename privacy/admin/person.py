"""The bin: what erasing somebody would do, the choices there are, and the button that does it."""

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
# Whoever erases has shown lately who they are.
FRESH_SECONDS = 15 * 60
# A person with more records than this is erased by a job, and a page shows how far it is.
AT_ONCE = 2000
WAIT, BEARER = "wait", "bearer"


class EraseForm(forms.Form):
    """Why, and what becomes of tickets that are not used yet. The hidden fields say what was shown."""

    # Made with the page: pressed twice it is one erasure.
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
                (str(one.contact.pk), _companion_text(one)) for one in preview.plan.companions
            ]
        else:
            del self.fields["together"]

    @property
    def bearer(self) -> bool:
        return self.cleaned_data.get("tickets") == BEARER

    @property
    def spared(self) -> list[int]:
        """Ids of the contacts that staff unticked."""
        if "together" not in self.fields:
            return []
        ticked = set(self.cleaned_data["together"])
        return [int(pk) for pk, _text in self.fields["together"].choices if pk not in ticked]

    @property
    def fingerprint(self) -> str:
        """Of the plan that was shown for what was chosen."""
        return self.cleaned_data["seen_bearer" if self.bearer else "seen"]


@dataclass(frozen=True)
class Preview:
    """The plans of one person, with and without waiting for tickets, and who asked."""

    contact: Contact
    plan: planning.Plan
    bearer: planning.Plan | None  # None where there is nothing to choose
    asked: Erasure | None

    @property
    def initial(self) -> dict:
        return {
            "request": self.asked.uuid if self.asked else uuid.uuid4(),
            "seen": self.plan.fingerprint,
            "seen_bearer": self.bearer.fingerprint if self.bearer else "",
            "reason": self.asked.reason if self.asked else Erasure.Reason.REQUEST,
            "tickets": BEARER if self.asked and self.asked.bearer else WAIT,
            "together": [str(one.contact.pk) for one in self.plan.companions],
        }

    @property
    def size(self) -> int:
        return sum(one.rows for one in self.plan.goes)


def _companion_text(one: companions.Companion) -> str:
    """The name, and when somebody goes who still has a ticket."""
    if not one.waits:
        return one.name
    if one.day is None:
        return _("%(name)s (as soon as an open payment is settled)") % {"name": one.name}
    day = date_format(one.day, "SHORT_DATE_FORMAT")
    return _("%(name)s (on %(day)s, when a ticket to come is over)") % {"name": one.name, "day": day}


def read(contact: Contact, now) -> Preview:
    """Reads only."""
    plan = planning.plan(contact, now=now)
    choose = any(one.basis == CONTRACT for one in plan.waits)
    bearer = planning.plan(contact, now=now, bearer=True) if choose else None
    asked = Erasure.objects.filter(contact=contact, state=Erasure.State.CONFIRMED).order_by("pk").first()
    return Preview(contact, plan, bearer, asked)


# --- the door ---------------------------------------------------------------------------------------------------
def _contact(request: HttpRequest, contact_id: int) -> Contact:
    """Http404 for a contact that is missing or another organiser's, 403 without the right."""
    found = Contact.objects.select_related("organiser", "user").filter(pk=contact_id)
    where = permissions.organisers_where(request.user, "contacts.view_contact")
    erase = permissions.organisers_where(request.user, ERASE)
    contact = permissions.within(found, None if where is None or erase is None else where | erase).first()
    if contact is None:
        raise Http404("no such row")
    if not request.user.has_perm(ERASE, contact):
        logger.warning("erasure refused: user %s, contact %s", request.user.pk, contact.pk)
        raise PermissionDenied
    time_zones.activate(request.user, contact.organiser_id)
    return contact


def _is_own(user, contact: Contact) -> bool:
    return contact.user_id == user.pk or contact.email_key == normalise_email(user.email)


def _is_fresh(request: HttpRequest) -> bool:
    now = time.time()
    return now - logged_in_at(request, now) <= FRESH_SECONDS


def _done_already(request: HttpRequest, contact: Contact) -> Erasure | None:
    """The erasure this very page has begun: pressed twice."""
    try:
        pressed = uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        return None
    begun = Erasure.objects.filter(uuid=pressed, subject_uuid=contact.subject_uuid)
    return begun.exclude(state__in=Erasure.OPEN).first()


def _begun_already(admin_page, request: HttpRequest, contact: Contact) -> HttpResponse:
    """A colleague was quicker: the receipt."""
    begun = Erasure.objects.filter(subject_uuid=contact.subject_uuid).exclude(state__in=Erasure.OPEN)
    erasure = (
        begun.exclude(state__in=[Erasure.State.WITHDRAWN, Erasure.State.REFUSED]).order_by("-pk").first()
    )
    if erasure is None:
        raise Http404("no such row")
    messages.info(request, _("This person is being erased already, or is erased. Nothing has changed."))
    return admin_page.back_to(erasure)


def _asked_themselves(contact: Contact) -> bool:
    """Whether the person has asked as a visitor and confirmed it from the mailbox: then their right as staff is not alone."""
    asked = Erasure.objects.filter(contact=contact, state=Erasure.State.CONFIRMED)
    return asked.filter(channel__in=due_dates.ASKED_BY_PERSON).exists()


# --- the page ---------------------------------------------------------------------------------------------------
def page(admin_page, request: HttpRequest, contact_id: int) -> HttpResponse:
    """GET shows what would happen and changes nothing; POST does it."""
    contact = _contact(request, contact_id)
    if request.method == "POST" and (done := _done_already(request, contact)):
        return admin_page.back_to(done)
    if contact.erased_at is not None and request.method != "POST":
        # Nobody finds who is erased; whoever had the page open before gets the receipt.
        raise Http404("no such row")
    if contact.erasing_at is not None:
        return _begun_already(admin_page, request, contact)
    if _is_own(request.user, contact) and not _asked_themselves(contact):
        return TemplateResponse(
            request, "privacy/own.html", _context(admin_page, request, contact), status=403
        )
    if not _is_fresh(request):
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': request.path})}")
    preview = read(contact, timezone.now())
    if request.method != "POST":
        return _show(admin_page, request, preview, EraseForm(None, preview=preview))
    return _press(admin_page, request, preview)


def _press(admin_page, request: HttpRequest, preview: Preview) -> HttpResponse:
    """Erase if what was shown is what would happen; else show that, with what was chosen."""
    form = EraseForm(request.POST, preview=preview)
    if form.is_valid():
        if any(not place.is_settled for place in elsewhere.of(preview, request)[: occurrences.MOST]):
            return _show_again(admin_page, request, preview, changed=False, unsettled=True)
        try:
            return _erase(admin_page, request, preview, form)
        except erasing.CannotErase as refusal:
            if done := _done_already(request, preview.contact):
                # The first of two presses was done while the second one waited for it.
                return admin_page.back_to(done)
            if refusal.code == "gone":
                return _begun_already(admin_page, request, preview.contact)
    return _show_again(admin_page, request, preview)


def _show_again(
    admin_page, request: HttpRequest, preview: Preview, *, changed: bool = True, unsettled: bool = False
) -> HttpResponse:
    """The page once more, with what was chosen."""
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
        **_shown(preview),
        "form": drawn(form),
        "changed": changed,
        "unsettled": unsettled,
        "elsewhere": places[: occurrences.MOST],
        "more_elsewhere": len(places) > occurrences.MOST,
    }
    return TemplateResponse(request, "privacy/preview.html", context)


def _erase(admin_page, request: HttpRequest, preview: Preview, form: EraseForm) -> HttpResponse:
    """Write down the request, then run it here, or by a job where there is much to do."""
    now = timezone.now()
    asked = {
        "channel": Erasure.Channel.BACK_OFFICE,
        "reason": form.cleaned_data["reason"],
        "by": request.user,
        "bearer": form.bearer,
        "fingerprint": form.fingerprint,
        "number": form.cleaned_data["request"],
        "now": now,
    }
    with transaction.atomic():
        erasure = erasing.request(preview.contact, **asked)
        companions.spare(erasure, form.spared)
        _erase_elsewhere(request, preview, erasure, now)
        if preview.size > AT_ONCE:
            erasing.claim(erasure, now)
            tasks.run.defer(erasure_id=erasure.pk)
            return admin_page.back_to(erasure)
    try:
        erasing.run(erasure, now=now)
    except (erasing.NotClean, OSError):
        # Noted on the request: its page says so, and the job tries again.
        logger.exception("erasure %s has failed at a step", erasure.pk)
    else:
        messages.success(request, _said(erasure))
    return admin_page.back_to(erasure)


def _erase_elsewhere(request: HttpRequest, preview: Preview, erasure: Erasure, now: datetime) -> None:
    """Erase the person's name in the rows of others that were chosen, and count them for the receipt."""
    chosen = [one.occurrence for one in elsewhere.of(preview, request) if one.choice == elsewhere.ERASE]
    if chosen:
        companions.ask_as_typed(erasure, [one.row for one in chosen if isinstance(one.row, ContactLink)], now)
        done = occurrences.settle(preview.contact, preview.plan, {one.key for one in chosen}, now=now)
        database_step.add_up(erasure, done, first=False)


def _said(erasure: Erasure) -> str:
    """What came of the click, from the record."""
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


def _shown(preview: Preview) -> dict:
    """What the page tells, as tables and sentences."""
    plan = preview.plan
    return {
        "sections": lines.of_plan(plan),
        "waiting": lines.waiting(plan) if plan.waits else None,
        "until": plan.until,
        "claims": any(one.basis != CONTRACT for one in plan.waits),
        "contract": preview.bearer is not None,
        "warnings": _warnings(preview),
        "same_address": _same_address(preview.contact),
        "mail_service": wording.mail_service(),
        "downloads": lines.downloads(plan.subject.subject_uuid),
    }


def _warnings(preview: Preview) -> list[str]:
    found = []
    if preview.asked and preview.asked.confirmed_at:
        found.append(
            _("The person asked for it themselves on %(day)s (%(channel)s).")
            % {
                "day": date_format(localtime(preview.asked.confirmed_at), "SHORT_DATE_FORMAT"),
                "channel": preview.asked.get_channel_display(),
            }
        )
    # Who is owed nothing but an entry may lose what was paid for.
    unused = {str(one.what) for one in preview.plan.waits if one.basis == CONTRACT}
    found += [_("There is still %(what)s. Ask the person first.") % {"what": what} for what in sorted(unused)]
    if preview.plan.subject.is_staff:
        found.append(
            _(
                "This person works here too: their log-in, their rights and what they did as staff stay. What they bought and are as a customer goes."
            )
        )
    elif preview.plan.subject.user_id is not None:
        # The same sentence whether the log-in itself goes: whom other organisers know is not told.
        found.append(_("Their log-in here ends, and they are logged out everywhere."))
    return found


def _same_address(contact: Contact) -> list[Contact]:
    """Others who may be the same person: each is erased by itself."""
    if not contact.email_key:
        return []
    same = Contact.objects.known().filter(organiser=contact.organiser_id, email_key=contact.email_key)
    return list(same.exclude(pk=contact.pk).order_by("pk")[:20])
