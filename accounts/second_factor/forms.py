"""The forms in which a code is typed. Wrong codes are counted for a day.

The limit of ``allauth.mfa``, 5 wrong codes in 5 minutes, alone leaves more than a thousand tries a day to a person who has
the password.
"""

from allauth.mfa.base import forms as allauth_forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from ticketshop.limits import limits


class WrongCodesCounted:
    """For a form of ``allauth.mfa`` with a code of ``self.user``."""

    def clean_code(self) -> str:
        key, now = f"user {self.user.pk}", timezone.now()
        if limits.reached("second_factor", key, now):
            raise ValidationError(
                _(
                    "Too many wrong codes were typed. Try again tomorrow. If it was not you, somebody has your password: choose a new one with “Forgot your password?” on the log-in page."
                )
            )
        try:
            return super().clean_code()
        except ValidationError:
            limits.note("second_factor", key, now)
            raise


class AuthenticateForm(WrongCodesCounted, allauth_forms.AuthenticateForm):
    """The second step of the log-in."""


class ReauthenticateForm(WrongCodesCounted, allauth_forms.ReauthenticateForm):
    """The second step, asked again before something serious."""
