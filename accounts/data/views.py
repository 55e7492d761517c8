"""*My data* in the visitor's account: see it, take a copy, request its erasure. Parts are used by ``guest_views`` too."""

import hashlib

from allauth.account.decorators import reauthentication_required
from allauth.account.forms import ReauthenticateForm
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts.linking import links
from contacts.models import Contact
from privacy.copies import copying, packing
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import planning, wording
from privacy.plan.planning import Plan
from privacy.requests import requests
from ticketshop.lib.web.refusals import TooManyTries
from ticketshop.limits import limits
from ticketshop.organisers.models import Organiser
from ticketshop.sales import visitor_contact

from . import people as data_people
from .people import People


class DeleteForm(ReauthenticateForm):
    """The visitor's password, typed again."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""
        self.fields["password"].label = gettext_lazy("Your password, once more")


class BearerForm(forms.Form):
    """The choice between keeping unused tickets usable for the person, and erasing everything at once."""

    bearer = forms.ChoiceField(
        label=gettext_lazy("Your tickets that are not used yet"),
        choices=[
            (
                "wait",
                gettext_lazy(
                    "Finish them first: what they need of you, such as your name and e-mail address, stays until the event is over. Then it goes by itself."
                ),
            ),
            (
                "bearer",
                gettext_lazy(
                    "Erase everything now: the tickets stay valid for anyone who shows them. We can no longer write to "
                    "you about changes or refunds, so keep the codes."
                ),
            ),
        ],
        initial="wait",
        widget=forms.RadioSelect,
    )

    def __init__(self, data, *, has_tickets: bool):
        super().__init__(data)
        if not has_tickets:
            del self.fields["bearer"]

    @property
    def erases_at_once(self) -> bool:
        """Whether everything is erased now, and tickets stay valid for the bearer."""
        return self.cleaned_data.get("bearer") == "bearer"


def plans_of(people: list[Contact], *, bearer: bool = False) -> list[Plan]:
    """Return the erasure plan of each contact, as of now; ``bearer`` as in ``planning.plan``."""
    now = timezone.now()
    return [planning.plan(contact, now=now, bearer=bearer) for contact in people]


def data_of(people: People) -> dict:
    """Return the context of the pages: per person the areas with their records, and what an erasure does to each."""
    groups = [[contact] for contact in people.chosen] if people.several else [people.chosen]
    return {
        "people": people,
        "groups": [(name_of(group[0]) if people.several else "", _areas(group)) for group in groups if group],
    }


def _areas(group: list[Contact]) -> list[tuple]:
    fates = {fate.area: fate for fate in wording.area_plans(plans_of(group))}
    return [(chapter, fates.get(chapter.area)) for chapter in copying.read(group)]


def name_of(contact: Contact) -> str:
    """Return the text by which a visitor recognises a contact: its name, else e-mail address, else number."""
    return contact.full_name or contact.email or str(contact)


def requests_of(people: People) -> dict:
    """Return the open requests of the chosen contacts, and whether each of them has one ("all_asked")."""
    now = timezone.now()
    requested = [(contact, requests.open_request(contact, now)) for contact in people.chosen]
    return {
        "requests": [
            (name_of(contact) if people.several else "", erasure)
            for contact, erasure in requested
            if erasure is not None
        ],
        "all_asked": all(erasure is not None for _contact, erasure in requested),
    }


def preview_of(people: People) -> dict:
    """Return the context that tells what an erasure would do now; "shown" is the fingerprint of this state."""
    plans = plans_of(people.chosen)
    return {
        "people": people,
        "names": [name_of(contact) for contact in people.chosen],
        "fates": wording.area_plans(plans),
        "shown": _state(people, plans),
        "choice": wording.has_unused_tickets(plans),
        "companions": [companion for plan in plans for companion in plan.companions],
    }


def _state(people: People, plans: list[Plan]) -> str:
    """Return 32 hex digits that change when a contact is renamed, or its plan changes."""
    named = [(contact.pk, contact.full_name) for contact in people.chosen]
    text = repr((named, [plan.fingerprint for plan in plans]))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def count_copy(key: str) -> None:
    """Count a copy for ``key``, because it costs as much as dozens of pages. Raises TooManyTries at the limit."""
    now = timezone.now()
    if not limits.hit("data_copy", key, now):
        raise TooManyTries(limits.wait("data_copy", key, now))


def zip_of(people: list[Contact], organiser: Organiser) -> HttpResponse:
    """Return the copy of the data of ``people``, and of the people they manage, as a ZIP file. It is not stored."""
    now = timezone.now()
    managed = [
        (link.entered_name, copying.read([link.child], reader=link.parent))
        for contact in people
        for link in links.managed_by(contact)
    ]
    packed = packing.pack(copying.read(people), organiser=organiser, now=now, others=managed)
    response = HttpResponse(packed, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="my-data-{now:%Y-%m-%d}.zip"'
    return response


@require_safe
def index(request, pos):
    """Show what is known about the visitor, and links to the copy and to the erasure."""
    people = data_people.of_account(request)
    managed = links.managed_by(visitor_contact.of_request(request))
    context = {**data_of(people), **requests_of(people), "managed": managed, "section": "data"}
    return render(request, "accounts/data.html", context)


@require_safe
@reauthentication_required
def copy(request, pos):
    """Send the copy as a ZIP file; the decorator asks for the password again."""
    people = data_people.of_account(request)
    count_copy(f"contact:{visitor_contact.of_request(request).pk}")
    return zip_of(people.chosen, request.pos.organiser)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request, pos):
    """Show what an erasure would do; on POST with the right password, mail the link that confirms the request."""
    people = data_people.of_account(request)
    if requests_of(people)["all_asked"]:
        return redirect("account:data", pos=pos)
    preview = preview_of(people)
    form = DeleteForm(request.POST or None, user=request.user)
    choice = BearerForm(request.POST or None, has_tickets=preview["choice"])
    if request.method == "POST":
        too_many = ratelimit.consume_or_429(request, action="reauthenticate", user=request.user)
        if too_many:
            return too_many
        if form.is_valid() and choice.is_valid():
            if _request_erasure(request, people, preview, choice):
                messages.info(request, _("We have sent you an e-mail. Open the link in it to confirm."))
                return redirect(reverse("account:data", args=[pos]) + people.query)
            messages.warning(request, _("Something has changed meanwhile. Please look again."))
    context = {
        **preview,
        "form": form,
        "choice_form": choice,
        "section": "data",
        "has_errors": request.method == "POST" and bool(form.errors or choice.errors),
    }
    return render(request, "accounts/data_delete.html", context)


def _request_erasure(request, people: People, preview: dict, choice: BearerForm) -> bool:
    """Note the requests. Return False if the page showed another outcome than the present one."""
    if request.POST.get("shown") != preview["shown"]:
        return False
    first, *others = people.chosen
    try:
        requests.ask(
            first,
            others=others,
            pos=request.pos,
            language=get_language(),
            now=timezone.now(),
            bearer=choice.erases_at_once,
        )
    except erasing.CannotErase:
        return False
    return True


@require_POST
def answer_request(request, pos):
    """Mail the link that confirms a request again, or withdraw the request."""
    return handle_request_button(request, data_people.of_account(request), "account:data")


def handle_request_button(request, people: People, back: str):
    """Carry out a button of an open request of a covered contact, then redirect to the URL name ``back``."""
    now, receipt = timezone.now(), request.POST.get("receipt", "")
    erasures = [requests.open_request(covered.contact, now) for covered in people.covered]
    erasure = next((each for each in erasures if each is not None and each.receipt == receipt), None)
    if erasure is None:
        messages.warning(request, _("Something has changed meanwhile. Please look again."))
    elif request.POST.get("action") == "again":
        _send_again(request, erasure)
    elif requests.withdraw(erasure):
        messages.success(request, _("Your request is withdrawn. Nothing is erased."))
    else:
        messages.warning(request, _("It is too late to withdraw the request: erasing has begun."))
    return redirect(back, pos=request.pos.slug)


def _send_again(request, erasure: Erasure) -> None:
    if requests.send_again(erasure, pos=request.pos, language=get_language(), now=timezone.now()):
        messages.info(request, _("We have sent you an e-mail. Open the link in it to confirm."))
    else:
        messages.warning(
            request, _("You have got several of these e-mails within an hour. Please try again in an hour.")
        )
