"""The site of the back office: Django's admin for staff of organisers, with the shop's own log-in."""

from functools import cache, update_wrapper

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404
from django.shortcuts import redirect
from django.urls import get_script_prefix, reverse
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

# The menu: app -> names of its models, the most used first.
ORDER = {
    "sales": [
        "Order",
        "Ticket",
        "IssuedPass",
        "Customer",
        "Payment",
        "Refund",
        "PaymentDifference",
        "BankFile",
        "BankEntry",
    ],
    "contacts": ["Contact", "ContactLink", "LinkType"],
    "registration_forms": ["RegistrationForm"],
    "catalogue": ["Event", "SeasonPass", "Allotment", "Venue", "Category"],
    "organisers": ["PointOfSale", "Organiser", "StaffMembership", "StaffInvitation"],
    "privacy": ["Erasure", "RetentionRecord"],
    "exports": ["Job"],
    "mail": ["Mail"],
    "jobs": ["Failure"],
    "history": ["Event"],
    "accounts": ["User"],
}
# URL names of Django's admin that are removed: ``accounts`` has the pages for passwords, and ``view_on_site`` has no use here.
LEFT_OUT = {"view_on_site", "password_change", "password_change_done"}


@cache
def _place_in_menu(model: type[Model]) -> tuple[int, int]:
    labels, names = list(ORDER), ORDER.get(model._meta.app_label, [])
    return tuple(
        among.index(name) if name in among else len(among)
        for among, name in ((labels, model._meta.app_label), (names, model._meta.object_name))
    )


@cache
def _list_url(model: type[Model], prefix: str) -> str:
    """Return the URL of the list of a model. ``prefix``: that of all URLs, which a server may set for each request."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


class BackOffice(admin.AdminSite):
    """The site, for staff and for the superuser of the platform."""

    site_title = site_header = settings.SITE_NAME
    index_title = _("Today")
    site_url = "/"
    # templates/admin/parts/menu.html is the menu: Django's needs a script, and is hidden on narrow screens.
    enable_nav_sidebar = False

    def has_permission(self, request):
        return permissions.is_staff(request.user)

    def each_context(self, request):
        # Called when the page is drawn: the page of a row uses the time zone of its organiser.
        zone = (lambda: time_zones.stated(request.user)) if request.user.is_authenticated else ""
        return {**super().each_context(request), "time_zone": zone}

    def get_urls(self):
        return [url for url in super().get_urls() if getattr(url, "name", None) not in LEFT_OUT]

    def admin_view(self, view, cacheable=False):
        """Activate the time zone of the user's organiser for every page."""
        inner = super().admin_view(view, cacheable)

        def in_local_time(request, *args, **kwargs):
            if request.user.is_authenticated:
                time_zones.activate(request.user)
            return inner(request, *args, **kwargs)

        return update_wrapper(in_local_time, inner)

    @method_decorator([never_cache, login_not_required])
    def login(self, request, extra_context=None):
        """Redirect to the shop's log-in page, because Django's own has no limits on attempts and django-allauth's has."""
        next_url = request.GET.get("next") or reverse("admin:index")
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            if request.user.has_perm("sales.check_in"):
                return redirect("door:dates")
            raise PermissionDenied
        return redirect(f"{reverse('account_login')}?{urlencode({'next': next_url})}")

    @method_decorator(require_POST)
    def logout(self, request, extra_context=None):
        """End the log-in session, which is also that of the shop."""
        logout(request)
        return redirect(f"{reverse('account_login')}?{urlencode({'next': reverse('admin:index')})}")

    def get_app_list(self, request, app_label=None):
        """Return the apps and the lists in them that the user may open, in the order of ORDER.

        Django's method also checks the rights to add, change and delete, and computes every URL again, on each page.
        """
        app_list: dict[str, dict] = {}
        for model, page in sorted(self._registry.items(), key=lambda item: _place_in_menu(item[0])):
            label = model._meta.app_label
            if app_label in (None, label) and page.has_module_permission(request):
                app = {"app_label": label, "name": apps.get_app_config(label).verbose_name, "models": []}
                app_list.setdefault(label, app)["models"].append(
                    {
                        "object_name": model._meta.object_name,
                        "name": model._meta.verbose_name_plural,
                        "admin_url": _list_url(model, get_script_prefix()),
                    }
                )
        return list(app_list.values())

    def app_index(self, request, app_label, extra_context=None):
        """Redirect to the first list of the app, because apps have no index page here."""
        for app in self.get_app_list(request, app_label):
            for page in app["models"]:
                return redirect(page["admin_url"])
        raise Http404("no such app")

    def index(self, request, extra_context=None):
        now = timezone.now()
        context = {
            "overview": overview.read(request.user, now),
            "to_be_forgotten": requests.to_be_done(request.user, now),
            "failed_tasks": jobs.count_for(request.user),
        }
        return super().index(request, context | (extra_context or {}))
