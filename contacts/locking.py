"""The lock on a person: whoever changes what belongs to a contact holds it first."""

from collections.abc import Iterable

from ticketshop.lib.refusals import PersonGone

from .models import Contact


class Gone(PersonGone):
    """The contact was merged away, or is being erased: nothing new is theirs. A page says so by itself."""


def hold(contact_id: int) -> Contact:
    """Lock the contact's row until the end of the caller's transaction and return it as it is now. Raises Gone.

    FOR NO KEY UPDATE: rows elsewhere may still be inserted with a key to the contact.
    """
    held = _locked([contact_id])
    if contact_id not in held:
        raise Gone(f"contact {contact_id}")
    return held[contact_id]


def hold_all(contact_ids: Iterable[int], *, needed: Iterable[int] = ()) -> dict[int, Contact]:
    """Lock several contacts as ``hold`` does; by number, those that exist and are not being erased.

    Raises Gone unless all of ``needed`` are among them. In the order of their numbers and in one statement: so two
    who hold some of the same people never wait for each other.
    """
    held = _locked(contact_ids)
    if gone := set(needed) - set(held):
        raise Gone(f"contacts {sorted(gone)}")
    return held


def _locked(contact_ids: Iterable[int]) -> dict[int, Contact]:
    rows = (
        Contact.objects.known().select_for_update(no_key=True).filter(pk__in=set(contact_ids)).order_by("pk")
    )
    return {contact.pk: contact for contact in rows}
