"""The visitor's account at one point of sale: home, profile, orders and tickets."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import contacts
from ticketshop.lib.pages import page_of
from ticketshop.sales import access

from . import earlier_orders, friends
from .contact import my_contact
from .forms import ProfileForm


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
            valid_until__gte=now.date(), state__in=["valid", "reserved"]
        )[:5],
        "earlier": earlier_orders.count(request.user, request.pos.organiser),
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
        return redirect("account:profile", pos=pos)
    context = {"form": form, "contact": contact, "section": "profile", "has_errors": bool(form.errors)}
    return render(request, "accounts/profile.html", context)


@require_safe
def orders(request, pos):
    """The orders, newest first, and the tickets that are still to come."""
    now = timezone.now()
    context = {
        "page": page_of(access.orders_of(request.user, request.pos), request.GET.get("page")),
        "tickets": access.tickets_of(request.user, request.pos).filter(
            session__ends_at__gt=now, state__in=["valid", "reserved"]
        )[:100],
        "passes": access.passes_of(request.user, request.pos).filter(
            valid_until__gte=now.date(), state__in=["valid", "reserved"]
        )[:100],
        "earlier": earlier_orders.count(request.user, request.pos.organiser),
        "section": "orders",
    }
    return render(request, "accounts/orders.html", context)


@require_POST
def join(request, pos):
    """Join the earlier orders placed as a guest with the proven address."""
    number = earlier_orders.join(
        request.user, request.pos.organiser, language=get_language(), now=timezone.now()
    )
    if number:
        messages.success(
            request,
            ngettext("%(count)d earlier order is now here.", "%(count)d earlier orders are now here.", number)
            % {"count": number},
        )
    return redirect("account:orders", pos=pos)
