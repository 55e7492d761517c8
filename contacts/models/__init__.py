"""People as an organiser knows them."""

from .contact import Contact, ContactQuerySet, WordQuery

__all__ = ["Contact", "ContactQuerySet", "WordQuery"]
