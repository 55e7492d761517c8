"""Changing the e-mail address of a log-in, and choosing which address an organiser writes to afterwards."""

from allauth.account.views import ConfirmEmailView
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from contacts import contacts
from ticketshop.lib.values.text import readable_email
from ticketshop.sales import visitor_contact


def address_of_change(pos) -> str:
    """Return the URL of the page that changes the e-mail address of the log-in; with a shop, in its look."""
    url = reverse("account_email")
    return f"{url}?next={reverse('account:home', args=[pos.slug])}" if pos else url


@method_decorator(login_not_required, "dispatch")
class ConfirmView(ConfirmEmailView):
    """allauth's page behind the mailed link, which warns before it logs out another log-in."""

    def logout_other_user(self, confirmation) -> None:
        """Log out only when the button is pressed, not when the page is opened."""
        if self.request.method == "POST":
            super().logout_other_user(confirmation)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        if self.object:
            address, visitor = self.object.email_address, self.request.user
            context["changes"] = address.user.email != address.email
            if visitor.is_authenticated and visitor.pk != address.user_id:
                context["other_log_in"] = readable_email(visitor.email)
        return context


@require_POST
def write_to(request, pos):
    """Set the address this organiser writes to: that of the log-in, or the one the contact has."""
    contact, choice = visitor_contact.of_request(request), request.POST.get("address", "")
    if choice == "log_in":
        contacts.change(contact, {"email": request.user.email}, by=request.user, now=timezone.now())
        messages.success(
            request, _("From now on we write to %(email)s.") % {"email": readable_email(request.user.email)}
        )
    elif choice == "keep" and contact.email:
        contacts.keep_email(contact)
        messages.success(
            request, _("We go on writing to %(email)s.") % {"email": readable_email(contact.email)}
        )
    return redirect("account:profile", pos=pos)
