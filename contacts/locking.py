"""The lock on a person: whoever changes what belongs to a contact holds it first."""

from .models import Contact


def hold(contact_id: int) -> Contact:
    """Lock the contact's row until the end of the caller's transaction and return it as it is now.

    FOR NO KEY UPDATE: rows elsewhere may still be inserted with a key to the contact.
    """
    return Contact.objects.select_for_update(no_key=True).get(pk=contact_id)
