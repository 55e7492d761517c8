"""The visitor's account at one point of sale: home, profile, orders and tickets."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import contacts, links, merge_outcome, merging
from contacts.models import Contact
from ticketshop.lib import days, language_choice
from ticketshop.lib.pages import page_of
from ticketshop.sales import access
from ticketshop.sales.orders.name_views import edit as edit_names
from ticketshop.sales.tickets import names as ticket_names

from .forms import ProfileForm
from .friends import tickets
from .friends import views as friends
from .links import earlier_orders
from .log_in import email_change
from .visitor_contact import my_contact


@require_safe
def home(request, pos):
    """What comes next, and the ways on."""
    contact = my_contact(request)
    now = timezone.now()
    context = {
        "contact": contact,
        "tickets": access.tickets_of(request.user, request.pos).filter(
            session__ends_at__gt=now, state__in=["valid", "reserved"]
        )[:5],
        "passes": access.passes_of(request.user, request.pos).filter(
            valid_until__gte=days.day_of(now, request.pos.organiser.zone), state__in=["valid", "reserved"]
        )[:5],
        "earlier": earlier_orders.found(request.user, contact),
        "to_decide": friends.to_decide(request, contact),
        "section": "home",
    }
    return render(request, "accounts/home.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request, pos):
    """Names, phone, address, language: read and change."""
    contact = my_contact(request)
    form = ProfileForm(request.POST or None, contact=contact)
    if request.method == "POST" and form.is_valid():
        contacts.change(contact, form.cleaned_data, by=request.user, now=timezone.now())
        messages.success(request, _("Your profile is saved."))
        # Whoever was asked for their own name on the way to adding a person goes on there.
        on_the_way = request.GET.get("then") == "friends" and request.pos.friends_family_enabled
        return redirect("account:friends_new" if on_the_way else "account:profile", pos=pos)
    context = {
        "form": form,
        "contact": contact,
        "change_log_in": email_change.address_of_change(request.pos),
        "section": "profile",
        "has_errors": bool(form.errors),
    }
    return render(request, "accounts/profile.html", context)


@require_safe
def orders(request, pos):
    """The orders, newest first, and the tickets that are still to come."""
    contact, now = my_contact(request), timezone.now()
    context = {
        "page": page_of(access.orders_of(request.user, request.pos), request.GET.get("page")),
        "tickets": access.tickets_of(request.user, request.pos).filter(
            session__ends_at__gt=now, state__in=["valid", "reserved"]
        )[:100],
        "passes": access.passes_of(request.user, request.pos).filter(
            valid_until__gte=days.day_of(now, request.pos.organiser.zone), state__in=["valid", "reserved"]
        )[:100],
        "managed": tickets.managed_by(contact, now),
        "earlier": earlier_orders.found(request.user, contact),
        "section": "orders",
    }
    return render(request, "accounts/orders.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def names(request, pos, link_id):
    """The names on the tickets of a person the visitor manages: corrected until the deadline, as the buyer may."""
    link = friends.link_as_parent(request, link_id)
    if not links.seen_by_parent(link).manages:
        raise Http404("not managed")

    def read() -> ticket_names.Names:
        now = timezone.now()
        return ticket_names.Names(tickets.of_managed(link, now), who=ticket_names.Who.PARENT, now=now)

    context = {"person": links.name_for_parent(link), "section": "orders"}
    return edit_names(request, read, f"link:{link.pk}", redirect("account:orders", pos=pos), context)


@require_POST
def join(request, pos):
    """Join what was known of a person of the visitor's name under the proved e-mail address."""
    number = earlier_orders.join(
        request.user, request.pos.organiser, language=get_language(), now=timezone.now()
    )
    _say_joined(request, number)
    return redirect("account:orders", pos=pos)


@require_http_methods(["GET", "HEAD", "POST"])
def join_chosen(request, pos, contact_id):
    """Ask with both names whether another contact of the visitor's mailbox is the visitor too; then join it."""
    me = my_contact(request)
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
    """Join ``other``, or say that it is no longer as it was shown: joined in another tab, claimed, changed by staff."""
    try:
        if other is None:
            raise merging.CannotMerge("no contact of this mailbox")
        shown = request.POST.get("shown", "")
        number = earlier_orders.join_chosen(request.user, me, other, shown=shown, now=timezone.now())
    except merging.CannotMerge:
        messages.warning(request, _("Something has changed meanwhile. Please look again."))
        return
    if number:
        _say_joined(request, number)
    else:
        name = other.full_name or str(other)
        messages.success(request, _("%(name)s is now one with your account.") % {"name": name})


def _say_joined(request, number: int) -> None:
    if number:
        text = ngettext(
            "%(count)d earlier order is now here.", "%(count)d earlier orders are now here.", number
        )
        messages.success(request, text % {"count": number})
