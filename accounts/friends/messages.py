"""Error messages when a person can't be added to friends and family, or invited."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contacts.linking import adding


def add_error_for(form: forms.Form, outcome: adding.Outcome, pos) -> None:
    """Add the error message of a refused outcome to the form, at the field it concerns."""
    if outcome.code == adding.SAME_CHILD:
        # The form comes back with ``confirmed`` set, so that sending it again adds the person.
        form.data = {**form.data.dict(), "confirmed": "on"}
        form.same_child = True
        form.add_error(
            "first_name",
            _(
                "A person of this name and date of birth is in your list already. Send again to add another one."
            ),
        )
        return
    most = pos.friends_family_max
    texts = {
        adding.MISMATCH: (
            "email",
            _("This e-mail address is already in use and does not match the name you entered."),
        ),
        adding.OWN_ADDRESS: ("email", _("This is your own address.")),
        adding.ALREADY: ("email", _("This person is already in your list.")),
        adding.FULL: (
            None,
            ngettext(
                "Your list holds %(count)d person, the most it can. Remove somebody first.",
                "Your list holds %(count)d people, the most it can. Remove somebody first.",
                most,
            )
            % {"count": most},
        ),
        adding.TRY_LATER: (None, try_later(outcome)),
        adding.UNVERIFIED: (
            None,
            _("Confirm your own e-mail address first. In your profile you choose where we write to you."),
        ),
        adding.BLOCKED: (None, _("You can’t add people at the moment. Please write to us.")),
    }
    form.add_error(*texts[outcome.code])


def try_later(outcome: adding.Outcome) -> str:
    """Return the message about a limit; it addresses the visitor only if they have reached their own limit."""
    if outcome.limit == adding.OWN_LIMIT:
        return _("You have added, or tried to add, many people. Please try again later.")
    return _(
        "Many people were added, or tried, from your network or with this e-mail address. Please try again later."
    )
