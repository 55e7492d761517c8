"""Back office: contacts, and the base of every list of people.

Contacts are changed by ``contacts.change``, so that history records contain no values.
"""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts import contacts, merging
from contacts.models import Contact
from contacts.profile_fields import COUNTRIES, Section, in_rows, in_section
from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.values.person_names import no_markup_in_name
from ticketshop.lib.values.phones import parse_phone, readable_phone
from ticketshop.office.buttons import Button, Elsewhere, Outcome
from ticketshop.office.lists import urls_of_rows
from ticketshop.office.scoped_admin import ScopedAdmin, ScopedForm
from ticketshop.office.sections import NONE
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from . import connecting, merge, tables, unreachable
from .picking import SEARCH_HELP


class HiddenInitial(forms.HiddenInput):
    """The hidden input with the value a field had; without the ARIA attributes of the visible field."""

    def get_context(self, name, value, attrs):
        others = {key: text for key, text in (attrs or {}).items() if not key.startswith("aria-")}
        return super().get_context(name, value, others)


class ContactForm(ScopedForm):
    """A contact, as staff enter and change it."""

    first_name = LineField(
        label=_("First name"), max_length=100, required=False, validators=[no_markup_in_name]
    )
    last_name = LineField(
        label=_("Last name"), max_length=100, required=False, validators=[no_markup_in_name]
    )
    # Longer than the column: people type spaces and brackets.
    phone = LineField(
        label=_("Phone"),
        max_length=40,
        required=False,
        help_text=_("With the country code, such as +41 79 123 45 67."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.name_needed = not self.instance.pk or bool(self.instance.full_name)
        for field in self.fields.values():
            # The page sends the values it was drawn with, so that only columns changed on it are written: two staff
            # members who edit one contact do not undo each other's changes.
            field.show_hidden_initial = True
            field.hidden_widget = HiddenInitial

    def clean(self):
        values = super().clean()
        values |= {name: values[name].upper() for name in COUNTRIES if values.get(name)}
        names = ("first_name", "last_name")
        # A name that was typed and refused has an error already. A contact made by a sign-up may have no name yet: its
        # other columns can be changed all the same.
        if self.name_needed and not any(values.get(name) or name in self.errors for name in names):
            self.add_error("last_name", _("Enter a first name or a last name."))
        return values

    def clean_phone(self):
        text = self.cleaned_data["phone"]
        return parse_phone(text, self._country()) if text else ""

    def _country(self) -> str:
        """Return the country of a phone number without a country code: the typed one, else the organiser's."""
        if typed := self.data.get(self.add_prefix("country"), "").strip().upper():
            return typed
        organiser = self.instance.organiser_id or self.cleaned_data.get("organiser")
        if isinstance(organiser, Organiser):
            return organiser.country
        return Organiser.objects.filter(pk=organiser).values_list("country", flat=True).first() or ""


# A page of the package ``privacy``, which this one can't import.
ERASE = Elsewhere("admin:privacy_erasure_person", _("Erase…"), ("contacts.erase_contact",), serious=True)


class PeopleAdmin(ScopedAdmin):
    """The base of lists of people: searched by ``ContactQuerySet.search``, sorted by name, without erased contacts."""

    buttons: tuple = (ERASE,)

    list_display = ["number", "name", "email", "phone_text"]
    list_display_links = ["number", "name"]
    list_filter = [unreachable.UnreachableFilter]
    # The order of the index ``contact_sorted``: the database need not sort a million rows to show a page.
    ordering = ["organiser_id", "sort_key", "pk"]
    sortable_by = []
    # Only makes the search box appear: ``get_search_results`` does the search.
    search_fields = ["number"]
    search_help_text = SEARCH_HELP

    def get_queryset(self, request):
        return super().get_queryset(request).known()

    def get_list_display(self, request):
        columns = super().get_list_display(request)
        may_erase_at = permissions.organisers_where(request.user, *ERASE.permissions)
        return columns if may_erase_at == set() else [*columns, _bin(may_erase_at)]

    def get_search_results(self, request, queryset, search_term):
        return queryset.search_for_page(search_term), False

    def notes(self, request, row):
        return [*super().notes(request, row), *unreachable.notes(row, request.user)]

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None and request.user.has_perm("contacts.view_contactlink", obj):
            context["connections"] = tables.read(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=_("name"))
    def name(self, contact):
        return contact.full_name or gettext("(no name yet)")

    @admin.display(description=_("phone"))
    def phone_text(self, contact):
        return readable_phone(contact.phone)


def _bin(may_erase_at: set[int] | None):
    """Return the last column of a list: a link to the erasure.

    Only for contacts of the organisers (primary keys) ``may_erase_at``; None stands for all organisers.
    """
    url_of = urls_of_rows(ERASE.name)

    @admin.display(description=_("erase"))
    def bin_link(contact):
        """Return the link for the contact of a row."""
        if may_erase_at is not None and contact.organiser_id not in may_erase_at:
            return NONE
        return format_html(
            '<a href="{}" aria-label="{} {}">{}</a>',
            url_of(contact.pk),
            ERASE.label,
            contact,
            ERASE.label,
        )

    return bin_link


# --- block ------------------------------------------------------------------------------------------
def _is_free(contact: Contact) -> bool:
    return contact.blocked_at is None


def _block_question(contact: Contact) -> list[str]:
    return [
        gettext("%(name)s can add nobody to their friends and family, and can’t be added any more.")
        % {"name": contact.full_name or contact},
        gettext("Log-in, orders, tickets and the connections there are stay as they are."),
    ]


def _block(request, contact: Contact, now: datetime) -> Outcome:
    if contacts.block(contact, by=request.user, now=now):
        return messages.SUCCESS, gettext("The contact is blocked.")
    return messages.WARNING, gettext("The contact is blocked already. Nothing has changed.")


def _is_blocked(contact: Contact) -> bool:
    return not _is_free(contact)


def _unblock_question(contact: Contact) -> list[str]:
    return [
        gettext("%(name)s can add friends and family again, and be added.")
        % {"name": contact.full_name or contact}
    ]


def _unblock(request, contact: Contact, now: datetime) -> Outcome:
    if contacts.unblock(contact, by=request.user, now=now):
        return messages.SUCCESS, gettext("The contact is no longer blocked.")
    return messages.WARNING, gettext("The contact is not blocked. Nothing has changed.")


CHANGE = ("contacts.change_contact",)
BLOCK = Button(
    "block",
    _("Block"),
    CHANGE,
    _is_free,
    _block_question,
    _block,
    serious=True,
    why_not_offered=lambda user, contact: gettext("The contact is blocked already. Nothing has changed."),
)
UNBLOCK = Button(
    "unblock",
    _("Unblock"),
    CHANGE,
    _is_blocked,
    _unblock_question,
    _unblock,
    why_not_offered=lambda user, contact: gettext("The contact is not blocked. Nothing has changed."),
)


@admin.register(Contact)
class ContactAdmin(PeopleAdmin):
    """Contacts. The profile fields on the page are those of ``profile_fields``."""

    form = ContactForm
    buttons = (connecting.ADD, merge.MERGE, BLOCK, UNBLOCK, ERASE)
    fieldsets = [
        (None, {"fields": ["kind", *in_section(Section.PERSON)]}),
        (_("How to reach them"), {"fields": in_section(Section.REACH)}),
        (_("Address"), {"fields": in_rows(in_section(Section.ADDRESS), [("postcode", "city")])}),
        (_("More"), {"fields": in_section(Section.MORE)}),
    ]
    card = (
        _("In this shop"),
        {"fields": ["number", "log_in", "email_verified_at", "created_via", "created_at", "blocked_at"]},
    )

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        return [*fieldsets, self.card] if obj else fieldsets

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), *self.card[1]["fields"]]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user")

    def notes(self, request, row):
        if row.full_name:
            return super().notes(request, row)
        sentence = gettext("This contact has no name yet. Enter it if you know it.")
        return [*super().notes(request, row), sentence]

    @admin.display(description=_("logs in with"))
    def log_in(self, contact):
        return contact.user.email if contact.user else NONE

    def events(self, row):
        return merging.events_of(row)

    def save_model(self, request, obj, form, change):
        now = timezone.now()
        typed = {name: form.cleaned_data[name] for name in contacts.EDITABLE if name in form.cleaned_data}
        if change:
            values = {name: value for name, value in typed.items() if name in form.changed_data}
            contacts.change(obj, values, by=request.user, now=now)
        else:
            created = contacts.create(
                organiser=obj.organiser, via=Contact.CreatedVia.BACK_OFFICE, now=now, by=request.user, **typed
            )
            obj.pk = created.pk
        obj.refresh_from_db()

    def log_addition(self, request, obj, message):
        """Write no history record: ``save_model`` has done so."""

    def log_change(self, request, obj, message):
        """Write no history record: ``save_model`` has done so."""
