"""allauth's forms with the project's field for e-mail addresses, which normalises what was typed, and with the shop's words.

So the log-in, its limits and its mails all use the same form of an address.
"""

from allauth.account import forms as allauth_forms
from django import forms
from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy

from ticketshop.lib.values.email_addresses import EmailField

LABELS = {
    "login": gettext_lazy("E-mail address"),
    "email": gettext_lazy("E-mail address"),
    "oldpassword": gettext_lazy("Present password"),
    "password1": gettext_lazy("New password"),
    "password2": gettext_lazy("New password, once more"),
}


class InOurWords(forms.Form):
    """A form of allauth with the shop's labels, without placeholders, which repeat the labels, and with our address field.

    ``worded`` names the fields whose label is replaced.
    """

    worded: tuple[str, ...] = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in list(self.fields.items()):
            field.widget.attrs.pop("placeholder", None)
            if name in self.worded:
                field.label = LABELS[name]
            if name in {"login", "email"}:
                self.fields[name] = EmailField(
                    label=field.label, widget=field.widget, required=field.required
                )


class LoginForm(InOurWords, allauth_forms.LoginForm):
    """E-mail address and password."""

    worded = ("login",)


class SignupForm(InOurWords, allauth_forms.SignupForm):
    """E-mail address and password of a new log-in."""

    worded = ("email",)

    def try_save(self, request):
        """Hash the password also if the log-in exists: the duration must not show whether it does."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class AddEmailForm(InOurWords, allauth_forms.AddEmailForm):
    """Another e-mail address of a log-in."""

    worded = ("email",)


class ResetPasswordForm(InOurWords, allauth_forms.ResetPasswordForm):
    """The e-mail address to which the link to a new password is sent."""

    worded = ("email",)


class ResetPasswordKeyForm(InOurWords, allauth_forms.ResetPasswordKeyForm):
    """A new password, after the mailed link."""

    worded = ("password1", "password2")
