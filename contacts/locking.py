"""The lock on a person: whoever changes what belongs to a contact holds it first."""

from collections.abc import Iterable

from .models import Contact


def hold(contact_id: int) -> Contact:
    """Lock the contact's row until the end of the caller's transaction and return it as it is now.

    Raises Contact.DoesNotExist for one who was merged away, or is being erased.
    FOR NO KEY UPDATE: rows elsewhere may still be inserted with a key to the contact.
    """
    return Contact.objects.known().select_for_update(no_key=True).get(pk=contact_id)


def hold_all(contact_ids: Iterable[int]) -> dict[int, Contact]:
    """Lock several contacts as ``hold`` does; by number, those that exist and are not being erased.

    In the order of their numbers and in one statement: so two who hold some of the same people never wait
    for each other.
    """
    rows = (
        Contact.objects.known().select_for_update(no_key=True).filter(pk__in=set(contact_ids)).order_by("pk")
    )
    return {contact.pk: contact for contact in rows}
