"""The pages of bookings with a season pass."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.submissions import saved_forms

from .. import visitor_contact
from ..access import order_or_404
from ..admission_lists import WITH_TICKET
from ..models import Ticket
from ..orders.single_tickets import CannotCancel
from ..passes import bookings, refusals
from . import booking, own_passes
from .pages import BookingPage, Visit, places_of


@require_safe
def dates(request, pos, issued):
    """Show the dates that a pass opens, with a link to book each."""
    contact, now = visitor_contact.of_request(request), timezone.now()
    found = own_passes.pass_or_404(contact, issued)
    context = {
        "issued": found,
        "dates": own_passes.dates(found, request.pos, now),
        "left": refusals.left_text(found),
    }
    return render(request, "sales/pass_dates.html", context)


@saved_forms.shows_saved_form
@require_http_methods(["GET", "HEAD", "POST"])
def book(request, pos, issued, session):
    """Show what is needed to book places of a date with a pass, or book them. A date that can't be booked has a sentence only."""
    contact, now = visitor_contact.of_request(request), timezone.now()
    found = own_passes.pass_or_404(contact, issued)
    wanted = own_passes.session_or_404(request.pos, session)
    if request.method == "POST" and (order := _placed_before(request)):
        return _to_order(order)
    date = own_passes.date_of(found, wanted, now)
    if date.refusal:
        context = {"issued": found, "date": date, "session": wanted}
        return render(request, "sales/pass_booking.html", context)
    visit = Visit(request.pos, request.user, contact, found, date, now)
    saved = saved_forms.find(request) if request.method != "POST" else None
    post = request.POST if request.method == "POST" else saved and saved.data
    page = BookingPage(visit, post, places_of(request.GET if post is None else post))
    if saved:
        saved_forms.delete(request)
        messages.info(request, _("You are logged in again. What you typed is here; nothing has been booked."))
    if request.method == "POST":
        if not limits.hit("order_place", network(request), now):
            return too_many_requests(request, limits.wait("order_place", network(request), now))
        if order := page.book():
            text = ngettext(
                "Your place is booked. We have sent you the ticket.",
                "Your places are booked. We have sent you the tickets.",
                page.number,
            )
            messages.success(request, text)
            return _to_order(order)
    return render(request, "sales/pass_booking.html", page.context())


def _placed_before(request):
    """Return the booking that the posted page made before, also if nothing more could be booked now; None if it made none."""
    return booking.placed_by(request.POST.get("key", ""), request.user)


def _to_order(order):
    """Redirect to the page of the order."""
    return redirect(
        "shop:order", pos=order.point_of_sale.slug, reference=order.reference, secret=order.secret
    )


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request, pos, reference, secret, ticket):
    """Ask for confirmation, then cancel a place that was booked with a pass."""
    order = order_or_404(request, reference, secret)
    rows = Ticket.objects.filter(order=order, pk=ticket, booked_with__isnull=False)
    found = rows.select_related(*WITH_TICKET, "booked_with__season_pass", "booked_with__line").first()
    if found is None:
        raise Http404("no such booking")
    refusal = bookings.why_not_cancelled(found, timezone.now())
    page = redirect("shop:order", pos=pos, reference=reference, secret=secret)
    if request.method != "POST":
        context = {"order": order, "ticket": found, "refusal": refusal}
        return render(request, "sales/booking_cancel.html", context)
    try:
        booking.cancel(order, found, by=request.user, now=timezone.now())
    except CannotCancel as error:
        for problem in error.problems:
            messages.error(request, conditional_escape(problem))
        return page
    messages.success(request, _("The booking is cancelled. The entry is back on your pass."))
    return page
