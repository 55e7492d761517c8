"""Queries that check access to friends and family: 404 for the connections of others."""

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language

from contacts import adding, links
from contacts.models import Contact, ContactLink
from ticketshop.lib.network import network
from ticketshop.sales import visitor_contact

from ..links import claiming


def my_contact_here(request) -> Contact:
    """The visitor's contact; 404 where the point of sale has the function switched off."""
    if not request.pos.friends_family_enabled:
        raise Http404("friends and family is off")
    return visitor_contact.of_request(request)


def link_as_parent(request, link_id: int) -> ContactLink:
    """A link the visitor made, over or not; 404 for anybody else's."""
    mine = ContactLink.objects.filter(parent=my_contact_here(request)).select_related("child", "parent")
    return get_object_or_404(mine, pk=link_id)


def link_as_child(request, link_id: int) -> ContactLink:
    """A link somebody made to the visitor, or to their proved address; 404 for anybody else's."""
    mine = ContactLink.objects.filter(child=my_contact_here(request)).select_related("child", "parent")
    return mine.filter(pk=link_id).first() or get_object_or_404(to_my_address(request), pk=link_id)


def to_my_address(request) -> QuerySet[ContactLink]:
    """Links made to contacts of the visitor's proved address that have no log-in: theirs to decide on."""
    return links.of_address(*mailbox_of(request))


def mailbox_of(request) -> tuple[int, str]:
    """The organiser, and the e-mail address that the visitor has proved."""
    return request.pos.organiser_id, claiming.proved_address(request.user)


def asked(request) -> adding.Requester:
    return adding.Requester(
        by=request.user, pos=request.pos, network=network(request), language=get_language()
    )
