"""The page on which a visitor accepts or declines a ticket that is offered to them."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from registration_forms.answers.limited_choices import ChoiceSoldOut
from ticketshop.lib.web import language_choice
from ticketshop.sales.models import TicketGift
from ticketshop.sales.orders.giving import acceptance, offers
from ticketshop.sales.orders.giving.receiving import Receiving

from .access import gift_to_me, is_offered_to_unclaimed


@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def gift(request, pos, gift_id):
    """Show an offered ticket with what its form asks; on POST accept or decline it.

    Redirect a visitor who has still to state which contact of their mailbox they are to the page that asks for it.
    """
    now = timezone.now()
    try:
        offered = gift_to_me(request, gift_id)
    except Http404:
        if not is_offered_to_unclaimed(request, gift_id, now):
            raise
        messages.info(
            request,
            _("A ticket is offered to you. Tell us first who you are, then you can accept or decline it."),
        )
        return redirect("account:home", pos=request.pos.slug)
    still_open = offers.open_offers(now).filter(pk=offered.pk).first()
    if still_open is None:
        return _over(request, offered)
    person = still_open.ticket.order.buyer if still_open.is_return else still_open.friend
    if request.method == "POST" and request.POST.get("do") == "decline":
        return _decline(request, still_open)
    posted = request.POST if request.method == "POST" else None
    receiving = Receiving(still_open, person, now=now, post=posted)
    if language_choice.is_chosen(request):
        receiving.as_typed()
    elif (
        posted is not None and receiving.is_valid() and (response := _accept(request, still_open, receiving))
    ):
        return response
    return _draw(request, still_open, receiving)


def _accept(request, offered: TicketGift, receiving: Receiving):
    """Accept the offer and return the redirect to the ticket; None if the page is to be shown again, with the reason."""
    pos = request.pos.slug
    try:
        ticket = acceptance.accept(
            offered,
            receiving.holder,
            receiving.answers,
            language=get_language(),
            by=request.user,
            now=timezone.now(),
        )
    except acceptance.OfferOver:
        return redirect("account:gift", pos=pos, gift_id=offered.pk)
    except acceptance.TooManyForPerson as error:
        messages.error(request, error.sentence)
        return None
    except ChoiceSoldOut as error:
        receiving.mark_sold_out(error)
        return None
    messages.success(
        request, _("The ticket is yours now, with a new code. We have sent it to you by e-mail.")
    )
    if offered.is_return:
        return redirect("account:orders", pos=pos)
    return redirect("account:ticket", pos=pos, ticket_id=ticket.pk)


def _decline(request, offered: TicketGift):
    if offers.decline(offered, by=request.user, now=timezone.now()):
        messages.success(request, _("You have declined the ticket. We tell the person who offered it."))
        return redirect("account:orders", pos=request.pos.slug)
    return redirect("account:gift", pos=request.pos.slug, gift_id=offered.pk)


def _over(request, offered: TicketGift):
    context = {"gift": offered, "giver": offers.giver_name(offered), "section": "orders"}
    return render(request, "accounts/gift_over.html", context)


def _draw(request, offered: TicketGift, receiving: Receiving):
    context = {
        "gift": offered,
        "ticket": offered.ticket,
        "giver": offers.giver_name(offered),
        "receiving": receiving,
        "forms": receiving.forms,
        "has_errors": any(form.is_bound and form.errors for form in receiving.forms),
        "has_new": receiving.block is not None and bool(receiving.block.unseen),
        "section": "orders",
    }
    return render(request, "accounts/gift.html", context)
