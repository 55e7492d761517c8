"""Forms of the checkout."""

import json
from collections.abc import Collection, Mapping

from django import forms
from django.utils.translation import gettext_lazy as _

from registration_forms.field_types import address
from ticketshop.lib.forms.fields import ask_for_name, require_name
from ticketshop.lib.values.email_addresses import EmailField

from ..models import IN_PROFILE
from ..tickets.name_forms import NAMES, NameForm, name_field
from .people import Person

# The fields of the forms of the buyer and of a ticket's holder.
TYPED = ("person", "first_name", "last_name", "email", IN_PROFILE)


def posted_texts(post: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the posted texts of one form (field name -> text), without the prefix."""
    return {
        name.removeprefix(f"{prefix}-"): text
        for name, text in post.items()
        if name.startswith(f"{prefix}-") and name.removeprefix(f"{prefix}-") in TYPED
    }


def as_posted(prefix: str, typed: dict) -> dict:
    """Return texts stored on the cart in the shape of a post."""
    return {f"{prefix}-{name}": value for name, value in typed.items() if name in TYPED}


class SignedInBuyerForm(forms.Form):
    """The signed-in buyer. The e-mail address is the contact's; names are asked if they are not known.

    ``single_names``: the organiser allows names of one part. ``for_profile``: labels of what order forms ask
    that a profile stores too.
    """

    first_name = name_field(_("First name"), "given-name")
    last_name = name_field(_("Last name"), "family-name")

    def __init__(self, *args, single_names: bool, for_profile: Collection[str] = (), **kwargs):
        super().__init__(*args, **kwargs)
        self.single_names = single_names
        if for_profile:
            self.fields[IN_PROFILE] = forms.BooleanField(
                label=_("Also keep in my profile: %(answers)s") % {"answers": ", ".join(for_profile)},
                required=False,
                initial=True,
            )
        ask_for_name(self, NAMES, single=single_names)

    def clean(self):
        values = super().clean()
        require_name(self, NAMES, single=self.single_names)
        return values


class BuyerForm(SignedInBuyerForm):
    """The buyer as a guest, and the e-mail address for the tickets."""

    email = EmailField(
        label=_("E-mail address"),
        help_text=_("We send the tickets there."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class PersonSelect(forms.Select):
    """A select of people, with the values that the page fills in for each."""

    def __init__(self, people: dict[str, Person], filled: dict):
        super().__init__(attrs={"data-people": json.dumps(_by_input(filled))})
        self.people = people

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if person := self.people.get(str(value)):
            known = {**person.known, "first_name": person.first_name, "last_name": person.last_name}
            option["attrs"]["data-known"] = json.dumps(_by_input(known))
        return option


def _by_input(known: dict[str, str]) -> dict[str, str]:
    """Return the known values of a person by input name: an address has one input for each part."""
    by_input = dict(known)
    if text := by_input.pop("address", ""):
        parts = zip(address.PARTS, address.parts_of(text), strict=True)
        by_input |= {f"address.{part}": part_text for part, part_text in parts}
    return by_input


class HolderForm(NameForm):
    """The beneficiary of a ticket and the name on it; both may stay empty.

    ``people``: whom a signed-in buyer may choose (``ticketshop.sales.checkout.people``). ``filled``: what the
    shop has filled in for the chosen person.
    """

    def __init__(self, *args, people: list[Person], filled: dict | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.people = {person.value: person for person in people}
        if people:
            self.fields["person"] = forms.ChoiceField(
                label=_("This ticket is for"),
                required=False,
                choices=[
                    ("", _("Somebody else, or not known yet")),
                    *((person.value, person.label) for person in people),
                ],
                widget=PersonSelect(self.people, filled or {}),
                error_messages={"invalid_choice": _("This person is no longer in your list. Choose again.")},
            )
            self.order_fields(["person", "first_name", "last_name", "email"])


class PaymentForm(forms.Form):
    """The payment method, and the terms of sale if the shop has some."""

    method = forms.ChoiceField(
        label=_("How do you want to pay?"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose how you want to pay."),
            "invalid_choice": _("This way to pay is not offered any more. Please choose another one."),
        },
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
