"""The visitor's own contact at the organiser of the shop."""

from django.utils import timezone
from django.utils.translation import get_language

from contacts import contacts
from contacts.models import Contact


def of_request(request) -> Contact:
    """Return the contact of the signed-in visitor, created on first use; read once per request.

    The request must be for a page of a shop (``request.pos``) and of a signed-in visitor.
    """
    if not hasattr(request, "visitor_contact"):
        request.visitor_contact = contacts.for_user(
            request.pos.organiser, request.user, language=get_language(), now=timezone.now()
        )
    return request.visitor_contact
