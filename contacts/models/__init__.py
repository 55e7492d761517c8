"""Contacts, which are people as one organiser knows them, and the links between them."""

from .contact import Contact, ContactQuerySet, WordQuery
from .link import AddressSuppression, ContactLink, LinkRequest, LinkType

__all__ = [
    "AddressSuppression",
    "Contact",
    "ContactLink",
    "ContactQuerySet",
    "LinkRequest",
    "LinkType",
    "WordQuery",
]
