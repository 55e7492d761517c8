"""The buttons and the page that merge contacts with the visitor's e-mail address into the visitor's contact."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from contacts import merge_outcome, merging
from contacts.models import Contact
from ticketshop.sales import visitor_contact

from ..links import earlier_orders


@require_POST
def join(request, pos):
    """Merge the contacts of the visitor's name and proved e-mail address into the visitor's contact."""
    number = earlier_orders.join(
        request.user, request.pos.organiser, language=get_language(), now=timezone.now()
    )
    _add_joined_message(request, number)
    return redirect("account:orders", pos=pos)


@require_http_methods(["GET", "HEAD", "POST"])
def join_chosen(request, pos, contact_id):
    """Ask, showing both names, whether a contact of the visitor's mailbox is the visitor; merge it on POST."""
    me = visitor_contact.of_request(request)
    other = earlier_orders.unclaimed(request.user, request.pos.organiser).filter(pk=contact_id).first()
    if request.method == "POST":
        _join_chosen(request, me, other)
        return redirect("account:orders", pos=pos)
    if other is None:
        raise Http404("no contact of this mailbox")
    context = {
        "me": me,
        "name": other.full_name or str(other),
        "orders": other.orders.count(),
        "rows": merge_outcome.rows(me, other),
        "shown": merging.fingerprint(me, other),
        "section": "orders",
    }
    return render(request, "accounts/join.html", context)


def _join_chosen(request, me: Contact, other: Contact | None) -> None:
    """Merge ``other`` and add a message: a warning if it is no longer as it was shown.

    It may have been merged in another tab, claimed, or changed by staff.
    """
    try:
        if other is None:
            raise merging.CannotMerge("no contact of this mailbox")
        shown = request.POST.get("shown", "")
        number = earlier_orders.join_chosen(request.user, me, other, shown=shown, now=timezone.now())
    except merging.CannotMerge:
        messages.warning(request, _("Something has changed meanwhile. Please look again."))
        return
    if number:
        _add_joined_message(request, number)
    else:
        name = other.full_name or str(other)
        messages.success(request, _("%(name)s is now one with your account.") % {"name": name})


def _add_joined_message(request, number: int) -> None:
    if number:
        text = ngettext(
            "%(count)d earlier order is now here.", "%(count)d earlier orders are now here.", number
        )
        messages.success(request, text % {"count": number})
