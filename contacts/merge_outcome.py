"""The outcome of a merge in words, for the pages that show it beforehand."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.formats import date_format

from ticketshop.lib.values.phones import readable_phone

from . import merging, profile_fields
from .models import Contact

# Group of columns -> its label.
LABELS = {
    group: profile_fields.GROUP_LABELS.get(group) or Contact._meta.get_field(columns[0]).verbose_name
    for group, columns in profile_fields.groups().items()
}


@dataclass(frozen=True)
class Row:
    """One group of columns: the texts of the contact that stays, of the other one, and after the merge."""

    group: str
    label: str
    keep: str
    lose: str
    afterwards: str

    @property
    def differs(self) -> bool:
        """Whether the two contacts have different values."""
        return self.keep != self.lose


def rows(keep: Contact, lose: Contact) -> list[Row]:
    """Return the groups that at least one of the two contacts has; ``keep`` is the contact that stays."""
    after = Contact(**merging.outcome(keep, lose))
    all_rows = [
        Row(group, str(label), text(keep, group), text(lose, group), text(after, group))
        for group, label in LABELS.items()
    ]
    return [row for row in all_rows if row.keep or row.lose]


def text(contact: Contact, group: str) -> str:
    """Return one group of a contact's columns as people read it; empty where the contact has none of them."""
    match group:
        case "name":
            return contact.full_name
        case "email":
            return contact.email or ""
        case "address":
            town = f"{contact.postcode} {contact.city}".strip()
            return ", ".join(part for part in (contact.street, town, contact.country) if part)
        case "phone":
            return readable_phone(contact.phone)
        case "birth_date":
            return date_format(contact.birth_date, "SHORT_DATE_FORMAT") if contact.birth_date else ""
        case "language":
            return str(dict(settings.LANGUAGES).get(contact.language, ""))
    value = getattr(contact, group)
    return "" if value is None else str(value)
