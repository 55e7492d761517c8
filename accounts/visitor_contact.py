"""The visitor's contact at the shop they are in."""

from django.utils import timezone
from django.utils.translation import get_language

from contacts import contacts
from contacts.models import Contact


def my_contact(request) -> Contact:
    """The visitor's contact at this shop's organiser, made on first use."""
    return contacts.for_user(request.pos.organiser, request.user, language=get_language(), now=timezone.now())
