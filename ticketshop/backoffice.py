"""The back office: Django's admin, for staff of organisers, through the shop's own log-in."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ticketshop.organisers import permissions


class BackOffice(admin.AdminSite):
    """Opens for members of staff and the platform's superuser."""

    site_title = site_header = settings.SITE_NAME
    index_title = _("Today")
    site_url = "/"

    def has_permission(self, request):
        return permissions.is_staff(request.user)

    def login(self, request, extra_context=None):
        """Through the same door as everybody: the admin's own log-in page knows no limits, allauth's does."""
        return _login(request, extra_context)


_login = secure_admin_login(admin.AdminSite().login)
