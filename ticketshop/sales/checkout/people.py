"""The people a ticket can be for: the buyer, or a person in the buyer's friends and family."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts.linking import links
from contacts.models import Contact, ContactLink
from registration_forms.field_types import address
from ticketshop.lib.values.phones import readable_phone
from ticketshop.lib.values.text import fold, readable_email

from ..orders.person_limits import ME


@dataclass(frozen=True)
class Person:
    """A person to choose at the checkout. ``value`` is posted; the other fields are what the buyer may know.

    ``known``: known field of a form -> text, such as "birth_date" -> "2018-05-01".
    """

    value: str
    label: str
    first_name: str
    last_name: str
    birth_date: date | None
    known: dict[str, str] = field(default_factory=dict, compare=False)


def of(contact: Contact, pos) -> list[Person]:
    """Return the buyer and the people they may choose; empty if the shop has no friends and family. One query."""
    if not pos.friends_family_enabled:
        return []
    links_to_people = links.all_choosable(contact)
    people = [me(contact), *(_of_link(link) for link in links_to_people)]
    return _told_apart(people, [contact, *links_to_people])


def me(contact: Contact) -> Person:
    """Return the buyer, with the data of their contact."""
    known = {
        "birth_date": contact.birth_date.isoformat() if contact.birth_date else "",
        "phone": readable_phone(contact.phone) if contact.phone else "",
        "email": readable_email(contact.email or ""),
        "company": contact.company,
        "address": address.joined([getattr(contact, part) for part in address.PARTS]),
    }
    return Person(
        ME,
        _("Me – %(name)s") % {"name": contact.full_name or contact.email},
        contact.first_name,
        contact.last_name,
        contact.birth_date,
        {ref: text for ref, text in known.items() if text},
    )


def as_typed(person: Person, buyer: dict, answers: dict[str, str]) -> Person:
    """Return the buyer as typed on the page: names, and answers to known fields of the order forms."""
    names = {name: buyer.get(name, "").strip() for name in ("first_name", "last_name")}
    if any(names.values()) and names != {name: getattr(person, name) for name in names}:
        label = _("Me – %(name)s") % {"name": " ".join(filter(None, names.values()))}
        person = replace(person, label=label, **names)
    return replace(person, known={**person.known, **answers})


def _of_link(link: ContactLink) -> Person:
    born = links.seen_by_parent(link).birth_date
    known = {"birth_date": born.isoformat()} if born else {}
    if email := links.seen_by_parent(link).email:
        known["email"] = readable_email(email)
    return Person(
        str(link.pk), link.entered_name, link.entered_first_name, link.entered_last_name, born, known
    )


def _told_apart(people: list[Person], rows: Iterable[Contact | ContactLink]) -> list[Person]:
    """Return the people with an addition where names are equal: date of birth, typed e-mail address, or date of
    the link.
    """
    by_name: dict[str, list[tuple[Person, Contact | ContactLink]]] = {}
    for person, row in zip(people, rows, strict=True):
        by_name.setdefault(fold(f"{person.first_name} {person.last_name}"), []).append((person, row))
    marks: dict[str, str] = {}
    for alike in by_name.values():
        if len(alike) > 1:
            years = Counter(person.birth_date.year for person, _row in alike if person.birth_date)
            marks |= {person.value: _mark(person, row, years) for person, row in alike}
    return [
        replace(person, label=_("%(name)s (%(more)s)") % {"name": person.label, "more": marks[person.value]})
        if marks.get(person.value)
        else person
        for person in people
    ]


def _mark(person: Person, row: Contact | ContactLink, years: Counter) -> str:
    if person.birth_date:
        born = person.birth_date
        if years[born.year] == 1:
            return _("born in %(year)d") % {"year": born.year}
        return _("born on %(day)s") % {"day": date_format(born, "DATE_FORMAT")}
    if isinstance(row, Contact):
        return ""
    if email := links.seen_by_parent(row).email:
        return email
    return _("added on %(day)s") % {"day": date_format(localtime(row.started_at), "DATE_FORMAT")}
