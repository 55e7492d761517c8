"""The page on which staff erase a person: the preview, the choices, and the button."""

import logging
import uuid
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import Contact, ContactLink
from ticketshop.lib.values.text import normalise_email
from ticketshop.office import staff_sessions, time_zones
from ticketshop.office.buttons import drawn
from ticketshop.organisers import permissions
from ticketshop.submissions import saved_forms

from .. import tasks
from ..erasure import database_step, due_dates, erasing
from ..models import Erasure
from ..plan import companions, occurrences
from . import places, tables
from . import preview as previews
from .preview import EraseForm, Preview

logger = logging.getLogger("ticketshop.privacy")
ERASE = "contacts.erase_contact"
# A person with more records is erased by a job, and the page of the erasure shows its progress.
AT_ONCE = 2000


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
    if not staff_sessions.is_fresh(request):
        return staff_sessions.ask_password(request)
    preview = previews.read(contact, timezone.now())
    if saved := saved_forms.find(request):
        # Sent before the password was asked again: the choices are shown, nothing is erased.
        changed = saved.data.get("seen", "") != preview.initial["seen"]
        return _show_again(admin_page, request, preview, saved.data, changed=changed)
    if request.method != "POST":
        return _show(admin_page, request, preview, EraseForm(None, preview=preview), request.POST)
    return _post(admin_page, request, preview)


def _post(admin_page, request: HttpRequest, preview: Preview) -> HttpResponse:
    """Erase if the plan is still the one that was shown; else show the new plan, with what was chosen."""
    form = EraseForm(request.POST, preview=preview)
    if form.is_valid():
        if any(not place.is_settled for place in places.of(preview, request.POST)[: occurrences.MAX_PLACES]):
            return _show_again(admin_page, request, preview, request.POST, changed=False, unsettled=True)
        try:
            return _erase(admin_page, request, preview, form)
        except erasing.CannotErase as refusal:
            if done := _done_already(request, preview.contact):
                # The form was posted twice: this post waited for the lock of the first one.
                return admin_page.back_to(done)
            if refusal.code == "gone":
                return _begun_already(admin_page, request, preview.contact)
    return _show_again(admin_page, request, preview, request.POST)


def _show_again(
    admin_page,
    request: HttpRequest,
    preview: Preview,
    data: QueryDict,
    *,
    changed: bool = True,
    unsettled: bool = False,
) -> HttpResponse:
    """Show the page again, with what was chosen. ``data``: the fields as they were posted.

    ``changed``: the plan is a new one. ``unsettled``: a choice about another place is missing.
    """
    chosen = {name: data[name] for name in ("reason", "tickets") if data.get(name)}
    if "together" in EraseForm(None, preview=preview).fields:
        chosen["together"] = data.getlist("together")
    again = EraseForm(None, preview=preview, chosen=chosen)
    return _show(admin_page, request, preview, again, data, changed=changed, unsettled=unsettled)


def _show(
    admin_page,
    request: HttpRequest,
    preview: Preview,
    form: EraseForm,
    data: QueryDict,
    *,
    changed: bool = False,
    unsettled: bool = False,
) -> HttpResponse:
    all_places = places.of(preview, data)
    context = {
        **_context(admin_page, request, preview.contact),
        **previews.context(preview),
        "form": drawn(form),
        "changed": changed,
        "unsettled": unsettled,
        "elsewhere": all_places[: occurrences.MAX_PLACES],
        "more_elsewhere": len(all_places) > occurrences.MAX_PLACES,
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
    all_places = places.of(preview, request.POST)
    chosen = [place.occurrence for place in all_places if place.choice == places.ERASE]
    if chosen:
        contact_links = [occurrence.row for occurrence in chosen if isinstance(occurrence.row, ContactLink)]
        companions.request_typed_people(erasure, contact_links, now)
        keys = {occurrence.key for occurrence in chosen}
        done = occurrences.erase_chosen(preview.contact, preview.plan, keys, now=now)
        database_step.add_up(erasure, done, first=False)


def _result(erasure: Erasure) -> str:
    """Return the message about what has been erased, from the record."""
    values = {"receipt": erasure.receipt, "day": tables.latest(erasure)}
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
