"""The pages of personal data for visitors without a log-in: a mailed link opens the data of its e-mail address.

Also *Your data here*, the public page about what the organiser keeps.
"""

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
from ticketshop.lib.values.email_addresses import EmailField
from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.sales.shop.views import shared

from ..links.views import gone
from . import people as data_people
from .people import People
from .views import (
    BearerForm,
    count_copy,
    data_of,
    handle_request_button,
    name_of,
    preview_of,
    requests_of,
    zip_of,
)

PROOF = "mailbox_proof"


class AddressForm(forms.Form):
    """The e-mail address to which the link is sent."""

    email = EmailField(
        label=gettext_lazy("Your e-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@login_not_required
@require_safe
def about(request, pos):
    """Show what this organiser keeps about people and for how long, read from the models' declarations."""
    context = {
        "mail_service": wording.mail_service(),
        "companies": wording.told_companies(request.pos.organiser),
        "known": wording.area_summaries(request.pos.organiser),
        "collected": wording.collected_questions(request.pos.organiser),
    }
    return shared(request, render(request, "accounts/data_about.html", context))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request, pos):
    """Mail a link to the typed address. The answer is the same whether the address is known or not."""
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
    """Show a button; on POST use the link up and note in the session that the mailbox is proved.

    Not on GET, because mail programs open the links of mails in advance.
    """
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
    """Return the proof of a mailbox made in this browser at this shop; None if there is none, or it has expired."""
    return requests.opened(request.session.get(PROOF), request.pos.organiser, timezone.now())


@login_not_required
@require_safe
def mine(request, pos):
    """Show the data of the contacts of the proved mailbox."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    people = data_people.of_proof(request, proof)
    context = {**data_of(people), **requests_of(people)}
    return render(request, "accounts/data_mine.html", context)


@login_not_required
@require_safe
def copy(request, pos):
    """Send the copy of the data as a ZIP file, while the proof is valid."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    count_copy(f"address:{proof.address}")
    return zip_of(data_people.of_proof(request, proof).chosen, request.pos.organiser)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request, pos):
    """Let the visitor choose people, if names differ, and show what an erasure would do; note the request on POST.

    The mailbox is proved, so the request need not be confirmed by mail.
    """
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    people = data_people.of_proof(request, proof, to_erase=True)
    if all(requests.open_request(covered.contact, timezone.now()) for covered in people.covered):
        return redirect("data:mine", pos=pos)
    preview = preview_of(people)
    choice = BearerForm(request.POST or None, has_tickets=preview["choice"])
    if request.method == "POST" and people.chosen and choice.is_valid():
        if _request_erasure(request, proof, people, preview, choice):
            messages.success(request, _("We have your request. Keep the receipt below."))
            return redirect(reverse("data:mine", args=[pos]) + people.query)
        messages.warning(request, _("Something has changed meanwhile. Please look again."))
    context = {**preview, "choice_form": choice, "has_errors": bool(choice.errors)}
    return render(request, "accounts/data_forget.html", context)


def _request_erasure(request, proof: MailboxProof, people: People, preview: dict, choice: BearerForm) -> bool:
    """Note the requests. Return False if the page showed another outcome than the present one."""
    if request.POST.get("shown") != preview["shown"]:
        return False
    try:
        requests.ask_for_mailbox(
            proof, people.chosen, pos=request.pos, now=timezone.now(), bearer=choice.erases_at_once
        )
    except erasing.CannotErase:
        return False
    return True


@login_not_required
@require_POST
def answer_request(request, pos):
    """Withdraw a request, or mail the link that confirms it again, while the proof is valid."""
    proof = proof_of(request)
    if proof is None:
        return redirect("data:ask", pos=pos)
    return handle_request_button(request, data_people.of_proof(request, proof), "data:mine")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request, pos, token):
    """Show the button behind the link that confirms a request of a visitor with a log-in; confirm it on POST."""
    now = timezone.now()
    if request.method != "POST":
        if requests.of_token(token, request.pos.organiser, now) is None:
            return gone(request)
        return render(request, "accounts/data_confirm.html")
    erasure = requests.confirm(token, pos=request.pos, now=now)
    if erasure is None:
        return gone(request)
    together = erasure.asked_together.filter(contact__isnull=False).select_related("contact").order_by("pk")
    receipts = [(name_of(each.contact), each.receipt) for each in (erasure, *together)]
    return render(request, "accounts/data_confirmed.html", {"erasure": erasure, "receipts": receipts})
