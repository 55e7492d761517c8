"""allauth's forms with the project's field for e-mail addresses, which normalises what was typed.

So the log-in, its limits and its mails all use the same form of an address.
"""

from allauth.account import forms as allauth_forms
from django import forms
from django.contrib.auth.hashers import make_password

from ticketshop.lib.values.email_addresses import EmailField


def with_our_field(form: forms.Form, name: str) -> None:
    """Replace allauth's field by ours, and keep its label, its widget and whether it is required."""
    replaced = form.fields[name]
    form.fields[name] = EmailField(label=replaced.label, widget=replaced.widget, required=replaced.required)


class LoginForm(allauth_forms.LoginForm):
    """E-mail address and password."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "login")


class SignupForm(allauth_forms.SignupForm):
    """E-mail address and password of a new log-in."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "email")

    def try_save(self, request):
        """Hash the password also if the log-in exists: the duration must not show whether it does."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class AddEmailForm(allauth_forms.AddEmailForm):
    """Another e-mail address of a log-in."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "email")


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """The e-mail address to which the link to a new password is sent."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "email")
