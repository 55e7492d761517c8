"""The database lock on a contact: code that changes what belongs to a contact locks the contact first."""

from collections.abc import Iterable

from ticketshop.lib.database.compiled import AnyOf, Compiled
from ticketshop.lib.web.refusals import PersonGone

from .models import Contact


class Gone(PersonGone):
    """A contact was merged into another one, or is being erased: nothing new may belong to it.

    Not caught by a view, it becomes a page that tells the visitor (``ticketshop.lib.web.refusals``).
    """


def lock(contact_id: int) -> Contact:
    """Lock the row of a contact until the end of the caller's transaction, and return the contact as it is now.

    The lock is FOR NO KEY UPDATE: other rows with a foreign key to the contact can still be inserted. Raises Gone.
    """
    locked = _locked([contact_id])
    if contact_id not in locked:
        raise Gone(f"contact {contact_id}")
    return locked[contact_id]


def lock_all(contact_ids: Iterable[int], *, needed: Iterable[int] = ()) -> dict[int, Contact]:
    """Lock several contacts as ``lock`` does. Return them by primary key, as they are now.

    Contacts that don't exist or are being erased are left out; raises Gone if one of ``needed`` is left out. One
    statement locks them in the order of their keys, so that two transactions with contacts in common can't deadlock;
    without ids no statement is sent.
    """
    locked = _locked(contact_ids)
    if missing := set(needed) - set(locked):
        raise Gone(f"contacts {sorted(missing)}")
    return locked


_LOCKED = Compiled(
    lambda: Contact.objects.known().select_for_update(no_key=True).filter(pk=AnyOf("ids")).order_by("pk")
)


def _locked(contact_ids: Iterable[int]) -> dict[int, Contact]:
    ids = list(set(contact_ids))
    return {contact.pk: contact for contact in _LOCKED.all(ids=ids)} if ids else {}
