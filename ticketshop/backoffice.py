"""The back office: Django's admin, for staff of organisers, through the shop's own log-in."""

from functools import update_wrapper

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from privacy.requests import requests
from ticketshop.jobs import rows as jobs
from ticketshop.office import time_zones
from ticketshop.organisers import permissions
from ticketshop.sales.orders import overview

# By task: what one opens most stands first. Rooms and their pages, by the names of models.
ORDER = {
    "sales": ["Order", "Ticket", "IssuedPass", "Customer", "Payment", "Refund"],
    "contacts": ["Contact", "ContactLink", "LinkType"],
    "registration_forms": ["RegistrationForm"],
    "catalogue": ["Event", "SeasonPass", "Allotment", "Venue", "Category"],
    "organisers": ["PointOfSale", "Organiser", "StaffMembership"],
    "privacy": ["Erasure", "RetentionRecord"],
    "exports": ["Job"],
    "mail": ["Mail"],
    "jobs": ["Failure"],
    "history": ["Event"],
    "accounts": ["User"],
}
# Pages of Django's admin that have a better one elsewhere: passwords are the accounts room's matter, and nothing
# of ours has an address of its own to be looked up by number.
LEFT_OUT = {"view_on_site", "password_change", "password_change_done"}


class BackOffice(admin.AdminSite):
    """Opens for members of staff and the platform's superuser."""

    site_title = site_header = settings.SITE_NAME
    index_title = _("Today")
    site_url = "/"
    # The menu is ours (templates/admin/parts/menu.html): Django's needs a script, and is not there on narrow screens.
    enable_nav_sidebar = False

    def has_permission(self, request):
        return permissions.is_staff(request.user)

    def get_urls(self):
        return [url for url in super().get_urls() if getattr(url, "name", None) not in LEFT_OUT]

    def admin_view(self, view, cacheable=False):
        """Every page speaks in the time of the user's organiser."""
        inner = super().admin_view(view, cacheable)

        def in_their_time(request, *args, **kwargs):
            if request.user.is_authenticated:
                time_zones.activate(request.user)
            return inner(request, *args, **kwargs)

        return update_wrapper(in_their_time, inner)

    @method_decorator([never_cache, login_not_required])
    def login(self, request, extra_context=None):
        """Through the same door as everybody: the admin's own log-in page knows no limits, allauth's does."""
        wanted = request.GET.get("next") or reverse("admin:index")
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect(f"{reverse('account_login')}?{urlencode({'next': wanted})}")

    @method_decorator(require_POST)
    def logout(self, request, extra_context=None):
        """End the session, of the shop too: there is one log-in."""
        logout(request)
        return redirect(f"{reverse('account_login')}?{urlencode({'next': reverse('admin:index')})}")

    def get_app_list(self, request, app_label=None):
        """Rooms and pages by task."""
        rooms = {app["app_label"]: app for app in super().get_app_list(request, app_label)}
        places = {label: number for number, label in enumerate(ORDER)}
        for label, room in rooms.items():
            names = ORDER.get(label, [])
            room["models"].sort(
                key=lambda page, names=names: (
                    names.index(page["object_name"]) if page["object_name"] in names else len(names)
                )
            )
        return sorted(rooms.values(), key=lambda room: places.get(room["app_label"], len(places)))

    def app_index(self, request, app_label, extra_context=None):
        """A room has no page of its own: its first list stands for it."""
        for room in self.get_app_list(request, app_label):
            for page in room["models"]:
                if page["admin_url"]:
                    return redirect(page["admin_url"])
        raise Http404("no such room")

    def index(self, request, extra_context=None):
        now = timezone.now()
        seen = {
            "overview": overview.read(request.user, now),
            "to_be_forgotten": requests.to_be_done(request.user, now),
            "failed_tasks": jobs.count_for(request.user),
        }
        return super().index(request, seen | (extra_context or {}))
