"""My data, in the visitor's account: see it, take a copy, ask to be forgotten."""

from allauth.account.decorators import reauthentication_required
from allauth.account.forms import ReauthenticateForm
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from contacts.models import Contact
from privacy import asking, copying, packing, planning, wording
from privacy.planning import Plan
from ticketshop.lib.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.organisers.models import Organiser

from .contact import my_contact


class DeleteForm(ReauthenticateForm):
    """The password once more."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""
        self.fields["password"].label = gettext_lazy("Your password, once more")


class BearerForm(forms.Form):
    """What becomes of tickets that are not used yet."""

    bearer = forms.ChoiceField(
        label=gettext_lazy("Your tickets that are not used yet"),
        choices=[
            (
                "wait",
                gettext_lazy(
                    "Finish them first: your name and address stay until the event is over, then they go by themselves."
                ),
            ),
            (
                "bearer",
                gettext_lazy(
                    "Erase everything now: the tickets stay valid for whoever shows them. We can no longer write to "
                    "you about changes or refunds, so keep the codes."
                ),
            ),
        ],
        initial="wait",
        widget=forms.RadioSelect,
    )

    def __init__(self, data, *, asked: bool):
        super().__init__(data)
        if not asked:
            # Nothing waits for the person: there is nothing to choose.
            del self.fields["bearer"]

    @property
    def gives_up(self) -> bool:
        return self.cleaned_data.get("bearer") == "bearer"


def plans_of(people: list[Contact], *, bearer: bool = False) -> list[Plan]:
    now = timezone.now()
    return [planning.plan(contact, now=now, bearer=bearer) for contact in people]


def known_about(people: list[Contact]) -> dict:
    """What the pages show: each area with its records, and what becomes of it."""
    plans = plans_of(people)
    fates = {fate.area: fate for fate in wording.fates(plans)}
    chapters = copying.read(people)
    return {"known": [(chapter, fates.get(chapter.area)) for chapter in chapters]}


def preview_of(people: list[Contact]) -> dict:
    """What an erasure would do now, area by area; ``shown`` names this very state."""
    plans = plans_of(people)
    return {
        "fates": wording.fates(plans),
        "shown": "-".join(plan.fingerprint for plan in plans),
        "choice": wording.waits_for_tickets(plans),
    }


def may_copy(key: str) -> bool:
    """A copy costs as much as some dozen pages."""
    return limits.hit("data_copy", key, timezone.now())


def zip_of(people: list[Contact], organiser: Organiser) -> HttpResponse:
    """The copy, made now and kept nowhere."""
    now = timezone.now()
    packed = packing.pack(copying.read(people), organiser=organiser, now=now)
    response = HttpResponse(packed, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="my-data-{now:%Y-%m-%d}.zip"'
    return response


@require_safe
def index(request, pos):
    """Each item, what for, until when, who sees it; the ways to a copy and to be forgotten."""
    contact = my_contact(request)
    context = {
        **known_about([contact]),
        "open": asking.open_request(contact, timezone.now()),
        "section": "data",
    }
    return render(request, "accounts/data.html", context)


@require_safe
@reauthentication_required
def copy(request, pos):
    """The copy as a ZIP, for whoever has just typed the password."""
    contact = my_contact(request)
    if not may_copy(f"contact:{contact.pk}"):
        return too_many_requests(request)
    return zip_of([contact], request.pos.organiser)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request, pos):
    """The preview and the password; then a mail with the link that confirms."""
    contact = my_contact(request)
    if asking.open_request(contact, timezone.now()):
        return redirect("account:data", pos=pos)
    preview = preview_of([contact])
    form = DeleteForm(request.POST or None, user=request.user)
    choice = BearerForm(request.POST or None, asked=preview["choice"])
    if request.method == "POST":
        refused = ratelimit.consume_or_429(request, action="reauthenticate", user=request.user)
        if refused:
            return refused
        if form.is_valid() and choice.is_valid():
            if request.POST.get("shown") == preview["shown"]:
                asking.ask(
                    contact,
                    pos=request.pos,
                    language=get_language(),
                    now=timezone.now(),
                    bearer=choice.gives_up,
                )
                messages.info(request, _("We have sent you an e-mail. Open the link in it to confirm."))
                return redirect("account:data", pos=pos)
            messages.warning(request, _("Something has changed meanwhile. Please look again."))
    context = {
        **preview,
        "form": form,
        "choice_form": choice,
        "section": "data",
        "has_errors": request.method == "POST" and bool(form.errors or choice.errors),
    }
    return render(request, "accounts/data_delete.html", context)
