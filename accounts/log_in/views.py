"""django-allauth's log-in pages and forms, where the project changes them."""

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

from ticketshop.lib.values.text import readable_email
from ticketshop.organisers.middleware import next_query

from .forms import InOurWords, LoginForm


class PasswordReset(PasswordResetView):
    """The page that mails the link to a new password; the page after it keeps ``next``."""

    def get_success_url(self) -> str:
        return self.passthrough_next_url(str(self.success_url))


@method_decorator(login_not_required, "dispatch")
class NewPassword(PasswordResetFromKeyView):
    """The page that sets a new password; it warns before it logs out another log-in."""

    def logout(self) -> None:
        """Log out only when the password is saved, not when the mailed link is opened."""
        if self.request.method == "POST":
            super().logout()

    def get_context_data(self, **kwargs):
        values, visitor = super().get_context_data(**kwargs), self.request.user
        if self.reset_user and visitor.is_authenticated and visitor.pk != self.reset_user.pk:
            values["other_log_in"] = readable_email(visitor.email)
        return values


class Reauthentication(ReauthenticateView):
    """The page that asks for the password again, and then carries out the request that led to it."""

    def form_valid(self, form):
        """Run the stored request. django-allauth does so only for URLs without a query; ours have ``next``."""
        reauthentication.reauthenticate_by_password(self.request)
        stashed = (self.request.session.get(reauthentication.STATE_SESSION_KEY) or {}).get("request")
        back_to = urlsplit(self.get_next_url() or "").path
        if stashed and json.loads(stashed)["path"] == back_to:
            del self.request.session[reauthentication.STATE_SESSION_KEY]
            match = resolve(back_to)
            return match.func(deserialize_request(stashed, self.request), *match.args, **match.kwargs)
        return super().form_valid(form)


class _WithForgotPasswordLink(forms.Form):
    """A form with the link “Forgot your password?” below the field ``field_above_link``; the link keeps the shop."""

    field_above_link = "password"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields[self.field_above_link].help_text = format_html(
            '<a href="{}{}">{}</a>',
            reverse("account_reset_password"),
            next_query(context.request),
            _("Forgot your password?"),
        )


class LogInForm(_WithForgotPasswordLink, LoginForm):
    """E-mail address and password."""


class ReauthenticationForm(_WithForgotPasswordLink, InOurWords, ReauthenticateForm):
    """The password of the open log-in, typed again."""


class NewPasswordForm(_WithForgotPasswordLink, InOurWords, ChangePasswordForm):
    """The present password and a new one."""

    field_above_link = "oldpassword"
    worded = ("oldpassword", "password1", "password2")
