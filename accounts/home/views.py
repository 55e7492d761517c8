"""The first page of the account."""

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from ticketshop.sales import access, visitor_contact

from ..friends import views as friends
from ..given_tickets.access import offered_to
from ..links import earlier_orders


@require_safe
def home(request, pos):
    """Show the next tickets and passes, and links to what needs an answer of the visitor."""
    contact = visitor_contact.of_request(request)
    now = timezone.now()
    context = {
        "contact": contact,
        "offered": offered_to(request, now),
        "tickets": access.next_tickets(request.user, request.pos, now, most=5),
        "passes": access.next_passes(request.user, request.pos, now, most=5),
        "earlier": earlier_orders.find(request.user, contact),
        "to_decide": friends.to_decide(request, contact),
        "section": "home",
    }
    return render(request, "accounts/home.html", context)
