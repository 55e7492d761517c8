"""Helpers for connections (links of contacts) in the back office: URLs, filling in forms, reading pages."""

import re
from html import unescape

from contacts.models import Contact, LinkType
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.history import history

MISSING = 10**15  # no row has this id
BUTTONS = ("resend", "consent", "allow", "end")


def visitor_of(contact: Contact) -> TestClientVisitor:
    visitor = TestClientVisitor()
    visitor.client.force_login(contact.user)
    return visitor


def kind(code: str) -> LinkType:
    return LinkType.objects.get(code=code)


def adding_page(contact: Contact, other: Contact | int | None = None) -> str:
    end = "" if other is None else f"?with={other if isinstance(other, int) else other.pk}"
    return f"{button_page(contact, 'add-connection')}{end}"


def button_page(row, button: str) -> str:
    """Return the URL of the confirmation page of a button."""
    return f"{change(row).removesuffix('change/')}{button}/"


def connect(staff: Staff, contact: Contact, other: Contact, **values):
    """Fill in the page that connects two contacts: ``contact`` is the parent unless ``direction`` says otherwise."""
    staff.open(adding_page(contact, other))
    values = {"direction": "child", "type": kind("partner").pk, **values}
    return staff.fill("^direction$", values)


def part(page, name: str) -> str:
    """Return the text of the ``parents``, ``children`` or ``ended`` connections on a contact's page."""
    section = page.source.split('id="connections-heading"', 1)[1].split("</section>", 1)[0]
    pieces = re.split(r'<(?:h3|summary) id="connections-(\w+)">', section)
    found = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return " ".join(unescape(re.sub("<[^>]*>", " ", found.get(name, ""))).split())


def said_at(page, field: str) -> str:
    """Return the error at a field."""
    row = re.search(rf'(?s)<div class="form-row errors field-{field}">(.*?)</ul>', page.source)
    return " ".join(unescape(re.sub("<[^>]*>", " ", row[1])).split()) if row else ""


def actions(contact: Contact) -> list[str]:
    return list(history.of(contact).values_list("action", flat=True))
