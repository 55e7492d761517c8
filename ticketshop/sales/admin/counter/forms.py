"""The form of a new order: the person, and how it is paid."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.values.email_addresses import EmailField
from ticketshop.lib.values.phones import parse_phone
from ticketshop.organisers.models import PointOfSale

from ...models import Order
from ...payments.methods.base import Method
from ...payments.methods.invitation import Invitation
from ...tickets.name_forms import name_field

OF_A_PERSON = ("first_name", "last_name", "email", "phone")


class CounterForm(forms.Form):
    """A new person, or none, and the payment method. ``person``: the chosen contact, in place of a new person."""

    first_name = name_field(gettext_lazy("First name"), "off", required=False)
    last_name = name_field(gettext_lazy("Last name"), "off", required=False)
    email = EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    phone = LineField(
        label=gettext_lazy("Phone"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Payment"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose how the order is paid."),
            "invalid_choice": gettext_lazy("This way to pay is not offered any more. Choose another one."),
        },
    )
    invitation = forms.ChoiceField(
        label=gettext_lazy("Reason of an invitation"),
        required=False,
        choices=[("", "–"), *Order.Invitation.choices],
    )

    def __init__(
        self, data, *, initial: dict, pos: PointOfSale, methods: dict[str, Method], person: Contact | None
    ):
        super().__init__(data, initial=initial)
        self.pos, self.person = pos, person
        self.fields["method"].choices = [(code, method.label) for code, method in methods.items()]
        if Invitation.code not in methods:
            del self.fields["invitation"]

    def clean_phone(self):
        text = self.cleaned_data["phone"]
        return parse_phone(text, self.pos.organiser.country) if text else ""

    def clean(self):
        values = super().clean()
        self._check_person(values)
        method = values.get("method")
        if method == Invitation.code and not values.get("invitation"):
            self.add_error("invitation", _("Choose the reason: it stands in the books."))
        elif method and method != Invitation.code and values.get("invitation"):
            self.add_error(
                "invitation",
                _("Only an invitation has a reason. Choose it as payment, or choose no reason here."),
            )
        return values

    def _check_person(self, values: dict) -> None:
        typed = any(values.get(name) for name in OF_A_PERSON)
        if typed and self.person is not None:
            self.add_error(
                None,
                _(
                    "A person is chosen and another one is typed. Choose “Nobody, or as typed below”, or empty the fields."
                ),
            )
        names = ("first_name", "last_name")
        if typed and not any(values.get(name) or name in self.errors for name in names):
            self.add_error("last_name", _("Enter a first name or a last name."))

    @property
    def typed_person(self) -> dict[str, str]:
        """Return the cleaned values about a new person."""
        return {name: self.cleaned_data.get(name, "") for name in OF_A_PERSON}
