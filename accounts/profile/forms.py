"""The form of the visitor's profile."""

from collections.abc import Callable

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from contacts import profile_fields
from contacts.models import Contact
from contacts.profile_fields import ProfileField
from ticketshop.lib.forms.fields import LineField, ask_for_name, require_name
from ticketshop.lib.values import countries
from ticketshop.lib.values.person_names import no_markup_in_name
from ticketshop.lib.values.phones import country_hint, parse_phone, readable_phone

NAMES = ("first_name", "last_name")


# Columns whose field needs more than the column tells; all others get the field of their column.
SPECIAL_FIELDS: dict[str, Callable[[], forms.Field]] = {
    # Longer than the column: people type spaces and brackets.
    "phone": lambda: LineField(max_length=40, widget=forms.TextInput(attrs={"inputmode": "tel"})),
    "birth_date": lambda: forms.DateField(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")),
    "language": lambda: forms.ChoiceField(label=_("Language of our e-mails"), choices=settings.LANGUAGES),
}
# Fields that stand beside each other.
ROWS = (NAMES, ("postcode", "city"))


def form_field(field: ProfileField) -> forms.Field:
    """Return the form field of one column of a contact, with the label of the column; it may stay empty."""
    column = Contact._meta.get_field(field.name)
    if field.is_country:
        made = forms.ChoiceField()
    elif field.name in SPECIAL_FIELDS:
        made = SPECIAL_FIELDS[field.name]()
    elif field.one_line:
        made = LineField(max_length=column.max_length)
    else:
        made = column.formfield()
    made.label = made.label or capfirst(column.verbose_name)
    made.required = field.name == "language"
    if field.autocomplete:
        made.widget.attrs["autocomplete"] = field.autocomplete
    if field.group == "name":
        made.validators = [*made.validators, no_markup_in_name]
    return made


class ProfileForm(forms.Form):
    """The profile fields of a contact (``contacts.profile_fields``) that its person changes: fields as in the list."""

    def __init__(self, *args, contact: Contact, **kwargs):
        self.contact = contact
        shown = [field for field in profile_fields.FIELDS if field.by_visitor]
        initial = {field.name: getattr(contact, field.name) for field in shown}
        super().__init__(*args, initial=initial, **kwargs)
        self.fields.update({field.name: form_field(field) for field in shown})
        self.single_names = contact.organiser.single_part_names
        ask_for_name(self, NAMES, single=self.single_names)
        self.initial["phone"] = readable_phone(contact.phone)
        self.fields["phone"].help_text = country_hint(self._country())
        near = countries.choices(get_language() or "en", contact.organiser.country)
        for name in profile_fields.COUNTRIES:
            stored = getattr(contact, name)
            unknown = [(stored, stored)] if stored and stored not in dict(near) else []
            self.fields[name].choices = [("", _("Choose…")), *near, *unknown]

    @property
    def rows(self) -> list[list[forms.BoundField]]:
        """The fields as they stand on the page: one to a row, or beside each other."""
        return [[self[name] for name in row] for row in profile_fields.in_rows(list(self.fields), ROWS)]

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
