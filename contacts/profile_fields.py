"""The columns of a contact that describe the person: one list for all places that read or write each of them.

``FIELDS`` drives what may be changed (``contacts.EDITABLE``), the visitor's profile, merging and the page that shows a
merge beforehand, the back office, the export of customers, and what ``Contact.Personal`` erases and copies. To add
a field: add the column to ``Contact``, a line here, and the migration. For *nationality* that is
``ProfileField("nationality", is_country=True)``. A test compares this list with the columns of the model.

This module imports no model, so that the model itself can use it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Section(StrEnum):
    """The part of the back-office page of a contact on which a field stands."""

    PERSON = "person"
    REACH = "reach"
    ADDRESS = "address"
    MORE = "more"


@dataclass(frozen=True)
class ProfileField:
    """One column of ``Contact`` that describes the person."""

    name: str
    """The column; its ``verbose_name`` is the label of the field everywhere."""
    group: str = ""
    """Columns that mean something only together, by default the column alone. A merge takes each group whole from one of
    the two contacts: a street of one with the town of the other would be an address that does not exist."""
    companions: tuple[str, ...] = ()
    """Further columns of the group, which the shop derives from this one: a merge takes them along."""
    one_line: bool = False
    """Free text, stored on one line as ``text.normalise_line`` makes it."""
    section: Section = Section.MORE
    by_visitor: bool = True
    """Whether the visitor changes it in the form of the profile."""
    autocomplete: str = ""
    """What the browser may fill in: a token of the HTML standard ("Autofill")."""
    is_country: bool = False
    """Whether the value is a country code (ISO 3166, two letters): the visitor chooses from a list; the export of customers and
    a copy of one's own data contain the name of the country."""
    deferrable: bool = False
    """Whether an erasure defers it while the person has a ticket or owes money, because the person must be reached."""


FIELDS: tuple[ProfileField, ...] = (
    ProfileField(
        "first_name",
        group="name",
        one_line=True,
        section=Section.PERSON,
        autocomplete="given-name",
        deferrable=True,
    ),
    ProfileField(
        "last_name",
        group="name",
        one_line=True,
        section=Section.PERSON,
        autocomplete="family-name",
        deferrable=True,
    ),
    # The visitor changes it by its own button, which knows the address they log in with.
    ProfileField(
        "email",
        companions=("email_key", "email_verified_at"),
        section=Section.REACH,
        by_visitor=False,
        deferrable=True,
    ),
    ProfileField("company", one_line=True, section=Section.ADDRESS, autocomplete="organization"),
    ProfileField("phone", section=Section.REACH, autocomplete="tel"),
    ProfileField(
        "street", group="address", one_line=True, section=Section.ADDRESS, autocomplete="address-line1"
    ),
    ProfileField(
        "postcode", group="address", one_line=True, section=Section.ADDRESS, autocomplete="postal-code"
    ),
    ProfileField(
        "city", group="address", one_line=True, section=Section.ADDRESS, autocomplete="address-level2"
    ),
    ProfileField(
        "country", group="address", section=Section.ADDRESS, autocomplete="country", is_country=True
    ),
    ProfileField("birth_date", autocomplete="bday"),
    ProfileField("language", section=Section.REACH, deferrable=True),
)
NAMES: tuple[str, ...] = tuple(field.name for field in FIELDS)
COUNTRIES: tuple[str, ...] = tuple(field.name for field in FIELDS if field.is_country)

# Label of a group of several columns; a group of one has that of its column.
GROUP_LABELS: dict[str, str | Promise] = {"name": _("name"), "address": _("postal address")}

OTHER_COLUMNS: dict[str, str] = {
    "id": "key of the row",
    "organiser": "a contact belongs to one organiser for ever",
    "number": "given once, never changed; a merge keeps that of the contact that stays",
    "subject_uuid": "random; a merge keeps that of the contact that stays",
    "kind": "set by staff; a merge keeps that of the contact that stays",
    "user": "the log-in; only the contact that stays may have one",
    "email_kept": "the answer to one question about the e-mail address; a merge keeps that of the contact that stays",
    "created_via": "how the row came to be",
    "created_at": "how the row came to be",
    "claimed_at": "when the log-in was connected",
    "blocked_at": "set by staff; a merge keeps a block of either of the two",
    "purge_after": "set by the shop; a merge keeps it only where both have one",
    "erasing_at": "set by an erasure; such a contact is not merged",
    "erased_at": "set by an erasure",
    "erasing_until": "set by an erasure",
    "sort_key": "made by the database from other columns",
    "search": "made by the database from other columns",
}
"""Column of ``Contact`` that is no profile field -> why not, and what a merge does with it."""


def groups() -> dict[str, tuple[str, ...]]:
    """Return group -> the columns that a merge takes together, companions included; in the order of ``FIELDS``."""
    found: dict[str, tuple[str, ...]] = {}
    for field in FIELDS:
        group = field.group or field.name
        found[group] = (*found.get(group, ()), field.name, *field.companions)
    return found


def in_section(section: Section) -> list[str]:
    """Return the columns on one part of the back-office page, in the order of ``FIELDS``."""
    return [field.name for field in FIELDS if field.section == section]


def to_erase(*, deferrable: bool) -> list[str]:
    """Return the columns that an erasure empties: the deferrable ones, or those that are emptied at once.

    Companions are declared in ``Contact.Personal`` itself: not all of them are deferred with their field.
    """
    return [field.name for field in FIELDS if field.deferrable == deferrable]


def in_rows(names: Sequence[str], together: Collection[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return ``names`` as the rows of a page: those of a tuple in ``together`` beside each other, all others alone."""
    beside = {name: row for row in together for name in row}
    return list(dict.fromkeys(beside.get(name, (name,)) for name in names))
