"""Forms of the checkout."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.forms import LineField, no_markup_in_name
from ticketshop.lib.text import normalise_email


def name_field(label, autocomplete: str, *, required: bool = True) -> LineField:
    return LineField(
        label=label,
        max_length=100,
        required=required,
        validators=[no_markup_in_name],
        widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
    )


class BuyerForm(forms.Form):
    """Who orders: where the tickets go."""

    first_name = name_field(_("First name"), "given-name")
    last_name = name_field(_("Last name"), "family-name")
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        help_text=_("We send the tickets there."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_email(self):
        email = self.cleaned_data["email"].strip()
        if normalise_email(email).endswith("."):
            raise forms.ValidationError(_("Enter a valid email address."))
        return email


class SignedInBuyerForm(forms.Form):
    """Who orders, when signed in: the address is the contact's, the names are asked where they are not known."""

    first_name = name_field(_("First name"), "given-name")
    last_name = name_field(_("Last name"), "family-name")


class HolderForm(forms.Form):
    """Whose name stands on a ticket; may stay empty."""

    first_name = name_field(_("First name"), "off", required=False)
    last_name = name_field(_("Last name"), "off", required=False)


class PaymentForm(forms.Form):
    """How to pay, and the terms."""

    method = forms.ChoiceField(
        label=_("How do you want to pay?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how you want to pay.")},
    )
    terms = forms.BooleanField(
        label=_("I accept the terms of sale."),
        error_messages={"required": _("Accept the terms of sale to place the order.")},
    )

    def __init__(self, *args, methods: dict, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["method"].choices = [(code, method.label) for code, method in methods.items()]
        if len(methods) == 1:
            self.fields["method"].initial = next(iter(methods))
