"""The page *Withdraw from this contract*: a statement and its confirmation, without a log-in and without a script.

The answer is the same for all input, so that it does not tell which orders exist.
"""

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.values.person_names import no_markup_in_name
from ticketshop.lib.web import language_choice
from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import TooManyTries
from ticketshop.limits import limits

from ...models import NAME_LENGTH
from . import rules, stating

LIMIT = "withdrawal"


class StatementForm(forms.Form):
    """Form for a statement of withdrawal: the name, and the number of the order."""

    name = LineField(
        label=_("Your name"),
        max_length=NAME_LENGTH,
        validators=[no_markup_in_name],
        widget=forms.TextInput({"autocomplete": "name"}),
        error_messages={"required": _("Enter your name.")},
    )
    order = LineField(
        label=_("Order number"),
        max_length=60,
        help_text=_("For example 7KQ4-M9XD. It is in every e-mail about the order."),
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Enter the number of the order.")},
    )


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def withdraw(request, pos):
    """Show the form; after it the statement, to be confirmed; after that the answer."""
    if not request.pos.organiser.withdrawal:
        raise Http404("not offered here")
    posted = request.method == "POST"
    form = StatementForm(
        request.POST if posted else None, initial={"order": request.GET.get("order", "")[:60]}
    )
    context = {"form": form, "days": rules.DAYS}
    if language_choice.is_chosen(request):
        language_choice.as_typed(form)
    elif posted and form.is_valid() and "back" not in request.POST:
        context["statement"] = form.cleaned_data
        if "confirm" in request.POST:
            context["stated_at"] = _state(request, form.cleaned_data)
            # Nothing is left to type: the buttons for languages lead to the empty form.
            request.language_form = ""
    return render(request, "sales/withdrawal.html", {**context, "has_errors": posted and bool(form.errors)})


def _state(request, statement: dict[str, str]):
    """Record a statement. Return when it was made. Raise TooManyTries beyond the limit of a network."""
    now = timezone.now()
    if not limits.hit(LIMIT, network(request), now):
        raise TooManyTries(limits.wait(LIMIT, network(request), now))
    stating.state(request.pos, reference=statement["order"], name=statement["name"], now=now)
    return now
