"""The forms for an added person: who they are, and the first password."""

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact

from ..models import User


class WhoForm(forms.Form):
    """Whether the reader of the mailed link is the added person, or reads the mailbox for that person."""

    who = forms.ChoiceField(
        label=_("Who are you?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Say who you are.")},
    )

    def __init__(self, data, *, name: str, answered: bool, logged_in_as: str = ""):
        """``name``: that of the contact. ``answered``: the parent typed this name, so an answer is selected already.

        ``logged_in_as``: the e-mail address of a log-in of the same name that is open in this browser.
        """
        choices = {
            "child": gettext("I am %(name)s") % {"name": name},
            "other": gettext("I read this mailbox for %(name)s, as a parent or partner does")
            % {"name": name},
        }
        if logged_in_as:
            text = gettext("I am %(name)s, and have my account already: %(log_in)s")
            choices = {"mine": text % {"name": name, "log_in": logged_in_as}, **choices}
        super().__init__(data, initial={"who": next(iter(choices))} if answered else None)
        self.fields["who"].choices = list(choices.items())
        # Not required then, because a page without the question may send the form too.
        self.fields["who"].required = not answered

    @property
    def who_it_is(self) -> str:
        """The answer: "child", "other" or "mine"."""
        return self.cleaned_data["who"] or "child"


class PasswordForm(forms.Form):
    """A new password. It is typed once only, because it can be shown, pasted and reset."""

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


class ChoosePasswordForm(PasswordForm):
    """The first password of an added person.

    ``logged_in_as``: e-mail address of another log-in open in this browser; a checkbox then confirms that it ends.
    """

    switch = forms.BooleanField(
        error_messages={"required": _("Tick the box to go on, or choose “Not now”.")},
    )

    def __init__(self, *args, logged_in_as: str = "", **kwargs):
        super().__init__(*args, **kwargs)
        if logged_in_as:
            text = gettext("Log out %(log_in)s in this browser, and open this account")
            self.fields["switch"].label = text % {"log_in": logged_in_as}
        else:
            del self.fields["switch"]


class FirstPasswordForm(PasswordForm):
    """The first password of a mailbox, and which of its contacts (``people``) its owner is."""

    NOBODY = "none"
    contact = forms.ChoiceField(
        label=_("Who are you?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Say who you are.")},
    )
    field_order = ["contact", "password1"]

    def __init__(self, *args, people: list[Contact], **kwargs):
        super().__init__(*args, **kwargs)
        self.people = {str(contact.pk): contact for contact in people}
        self.fields["contact"].choices = [
            *((pk, contact.full_name or str(contact)) for pk, contact in self.people.items()),
            (self.NOBODY, gettext("Somebody else who reads this mailbox")),
        ]
        if len(self.people) == 1:
            self.fields["contact"].initial = next(iter(self.people))

    @property
    def chosen(self) -> Contact | None:
        """The chosen contact; None for “Somebody else who reads this mailbox”."""
        return self.people.get(self.cleaned_data["contact"])
