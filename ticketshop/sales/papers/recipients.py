"""The recipient of an invoice, as typed. Stored as texts in ``Invoice.recipient`` until the buyer is erased; no list shows it."""

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.values import countries
from ticketshop.lib.values.person_names import no_markup_in_name

# The parts of an address that a browser may fill in.
AUTOCOMPLETE = {
    "name": "organization",
    "street": "address-line1",
    "postcode": "postal-code",
    "city": "address-level2",
    "country": "country",
}


class RecipientForm(forms.Form):
    """Name and structured postal address; VAT number and reference if the recipient's books need them.

    ``home``: the organiser's country, which stands first in the list. ``initial`` may be what is known of the buyer.
    """

    name = LineField(label=_("Company or person"), max_length=120, validators=[no_markup_in_name])
    extra = LineField(
        label=_("Department or contact person"),
        max_length=120,
        required=False,
        validators=[no_markup_in_name],
    )
    street = LineField(label=_("Street"), max_length=120)
    house_number = LineField(label=_("House number"), max_length=16, required=False)
    postcode = LineField(label=_("Postcode"), max_length=16, required=False)
    city = LineField(label=_("Town"), max_length=80)
    country = forms.ChoiceField(label=_("Country"))
    vat_number = LineField(
        label=_("VAT number of the recipient"),
        max_length=40,
        required=False,
        help_text=_("Only if their books need it."),
    )
    reference = LineField(
        label=_("Reference of the recipient"),
        max_length=80,
        required=False,
        help_text=_("An order number or cost centre, which is printed on the invoice."),
    )

    def __init__(self, data=None, *, home: str, initial: dict | None = None):
        super().__init__(data, initial={"country": home, **(initial or {})})
        # Checked in ``clean``: a few countries have no postcodes.
        self.fields["postcode"].marked_optional = False
        self.fields["country"].choices = countries.choices(get_language() or "en", home)
        for name, token in AUTOCOMPLETE.items():
            self.fields[name].widget.attrs["autocomplete"] = token

    def clean(self):
        values = super().clean()
        country = values.get("country")
        if (
            country
            and "postcode" in values
            and not values["postcode"]
            and country not in countries.WITHOUT_POSTCODE
        ):
            self.add_error("postcode", _("Enter the postcode."))
        return values


def address_lines(recipient: dict[str, str], home: str) -> list[str]:
    """Return the lines of the address block. The country is named, in the active language, if it is not ``home``."""
    street = f"{recipient.get('street', '')} {recipient.get('house_number', '')}".strip()
    town = f"{recipient.get('postcode', '')} {recipient.get('city', '')}".strip()
    country = recipient.get("country", "")
    named = countries.named(country) if country and country != home else ""
    lines = (recipient.get("name", ""), recipient.get("extra", ""), street, town, named)
    return [line for line in lines if line]
