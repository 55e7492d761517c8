"""Queries that check access to friends and family: they raise Http404 for connections of other people."""

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language

from contacts.linking import adding, links
from contacts.models import Contact, ContactLink
from ticketshop.lib.web.network import network
from ticketshop.sales import visitor_contact

from ..links import claiming


def my_contact_here(request) -> Contact:
    """Return the visitor's contact. Raise Http404 if friends and family is off at this point of sale."""
    if not request.pos.friends_family_enabled:
        raise Http404("friends and family is off")
    return visitor_contact.of_request(request)


def link_as_parent(request, link_id: int) -> ContactLink:
    """Return a link that the visitor made, open or ended. Raise Http404 for any other."""
    mine = ContactLink.objects.filter(parent=my_contact_here(request)).select_related("child", "parent")
    return get_object_or_404(mine, pk=link_id)


def link_as_child(request, link_id: int) -> ContactLink:
    """Return a link made to the visitor's contact, or to their proved e-mail address. Raise Http404 for any other."""
    mine = ContactLink.objects.filter(child=my_contact_here(request)).select_related("child", "parent")
    return mine.filter(pk=link_id).first() or get_object_or_404(to_my_address(request), pk=link_id)


def to_my_address(request) -> QuerySet[ContactLink]:
    """Return the open links to contacts without a log-in that have the visitor's proved e-mail address."""
    return links.of_address(*mailbox_of(request))


def mailbox_of(request) -> tuple[int, str]:
    """Return (key of the organiser, e-mail address that the visitor has proved or "")."""
    return request.pos.organiser_id, claiming.proved_address(request.user)


def requester_of(request) -> adding.Requester:
    """Return the visitor and the circumstances of the web request, as ``contacts.linking.adding`` needs them."""
    return adding.Requester(
        by=request.user, pos=request.pos, network=network(request), language=get_language()
    )
