"""What our log-in pages do otherwise than django-allauth's."""

import json
from urllib.parse import urlsplit

from allauth.account.forms import ChangePasswordForm, ReauthenticateForm
from allauth.account.internal.flows import reauthentication
from allauth.account.views import PasswordResetFromKeyView, PasswordResetView, ReauthenticateView
from allauth.core import context
from allauth.core.internal.httpkit import deserialize_request
from django import forms
from django.contrib.auth.decorators import login_not_required
from django.urls import resolve, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ticketshop.lib.text import readable_email
from ticketshop.organisers.middleware import next_query

from .forms import LoginForm


class PasswordReset(PasswordResetView):
    """Asks for the link to a new password, and then says that it is on its way, wherever the visitor goes afterwards."""

    def get_success_url(self) -> str:
        return self.passthrough_next_url(str(self.success_url))


@method_decorator(login_not_required, "dispatch")
class NewPassword(PasswordResetFromKeyView):
    """Asks for the new password. Opening the mailed link logs nobody out; saving the password does, and the page says so."""

    def logout(self) -> None:
        if self.request.method == "POST":
            super().logout()

    def get_context_data(self, **kwargs):
        found, visitor = super().get_context_data(**kwargs), self.request.user
        if self.reset_user and visitor.is_authenticated and visitor.pk != self.reset_user.pk:
            found["other_log_in"] = readable_email(visitor.email)
        return found


class Reauthentication(ReauthenticateView):
    """Asks for the password once more, and then does what was asked for before.

    django-allauth does so only where that was sent to an address without a query, and ours carry ``next``: what was
    typed would be lost.
    """

    def form_valid(self, form):
        reauthentication.reauthenticate_by_password(self.request)
        stashed = (self.request.session.get(reauthentication.STATE_SESSION_KEY) or {}).get("request")
        back_to = urlsplit(self.get_next_url() or "").path
        if stashed and json.loads(stashed)["path"] == back_to:
            del self.request.session[reauthentication.STATE_SESSION_KEY]
            found = resolve(back_to)
            return found.func(deserialize_request(stashed, self.request), *found.args, **found.kwargs)
        return super().form_valid(form)


class _WithWayOut(forms.Form):
    """A form that asks for the password, with the link for who has forgotten it: it keeps the shop."""

    asked = "password"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields[self.asked].help_text = format_html(
            '<a href="{}{}">{}</a>',
            reverse("account_reset_password"),
            next_query(context.request),
            _("Forgot your password?"),
        )


class LogInForm(_WithWayOut, LoginForm):
    """Address and password."""


class ReauthenticationForm(_WithWayOut, ReauthenticateForm):
    """The password of who is logged in, once more."""


class NewPasswordForm(_WithWayOut, ChangePasswordForm):
    """The present password and a new one."""

    asked = "oldpassword"
