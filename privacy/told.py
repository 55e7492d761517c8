"""Who is told what becomes of a request to be forgotten: the person, or the parents who manage a person without an e-mail address."""

from dataclasses import dataclass

from contacts.models import Contact, ContactLink


@dataclass(frozen=True)
class Recipient:
    """``email`` as stored; ``language`` may be empty. ``is_parent``: the mail is about somebody the recipient manages."""

    email: str
    language: str
    is_parent: bool = False


def of(contact: Contact) -> list[Recipient]:
    """Return whom a mail about ``contact`` goes to; call before the person's links are erased."""
    if address := contact.email or (contact.user.email if contact.user else ""):
        return [Recipient(address, contact.language)]
    links = ContactLink.objects.filter(
        child=contact,
        status=ContactLink.Status.ACTIVE,
        permission_parent=ContactLink.Permission.MANAGE,
        parent__erasing_at=None,
    ).exclude(parent__email=None)
    return [
        Recipient(link.parent.email, link.parent.language, is_parent=True)
        for link in links.select_related("parent").order_by("pk")
    ]
