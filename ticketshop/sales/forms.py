"""Forms of the checkout."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.forms import LineField, fitting_email, no_markup_in_name


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
        if fitting_email(email).endswith("."):
            raise forms.ValidationError(_("Enter a valid email address."))
        return email


class SignedInBuyerForm(forms.Form):
    """Who orders, when signed in: the address is the contact's, the names are asked where they are not known."""

    first_name = name_field(_("First name"), "given-name")
    last_name = name_field(_("Last name"), "family-name")


class HolderForm(forms.Form):
    """Whom a ticket is for, and whose name stands on it; both may stay open.

    ``people``: whom a signed-in buyer may choose (``ticketshop.sales.people``); names left empty are those
    of the person chosen, as the buyer knows them. ``names``: what a form says of them, "first_name" -> "mandatory".
    """

    first_name = name_field(_("First name"), "off", required=False)
    last_name = name_field(_("Last name"), "off", required=False)

    def __init__(self, *args, people: list, names: dict[str, str] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        for name, visibility in (names or {}).items():
            if visibility == "hidden":
                del self.fields[name]
            else:
                field = self.fields[name]
                field.required = field.widget.is_required = visibility == "mandatory"
        self.people = {person.value: person for person in people}
        if people:
            self.fields["person"] = forms.ChoiceField(
                label=_("This ticket is for"),
                required=False,
                choices=[
                    ("", _("Somebody else, or not known yet")),
                    *((person.value, person.label) for person in people),
                ],
            )
            self.order_fields(["person", "first_name", "last_name"])

    def clean(self):
        values = super().clean()
        person = self.people.get(values.get("person", ""))
        if person and not values.get("first_name") and not values.get("last_name"):
            for name in {"first_name", "last_name"} & self.fields.keys():
                values[name] = getattr(person, name)
                if values[name]:
                    self.errors.pop(name, None)
        return values


class PaymentForm(forms.Form):
    """How to pay, and the terms of sale where the shop has some."""

    method = forms.ChoiceField(
        label=_("How do you want to pay?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how you want to pay.")},
    )
    terms = forms.BooleanField(
        label=_("I accept the terms of sale."),
        error_messages={"required": _("Accept the terms of sale to place the order.")},
    )

    def __init__(self, *args, methods: dict, terms: bool, **kwargs):
        super().__init__(*args, **kwargs)
        if not terms:
            del self.fields["terms"]
        self.fields["method"].choices = [(code, method.label) for code, method in methods.items()]
        if len(methods) == 1:
            self.fields["method"].initial = next(iter(methods))
