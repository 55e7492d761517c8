"""One's own data without a log-in: a mailed link opens what is known under its address. And *Your data here*."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from privacy.erasure import erasing
from privacy.models import MailboxProof
from privacy.plan import wording
from privacy.requests import requests
from ticketshop.lib.email_addresses import EmailField
from ticketshop.lib.network import network
from ticketshop.lib.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.sales.shop.views import shared

from ..links.views import gone
from . import people as data_people
from .people import People
from .views import (
    BearerForm,
    count_copy,
    known_about,
    name_of,
    press_request,
    preview_of,
    requests_of,
    zip_of,
)

PROOF = "mailbox_proof"


class AddressForm(forms.Form):
    """Where to send the link."""

    email = EmailField(
        label=gettext_lazy("Your e-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@login_not_required
@require_safe
def about(request, pos):
    """What this organiser keeps of anybody, from the declarations."""
    context = {
        "mail_service": wording.mail_service(),
        "known": wording.everything(request.pos.organiser),
        "collected": wording.collected(request.pos.organiser),
    }
    return shared(request, render(request, "accounts/data_about.html", context))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request, pos):
    """Whoever types an address gets the same answer; whoever reads its mailbox gets the link."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        if not limits.hit("data_ask", network(request), now):
            return too_many_requests(request, limits.wait("data_ask", network(request), now))
        requests.send_link(form.cleaned_data["email"], pos=request.pos, language=get_language(), now=now)
        return render(request, "accounts/data_sent.html", {"email": form.cleaned_data["email"]})
    return render(request, "accounts/data_ask.html", {"form": form, "has_errors": bool(form.errors)})


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request, pos, token):
    """A button, for programs that look at links in mails change nothing; then the link is used up."""
    now, organiser = timezone.now(), request.pos.organiser
    if request.method != "POST":
        if not requests.can_open(token, organiser, now):
            return gone(request)
        return render(request, "accounts/data_open.html")
    proof = requests.open_proof(token, organiser, now)
    if proof is None:
        return gone(request)
    request.session[PROOF] = proof.pk
    return redirect("data:mine", pos=pos)


def proof_of(request):
    """The mailbox that was proved in this browser at this shop; None when that is over."""
    return requests.opened(request.session.get(PROOF), request.pos.organiser, timezone.now())


@login_not_required
@require_safe
def mine(request, pos):
    """The contacts of the mailbox that was proved: the same page as in an account."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    people = data_people.of_proof(request, proof)
    context = {**known_about(people), **requests_of(people)}
    return render(request, "accounts/data_mine.html", context)


@login_not_required
@require_safe
def copy(request, pos):
    """The copy as a ZIP, as long as the proof stands."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    count_copy(f"address:{proof.address}")
    return zip_of(data_people.of_proof(request, proof).chosen, request.pos.organiser)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request, pos):
    """Who is to be forgotten, where names differ; the preview; the mailbox was proved, so the button asks at once."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    people = data_people.of_proof(request, proof, to_erase=True)
    if all(requests.open_request(one.contact, timezone.now()) for one in people.covered):
        return redirect("data:mine", pos=pos)
    preview = preview_of(people)
    choice = BearerForm(request.POST or None, asked=preview["choice"])
    if request.method == "POST" and people.chosen and choice.is_valid():
        if _forget(request, proof, people, preview, choice):
            messages.success(request, _("We have your request. Keep the receipt below."))
            return redirect(reverse("data:mine", args=[pos]) + people.query)
        messages.warning(request, _("Something has changed meanwhile. Please look again."))
    context = {**preview, "choice_form": choice, "has_errors": bool(choice.errors)}
    return render(request, "accounts/data_forget.html", context)


def _forget(request, proof: MailboxProof, people: People, preview: dict, choice: BearerForm) -> bool:
    """Note the requests; False where what was shown is not what would happen."""
    if request.POST.get("shown") != preview["shown"]:
        return False
    try:
        requests.forget(proof, people.chosen, pos=request.pos, now=timezone.now(), bearer=choice.gives_up)
    except erasing.CannotErase:
        return False
    return True


@login_not_required
@require_POST
def answer_request(request, pos):
    """Take a request back, as long as the proof stands; or have the link that confirms it mailed again."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    return press_request(request, data_people.of_proof(request, proof), "data:mine")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request, pos, token):
    """The link of the mail to somebody with a log-in: a button, then the request stands."""
    now = timezone.now()
    if request.method != "POST":
        if requests.of_token(token, request.pos.organiser, now) is None:
            return gone(request)
        return render(request, "accounts/data_confirm.html")
    erasure = requests.confirm(token, pos=request.pos, now=now)
    if erasure is None:
        return gone(request)
    together = erasure.asked_together.filter(contact__isnull=False).select_related("contact").order_by("pk")
    receipts = [(name_of(one.contact), one.receipt) for one in (erasure, *together)]
    return render(request, "accounts/data_confirmed.html", {"erasure": erasure, "receipts": receipts})
