"""The e-mail address one logs in with: changed, confirmed; and where each organiser writes to afterwards."""

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
from ticketshop.lib.text import readable_email
from ticketshop.sales import visitor_contact


def address_of_change(pos) -> str:
    """Return the URL of the page that changes the e-mail address one logs in with, in the look of a shop."""
    url = reverse("account_email")
    return f"{url}?next={reverse('account:home', args=[pos.slug])}" if pos else url


@method_decorator(login_not_required, "dispatch")
class ConfirmView(ConfirmEmailView):
    """allauth's page behind the mailed link. Opening it logs nobody out; pressing the button does, and says so before."""

    def logout_other_user(self, confirmation) -> None:
        if self.request.method == "POST":
            super().logout_other_user(confirmation)

    def get_context_data(self, **kwargs):
        found = super().get_context_data(**kwargs)
        if self.object:
            address, visitor = self.object.email_address, self.request.user
            found["changes"] = address.user.email != address.email
            if visitor.is_authenticated and visitor.pk != address.user_id:
                found["other_log_in"] = readable_email(visitor.email)
        return found


@require_POST
def write_to(request, pos):
    """The visitor says where this organiser writes to: the address they log in with, or the one it has."""
    contact, wish = visitor_contact.of_request(request), request.POST.get("address", "")
    if wish == "log_in":
        contacts.change(contact, {"email": request.user.email}, by=request.user, now=timezone.now())
        messages.success(
            request, _("From now on we write to %(email)s.") % {"email": readable_email(request.user.email)}
        )
    elif wish == "keep" and contact.email:
        contacts.keep_email(contact)
        messages.success(
            request, _("We go on writing to %(email)s.") % {"email": readable_email(contact.email)}
        )
    return redirect("account:profile", pos=pos)
