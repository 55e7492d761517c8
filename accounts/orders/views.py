"""The visitor's orders, and the upcoming tickets and passes."""

from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from contacts.linking import links
from ticketshop.lib.web import language_choice
from ticketshop.lib.web.pages import page_of
from ticketshop.sales import access, visitor_contact
from ticketshop.sales.orders.pages.names import edit as edit_names
from ticketshop.sales.tickets import names as ticket_names

from ..friends import tickets
from ..friends import views as friends
from ..given_tickets.access import mark, offered_to
from ..links import earlier_orders


@require_safe
def orders(request, pos):
    """List the orders, newest first, and the upcoming tickets of the visitor and of the people they manage."""
    contact, now = visitor_contact.of_request(request), timezone.now()
    tickets_to_come = access.next_tickets(request.user, request.pos, now, most=100)
    mark(tickets_to_come, contact, now)
    context = {
        "page": page_of(access.orders_of(request.user, request.pos), request.GET.get("page")),
        "tickets": tickets_to_come,
        "offered": offered_to(request, now),
        "passes": access.next_passes(request.user, request.pos, now, most=100),
        "managed": tickets.managed_by(contact, now),
        "earlier": earlier_orders.find(request.user, contact),
        "section": "orders",
    }
    return render(request, "accounts/orders.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def names(request, pos, link_id):
    """Correct the names on the tickets of a person the visitor manages, until the deadline that the buyer has."""
    link = friends.link_as_parent(request, link_id)
    if not links.seen_by_parent(link).manages:
        raise Http404("not managed")

    def read() -> ticket_names.EditableNames:
        """Return the names as they are now. ``edit_names`` calls it again if they were changed meanwhile."""
        now = timezone.now()
        return ticket_names.EditableNames(
            tickets.of_managed(link, now), editor=ticket_names.Editor.PARENT, now=now
        )

    context = {"person": links.name_for_parent(link), "section": "orders"}
    return edit_names(request, read, f"link:{link.pk}", redirect("account:orders", pos=pos), context)
