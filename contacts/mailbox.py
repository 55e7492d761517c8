"""The contacts that a proved mailbox covers: those of one organiser that have its e-mail address, or log in with it.

An e-mail address does not identify a person: couples share one, and staff enter children under a parent's address. So the
owner of a proved mailbox sees these contacts by name, and must choose those whose name is not the visitor's own.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import QuerySet, Subquery

from ticketshop.lib.values.text import normalise_email
from ticketshop.organisers.models import Organiser

from . import names
from .models import Contact


@dataclass(frozen=True)
class Covered:
    """A contact of the mailbox. ``own``: it is the visitor's contact. ``same_name``: its name matches the visitor's."""

    contact: Contact
    own: bool
    same_name: bool


def contacts_of(organiser: Organiser, address: str) -> QuerySet[Contact]:
    """Return the contacts that a proved e-mail address covers at ``organiser``, by primary key.

    They are the contacts without a log-in that have this address, and the contact whose log-in has it, even if its e-mails go to
    another address. Contacts that are being erased are included as long as columns of theirs are deferred.
    """
    key = normalise_email(address)
    if not key:
        return Contact.objects.none()
    here = Contact.objects.filter(organiser=organiser, erased_at=None)
    # As a single value: with a join PostgreSQL would expect very many contacts of one log-in, and read all contacts.
    user = Subquery(get_user_model().objects.filter(email=key).values("pk")[:1])
    without_log_in, with_log_in = here.filter(user=None, email_key=key), here.filter(user=user)
    either = without_log_in.values("pk").union(with_log_in.values("pk"))
    return Contact.objects.filter(pk__in=either).select_related("organiser", "user").order_by("pk")


def covered(organiser: Organiser, address: str, *, me: Contact | None = None) -> list[Covered]:
    """Return the contacts that ``address`` covers at ``organiser``, the visitor's own contact ``me`` first. One query.

    ``me`` is None for a visitor without a log-in: then no contact is ``own``. A contact whose ``same_name`` is False must
    be chosen by the visitor by its name before it is merged or erased.
    """
    others = [contact for contact in contacts_of(organiser, address) if me is None or contact.pk != me.pk]
    own = [Covered(me, True, True)] if me is not None else []
    return own + [Covered(other, False, me is not None and same_name(me, other)) for other in others]


def same_name(one: Contact, other: Contact) -> bool:
    """Return whether the names of two contacts match (``names.same_person``); False if one of them has no name."""
    return names.same_person(one.first_name, one.last_name, other.first_name, other.last_name)


def names_differ(contacts: Iterable[Contact]) -> bool:
    """Return whether the names of the contacts are those of more than one person."""
    return any(not same_name(one, other) for one, other in itertools.combinations(contacts, 2))
