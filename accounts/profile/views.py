"""The page of the visitor's profile."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts import contacts
from ticketshop.sales import visitor_contact

from ..log_in import email_change
from .forms import ProfileForm


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request, pos):
    """Show the profile fields of the visitor's contact, and save them."""
    contact = visitor_contact.of_request(request)
    form = ProfileForm(request.POST or None, contact=contact)
    if request.method == "POST" and form.is_valid():
        contacts.change(contact, form.cleaned_data, by=request.user, now=timezone.now())
        messages.success(request, _("Your profile is saved."))
        # ``friends.adding`` sends a visitor without a name here: back to the page that adds a person.
        on_the_way = request.GET.get("then") == "friends" and request.pos.friends_family_enabled
        return redirect("account:friends_new" if on_the_way else "account:profile", pos=pos)
    context = {
        "form": form,
        "contact": contact,
        "change_log_in": email_change.address_of_change(request.pos),
        "section": "profile",
        "has_errors": bool(form.errors),
    }
    return render(request, "accounts/profile.html", context)
