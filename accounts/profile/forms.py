"""Forms of the visitor's account."""

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from ticketshop.lib import countries
from ticketshop.lib.forms import LineField, ask_for_name, require_name
from ticketshop.lib.person_names import no_markup_in_name
from ticketshop.lib.phones import country_hint, parse_phone, readable_phone

NAMES = ("first_name", "last_name")


class ProfileForm(forms.Form):
    """What a person tells this organiser about themselves."""

    first_name = LineField(
        label=_("First name"),
        max_length=100,
        validators=[no_markup_in_name],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = LineField(
        label=_("Last name"),
        max_length=100,
        required=False,
        validators=[no_markup_in_name],
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    company = LineField(
        label=_("Company"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    phone = LineField(
        label=_("Phone"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )
    street = LineField(
        label=_("Street and number"),
        max_length=160,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
    )
    postcode = LineField(
        label=_("Postcode"),
        max_length=12,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = LineField(
        label=_("Town"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )
    birth_date = forms.DateField(
        label=_("Date of birth"),
        required=False,
        widget=forms.DateInput(attrs={"autocomplete": "bday", "type": "date"}, format="%Y-%m-%d"),
    )
    language = forms.ChoiceField(label=_("Language of our e-mails"), choices=settings.LANGUAGES)

    def __init__(self, *args, contact: Contact, **kwargs):
        self.contact = contact
        initial = {name: getattr(contact, name) for name in self.base_fields}
        super().__init__(*args, initial=initial, **kwargs)
        self.single_names = contact.organiser.single_part_names
        ask_for_name(self, NAMES, single=self.single_names)
        self.initial["phone"] = readable_phone(contact.phone)
        self.fields["phone"].help_text = country_hint(self._country())
        near = countries.choices(get_language() or "en", contact.organiser.country)
        self.fields["country"].choices = [("", _("Choose…")), *near]
        if contact.country and contact.country not in dict(near):
            self.fields["country"].choices += [(contact.country, contact.country)]

    def _country(self) -> str:
        return self.contact.country or self.contact.organiser.country

    def clean(self):
        values = super().clean()
        require_name(self, NAMES, single=self.single_names)
        return values

    def clean_phone(self):
        text = self.cleaned_data["phone"]
        return parse_phone(text, self._country()) if text else ""

    def clean_birth_date(self):
        day = self.cleaned_data["birth_date"]
        today = timezone.localdate()
        if day and not (today.year - 130 <= day.year and day <= today):
            raise forms.ValidationError(
                _("Enter a date between %(first)s and today."), params={"first": today.year - 130}
            )
        return day
