"""The data of a child without an e-mail address, for the parent who manages the child: shown, and erased on request."""

from allauth.core import ratelimit
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from contacts.linking import links
from contacts.models import ContactLink
from privacy.copies import copying
from privacy.plan import planning, wording
from privacy.requests import requests
from ticketshop.sales import visitor_contact

from .views import DeleteForm


def _link(request, link_id: int) -> ContactLink:
    """Return the visitor's link to a person they manage; raise Http404 for any other."""
    managed = links.managed_by(visitor_contact.of_request(request))
    link = next((link for link in managed if link.pk == link_id), None)
    if link is None:
        raise Http404("nobody the visitor manages")
    return link


@require_safe
def child(request, pos, link_id):
    """Show what is known about the child, and an open request to erase it."""
    link = _link(request, link_id)
    plan = planning.plan(link.child, now=timezone.now())
    fates = {fate.area: fate for fate in wording.area_plans([plan])}
    chapters = copying.read([link.child], reader=link.parent)
    context = {
        "link": link,
        "known": [(chapter, fates.get(chapter.area)) for chapter in chapters],
        "open": requests.open_request(link.child, timezone.now()),
        "section": "data",
    }
    return render(request, "accounts/data_child.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_child(request, pos, link_id):
    """Show what an erasure would do; on POST with the right password, note the request and tell staff.

    The password proves who asks, so no mail has to be confirmed.
    """
    link, now = _link(request, link_id), timezone.now()
    if requests.open_request(link.child, now):
        return redirect("account:data_child", pos=pos, link_id=link.pk)
    plan = planning.plan(link.child, now=now)
    form = DeleteForm(request.POST or None, user=request.user)
    if request.method == "POST":
        if too_many := ratelimit.consume_or_429(request, action="reauthenticate", user=request.user):
            return too_many
        if form.is_valid():
            if request.POST.get("shown") == plan.fingerprint:
                requests.ask_for_child(link, pos=request.pos, now=now)
                messages.success(request, _("We have your request. Keep the receipt below."))
                return redirect("account:data_child", pos=pos, link_id=link.pk)
            messages.warning(request, _("Something has changed meanwhile. Please look again."))
    context = {
        "link": link,
        "fates": wording.area_plans([plan]),
        "shown": plan.fingerprint,
        "form": form,
        "section": "data",
        "has_errors": bool(form.errors),
    }
    return render(request, "accounts/data_child_delete.html", context)
