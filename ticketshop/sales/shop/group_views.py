"""The form "Who is coming?": shows a new proposal after a change, or puts the proposed tickets into the cart."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ticketshop.lib.values.text import number_in

from .. import visitor_contact
from ..cart import carts, session
from ..cart.views import back, reason, report_changes
from ..checkout import people


@login_not_required
@require_POST
def add_people(request, pos):
    """Add a ticket for each person of the proposal, with their names.

    If people or date differ from the proposal, nothing is added and a new proposal is shown.
    """
    if not request.user.is_authenticated:
        return redirect(f"/accounts/login/?{urlencode({'next': back(request)})}")
    now = timezone.now()
    contact = visitor_contact.of_request(request)
    known = people.of(contact, request.pos)
    if again := _proposed_again(request, known):
        return again
    chosen = []
    for person in known:
        offer = number_in(request.POST.get(f"ticket-{person.value}"), digits=18)
        if offer is not None:
            names = {"person": person.value, "first_name": person.first_name, "last_name": person.last_name}
            chosen.append((offer, names))
    if not chosen:
        messages.warning(request, _("Tick who is coming, then add the tickets."))
        return redirect(back(request))
    cart = session.cart_of(request)
    if cart is None:
        cart = carts.open_cart(request.pos, user=request.user, now=now)
        session.remember(request, cart)
    try:
        changed = carts.add_for(cart, chosen, now=now)
    except carts.CannotAdd as error:
        messages.error(request, reason(error, request.pos))
        return redirect(back(request))
    session.count(request, changed.admissions)
    report_changes(request, changed)
    return redirect("shop:cart", pos=pos)


def _proposed_again(request, known: list[people.Person]):
    """Redirect to a new proposal if it was asked for, or people or date have changed; else return None."""
    post = request.POST
    if "session" not in post:
        return None
    ticked = [person.value for person in known if f"who-{person.value}" in post]
    proposed = [person.value for person in known if f"ticket-{person.value}" in post]
    changed = ticked != proposed or post["session"] != post.get("proposed_session")
    if not changed and "propose" not in post:
        return None
    if changed and "propose" not in post:
        messages.info(
            request,
            _("You changed the people or the date: nothing was added yet. These are the tickets for them."),
        )
    wanted = urlencode({"who": ticked, "session": post["session"]}, doseq=True)
    return redirect(f"{back(request).partition('?')[0]}?{wanted}#who")
