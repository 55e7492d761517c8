"""allauth's forms with our field for e-mail addresses: whatever is typed, the log-in, its limits and mails know one form."""

from allauth.account import forms as allauth_forms
from django import forms
from django.contrib.auth.hashers import make_password

from ticketshop.lib.email_addresses import EmailField


def with_our_field(form: forms.Form, name: str) -> None:
    """Put our field in the place of allauth's, with its label, its widget and whether it is due."""
    theirs = form.fields[name]
    form.fields[name] = EmailField(label=theirs.label, widget=theirs.widget, required=theirs.required)


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "login")


class SignupForm(allauth_forms.SignupForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "email")

    def try_save(self, request):
        if self.account_already_exists:
            # As for a new account: how long the answer takes tells nothing about an address.
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class AddEmailForm(allauth_forms.AddEmailForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "email")


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with_our_field(self, "email")
