"""The recipients of mails about a request for erasure: the person, or the parents who manage a person without an e-mail address."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from contacts.models import Contact, ContactLink


@dataclass(frozen=True)
class Recipient:
    """``email`` as stored; ``language`` may be empty. ``is_parent``: the mail is about a child whom the recipient manages."""

    email: str
    language: str
    is_parent: bool = False


def of(contact: Contact, asked_at: datetime) -> list[Recipient]:
    """Return the recipients of a mail about ``contact``. Call it before the person's links are erased.

    ``asked_at``: when the request was made. Parents who removed the person from their list after that get the mail, too.
    """
    if address := contact.email or (contact.user.email if contact.user else ""):
        return [Recipient(address, contact.language)]
    links = ContactLink.objects.filter(
        Q(status=ContactLink.Status.ACTIVE) | Q(end_reason="removed", ended_at__gte=asked_at),
        child=contact,
        permission_parent=ContactLink.Permission.MANAGE,
        parent__erasing_at=None,
    ).exclude(parent__email=None)
    parents = {link.parent_id: link.parent for link in links.select_related("parent").order_by("pk")}
    return [Recipient(parent.email, parent.language, is_parent=True) for parent in parents.values()]
