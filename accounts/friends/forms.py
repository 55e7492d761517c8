"""The forms of friends and family."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import ContactLink
from ticketshop.lib.forms.fields import LineField, ask_for_name, require_name
from ticketshop.lib.values.email_addresses import EmailField
from ticketshop.lib.values.person_names import no_markup_in_name
from ticketshop.lib.values.text import has_invisible

OLDEST = 130
FOR_THE_TARIFF = _("With it we propose the right tariff.")
NAMES = ("first_name", "last_name")


class PersonNameField(LineField):
    """A name that is sent to another person by mail: invisible characters are an error, instead of being removed."""

    def to_python(self, value):
        if value and has_invisible(str(value).strip()):
            raise ValidationError(_("Enter a name on one line, without hidden characters."))
        return super().to_python(value)


class BirthDateField(forms.DateField):
    """The date of birth of a living person. It may stay empty."""

    def __init__(self, *, help_text=FOR_THE_TARIFF):
        super().__init__(
            label=_("Date of birth"),
            required=False,
            help_text=help_text,
            widget=forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
        )

    def validate(self, value):
        super().validate(value)
        today = timezone.localdate()
        if value and not (today.year - OLDEST <= value.year and value <= today):
            raise ValidationError(
                _("Enter a date between %(first)s and today."), params={"first": today.year - OLDEST}
            )


class PersonForm(forms.Form):
    """The name of another person, as a visitor types it; one name is enough if the organiser allows that."""

    last_name = PersonNameField(
        label=_("Last name"),
        max_length=100,
        required=False,
        validators=[no_markup_in_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    first_name = PersonNameField(
        label=_("First name"),
        max_length=100,
        validators=[no_markup_in_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Enter the first name.")},
    )

    def __init__(self, *args, single_part_names: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.single_names = single_part_names
        ask_for_name(self, NAMES, single=single_part_names)
        self.fields["last_name"].error_messages["required"] = _("Enter the last name.")

    def clean(self):
        values = super().clean()
        require_name(self, NAMES, single=self.single_names)
        return values


class NewPersonForm(PersonForm):
    """The person to add: with an e-mail address, or without one and perhaps with a date of birth."""

    field_order = ["email"]

    email = EmailField(
        label=_("E-mail address"),
        error_messages={"required": _("Enter the e-mail address, or say that this person has none.")},
        help_text=_("We tell this person that you added them."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    no_email = forms.TypedChoiceField(
        label=_("Does this person have an e-mail address?"),
        choices=[("", _("Yes")), ("on", _("No: a child, for instance, or a grandmother"))],
        coerce=lambda value: value == "on",
        empty_value=False,
        required=False,
        widget=forms.RadioSelect,
    )
    birth_date = BirthDateField(
        help_text=_("With it we propose the right tariff. The e-mails for this person come to you.")
    )
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["no_email"].marked_optional = False  # type: ignore[attr-defined]  # one of two, not optional
        self.fields["email"].required = (self.data or self.initial).get("no_email") != "on"

    def clean(self):
        values = super().clean()
        # A value that does not fit the choice is an error; it is not dropped silently.
        if values.get("no_email") and values.get("email"):
            text = _(
                "You said that this person has no e-mail address. Take this one out, or say that they have one."
            )
            self.add_error("email", text)
        if not values.get("no_email") and values.get("birth_date"):
            text = _(
                "We keep a date of birth only of people without an e-mail address. Take it out, or choose “No” above."
            )
            self.add_error("birth_date", text)
        return values


class EditPersonForm(PersonForm):
    """The names a visitor typed for a person; with the date of birth while the person has no e-mail address."""

    birth_date = BirthDateField()

    def __init__(self, data, *, link: ContactLink, **kwargs):
        initial = {
            "first_name": link.entered_first_name,
            "last_name": link.entered_last_name,
            "birth_date": link.child.birth_date,
        }
        super().__init__(data, initial=initial, **kwargs)
        if not link.is_parents_own:
            del self.fields["birth_date"]


class InviteForm(forms.Form):
    """The e-mail address of a person who was added without one."""

    email = EmailField(
        label=_("E-mail address"),
        error_messages={"required": _("Enter the e-mail address of this person.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class PermissionForm(forms.Form):
    """The permission that the visitor gives to the parent of a link."""

    permission = forms.ChoiceField(
        label=_("What may this person do for you?"),
        choices=[
            (ContactLink.Permission.ASSIGN, _("Choose me for tickets they buy, with the name they typed")),
            (ContactLink.Permission.VIEW, _("Also see my tickets, without prices")),
            (ContactLink.Permission.MANAGE, _("Also correct the names on my tickets")),
        ],
        widget=forms.RadioSelect,
    )
