"""Pages on which a visitor offers a ticket to a person of their friends and family, or gives one back."""

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from contacts.linking import links
from contacts.models import ContactLink
from ticketshop.lib.web.refusals import TooManyTries
from ticketshop.limits import limits
from ticketshop.sales import visitor_contact
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders.giving import offers, on_order_page

from .access import bought_ticket, given_ticket


class PersonForm(forms.Form):
    """The person to whom a ticket is offered."""

    person = forms.ModelChoiceField(
        label=gettext_lazy("Who gets the ticket?"),
        queryset=ContactLink.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a person."),
            "invalid_choice": gettext_lazy(
                "You are not connected with this person any more. Choose another."
            ),
        },
    )

    def __init__(self, data, *, people):
        super().__init__(data)
        self.fields["person"].queryset = people
        self.fields["person"].label_from_instance = _label


def _label(link: ContactLink) -> str:
    seen = links.seen_by_parent(link)
    return f"{seen.name} ({seen.email})" if seen.email else seen.name


@require_http_methods(["GET", "HEAD", "POST"])
def give(request, pos, ticket_id):
    """Show to whom the visitor can give a ticket; on POST offer it, or take the offer back."""
    ticket, now = bought_ticket(request, ticket_id), timezone.now()
    contact = visitor_contact.of_request(request)
    waiting = offers.open_offer_of(ticket, now) if not ticket.gift_id else None
    action = request.POST.get("do", "offer") if request.method == "POST" else ""
    if action == "withdraw":
        _withdraw(request, waiting)
        return redirect("account:give", pos=pos, ticket_id=ticket.pk)
    people = offers.people_to_ask(contact)
    form = PersonForm(request.POST if action == "offer" else None, people=people)
    if form.is_bound and form.is_valid() and _offer(request, ticket, form.cleaned_data["person"]):
        return redirect("account:give", pos=pos, ticket_id=ticket.pk)
    context = {
        "ticket": ticket,
        "form": form,
        "people": people.exists(),
        "why_not": "" if waiting else offers.why_not(ticket, now),
        "given_text": on_order_page.given_text(ticket.gift) if ticket.gift_id else "",
        "offered_text": on_order_page.offered_text(waiting) if waiting else "",
        "section": "orders",
    }
    return render(request, "accounts/give.html", context)


def _offer(request, ticket: Ticket, link: ContactLink) -> bool:
    """Offer the ticket and add a message. Return whether it is offered."""
    try:
        offers.offer(ticket, link, by=request.user, now=timezone.now())
    except offers.CannotGive as error:
        messages.error(request, error.sentence)
        return True
    except offers.TooManyOffers:
        raise _too_many(request) from None
    text = _("We have asked %(name)s. Until they accept, the ticket is yours.")
    messages.success(request, text % {"name": links.name_for_parent(link)})
    return True


def _too_many(request) -> TooManyTries:
    return TooManyTries(limits.wait("ticket_offer", f"user:{request.user.pk}", timezone.now()))


def _withdraw(request, waiting) -> None:
    """Take an open offer back, and add a message."""
    if waiting is not None and offers.withdraw(waiting, by=request.user, now=timezone.now()):
        messages.success(request, _("The offer is taken back. The ticket is yours, with the same code."))
    else:
        messages.info(request, _("There is no offer to take back: it was answered, or it has ended."))


@require_http_methods(["GET", "HEAD", "POST"])
def give_back(request, pos, ticket_id):
    """Ask whether to give a ticket back to the person it came from; on POST offer it, or take the offer back."""
    ticket, now = given_ticket(request, ticket_id), timezone.now()
    waiting = offers.open_offer_of(ticket, now)
    if request.method == "POST":
        if request.POST.get("do") == "withdraw":
            _withdraw(request, waiting)
        else:
            _offer_back(request, ticket)
        return redirect("account:ticket", pos=pos, ticket_id=ticket.pk)
    context = {
        "ticket": ticket,
        "giver": ticket.order.buyer.full_name if ticket.order.buyer else "",
        "why_not": offers.why_not_back(ticket, now),
        "waiting": waiting,
        "section": "orders",
    }
    return render(request, "accounts/give_back.html", context)


def _offer_back(request, ticket: Ticket) -> None:
    try:
        gift = offers.offer_back(ticket, by=request.user, now=timezone.now())
    except offers.CannotGive as error:
        messages.error(request, error.sentence)
    except offers.TooManyOffers:
        raise _too_many(request) from None
    else:
        text = _("We have asked %(name)s. Until they accept, the ticket is yours.")
        messages.success(request, text % {"name": offers.receiver_name(gift)})
