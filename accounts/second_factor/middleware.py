"""The pages of staff open only with the second factor that an organiser demands, or that the person has set up."""

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from ticketshop.office.staff_sessions import PAGES

from . import factors

OPEN = ("/admin/logout/", "/admin/jsi18n/")


class SecondFactor:
    """Middleware. It looks once in each log-in session, and again when the user has become staff somewhere else. It comes after the
    authentication middleware.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        staff_page = request.path.startswith(PAGES) and request.path not in OPEN
        if staff_page and request.user.is_authenticated and not factors.is_checked(request):
            missing = _missing_step(request)
            if missing:
                return redirect(f"{reverse(missing)}?{urlencode({'next': request.get_full_path()})}")
            request.session[factors.CHECKED] = factors.workplaces(request.user)
        return self.get_response(request)


def _missing_step(request) -> str:
    """Return the name of the page on which the user sets up or uses the second factor first; empty if nothing is missing."""
    types = factors.types_of(request.user)
    if types and factors.was_used(request):
        return ""
    if Authenticator.Type.TOTP in types:
        return "mfa_reauthenticate"
    if types:
        return "mfa_reauthenticate_webauthn"
    if not factors.is_needed(request.user):
        return ""
    messages.info(
        request, _("Your organiser asks its staff for a second step at the log-in. Set it up, then go on.")
    )
    return "mfa_activate_totp"
