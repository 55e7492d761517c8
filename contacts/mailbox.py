"""What a proved mailbox covers: the contacts of one organiser that have its e-mail address, or log in with it.

An e-mail address alone never says who somebody is: couples share one, staff enter children under their parent's.
Whoever proved the mailbox sees these contacts by name. Only those of the visitor's own name are theirs without asking.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from ticketshop.lib.text import normalise_email
from ticketshop.organisers.models import Organiser

from . import names
from .models import Contact


@dataclass(frozen=True)
class Covered:
    """A contact of the mailbox. ``own``: the visitor's own; ``same_name``: its name matches the visitor's own."""

    contact: Contact
    own: bool
    same_name: bool


def contacts_of(organiser: Organiser, address: str) -> QuerySet[Contact]:
    """Return the contacts that a proved e-mail address covers at ``organiser``, by number.

    They are the contacts without a log-in that have this address, and the contact that logs in with it, wherever it
    wants its e-mails. Contacts that are being erased are included: their address, and what is deferred, are still there.
    """
    key = normalise_email(address)
    if not key:
        return Contact.objects.none()
    here = Contact.objects.filter(organiser=organiser, erased_at=None)
    without_log_in, with_log_in = here.filter(user=None, email_key=key), here.filter(user__email=key)
    either = without_log_in.values("pk").union(with_log_in.values("pk"))
    return Contact.objects.filter(pk__in=either).select_related("organiser", "user").order_by("pk")


def covered(organiser: Organiser, address: str, *, me: Contact | None = None) -> list[Covered]:
    """Return all that the proof of ``address`` covers at ``organiser``, the visitor's own contact ``me`` first.

    Without a log-in (``me`` is None) no contact is anybody's own. Where ``same_name`` is False the visitor must have
    chosen the contact by its name before anything is merged or erased. One query.
    """
    others = [contact for contact in contacts_of(organiser, address) if me is None or contact.pk != me.pk]
    own = [Covered(me, True, True)] if me is not None else []
    return own + [Covered(other, False, me is not None and same_name(me, other)) for other in others]


def same_name(one: Contact, other: Contact) -> bool:
    """Return whether the names of two contacts match by the rule; False where one of them has no name."""
    return names.same_person(one.first_name, one.last_name, other.first_name, other.last_name)


def names_differ(contacts: Iterable[Contact]) -> bool:
    """Return whether the contacts are, by their names, more than one person."""
    return any(not same_name(one, other) for one, other in itertools.combinations(contacts, 2))
