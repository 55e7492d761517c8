"""The form for the name on a ticket or pass, at the checkout and after the sale."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.forms.fields import LineField, ask_for_name, require_name
from ticketshop.lib.values.email_addresses import EmailField
from ticketshop.lib.values.person_names import no_markup_in_name


def name_field(label, autocomplete: str, *, required: bool = True) -> LineField:
    """Return a form field for a part of a name."""
    return LineField(
        label=label,
        max_length=100,
        required=required,
        validators=[no_markup_in_name],
        widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
    )


NAMES = ["first_name", "last_name"]


# The purpose of a holder's e-mail address (``orders.date_change_job``).
FOR_TICKET = _(
    "If the date is cancelled or changed, the e-mail about it goes there too. The organiser sees the address with the ticket."
)
FOR_PASS = _(
    "The organiser sees the address with the pass, to reach its holder. The shop itself writes nothing there."
)


class NameForm(forms.Form):
    """The name on one ticket or pass. A part that no form requires may stay empty.

    ``names``: visibility of each part, such as "first_name" -> "mandatory"; the holder's e-mail address is
    asked only if it is contained. Its help text depends on ``of_pass``. ``single_names``: the organiser
    allows names of one part.
    """

    first_name = name_field(_("First name"), "off", required=False)
    last_name = name_field(_("Last name"), "off", required=False)

    def __init__(
        self, *args, names: dict[str, str] | None = None, single_names: bool, of_pass: bool = False, **kwargs
    ):
        super().__init__(*args, **kwargs)
        self.single_names = single_names
        rules = {name: (names or {}).get(name, "visible") for name in NAMES}
        for name, visibility in rules.items():
            self.fields[name].widget.attrs["data-known"] = name
            if visibility == "hidden":
                del self.fields[name]
        if (of_email := (names or {}).get("email", "hidden")) != "hidden":
            self.fields["email"] = EmailField(
                label=_("E-mail address"),
                required=of_email == "mandatory",
                help_text=FOR_PASS if of_pass else FOR_TICKET,
                widget=forms.EmailInput(attrs={"autocomplete": "off", "data-known": "email"}),
            )
        self.due = [name for name in NAMES if rules[name] == "mandatory"]
        ask_for_name(self, self.due, single=single_names)

    def clean(self):
        values = super().clean()
        require_name(self, self.due, single=self.single_names)
        return values
