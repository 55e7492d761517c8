"""What an added person is asked: who they are, and the first password."""

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .models import User


class WhoForm(forms.Form):
    """Whether whoever opens the mailed link is the person who was added, or reads the mailbox for them."""

    who = forms.ChoiceField(
        label=_("Who are you?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Say which of the two you are.")},
    )

    def __init__(self, data, *, name: str, answered: bool):
        """``name``: of the contact. ``answered``: it was added by its own name, which says who is meant."""
        super().__init__(data, initial={"who": "child"} if answered else None)
        self.fields["who"].choices = [
            ("child", gettext("I am %(name)s") % {"name": name}),
            (
                "other",
                gettext("I read this mailbox for %(name)s, as a parent or partner does") % {"name": name},
            ),
        ]
        # Sent without the question, as by a page from before: then too.
        self.fields["who"].required = not answered

    @property
    def is_child(self) -> bool:
        return self.cleaned_data["who"] != "other"


class ChoosePasswordForm(forms.Form):
    """One password, typed once: it can be shown, pasted, and reset."""

    password1 = forms.CharField(
        label=_("Choose a password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args, email: str, **kwargs):
        self.email = email
        super().__init__(*args, **kwargs)

    def clean_password1(self):
        password = self.cleaned_data["password1"]
        validate_password(password, User(email=self.email))
        return password
