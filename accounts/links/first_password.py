"""The page behind the mail to a known e-mail address without a log-in: choose the person and the first password."""

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from privacy.models import MailboxProof
from privacy.requests import requests
from ticketshop.lib.values.text import readable_email

from ..models import User
from . import claiming
from .forms import FirstPasswordForm
from .views import gone, has_log_in, open_account


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request, token):
    """Show the form; on a valid POST use the token up, create the log-in and log the visitor in."""
    now = timezone.now()
    proof = requests.unopened(token, now)
    people = claiming.claimable(proof.organiser, proof.address) if proof is not None else []
    if proof is None:
        return gone(request)
    form = FirstPasswordForm(request.POST or None, email=proof.address, people=people)
    if request.method == "POST" and form.is_valid():
        try:
            user = _make(proof, token, form, now)
        except claiming.HasLogIn:
            return has_log_in(request)
        return open_account(request, user) if user is not None else gone(request)
    context = {
        "form": form,
        "address": proof.address,
        "other_log_in": readable_email(request.user.email) if request.user.is_authenticated else "",
        "has_errors": bool(form.errors),
    }
    return render(request, "accounts/first_password.html", context)


@transaction.atomic
def _make(proof: MailboxProof, token: str, form: FirstPasswordForm, now) -> User | None:
    """Use the token up and return the new log-in; None if the token was used meanwhile. Raises HasLogIn."""
    if requests.open_proof(token, proof.organiser, now) is None:
        return None
    password = form.cleaned_data["password1"]
    if form.chosen is None:
        return claiming.make_log_in(proof.address, password)
    return claiming.claim(form.chosen, password, language=get_language() or "", now=now)
