"""Time limits of log-in sessions in the back office and at the door: one hour without a request, twelve hours in all.

Visitors' own pages keep their fourteen days; only the pages of staff ask for the log-in again.
"""

import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from ticketshop.submissions import saved_forms

PAGES = ("/admin/", "/door/")
IDLE_SECONDS = 3600
WHOLE_SECONDS = 12 * 3600
SEEN = "staff_seen"
# For what can't be undone or moves money, staff must have logged in, or confirmed their password, within this time.
FRESH_SECONDS = 15 * 60
# Seconds between two writes of the session, to save queries.
NOTED_EVERY = 300


class StaffSessions:
    """Middleware that logs staff out after these times. Comes after the authentication middleware."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path.startswith(PAGES) or not request.user.is_authenticated:
            return self.get_response(request)
        now = time.time()
        seen = request.session.get(SEEN, logged_in_at(request, now))
        if now - seen > IDLE_SECONDS or now - logged_in_at(request, now) > WHOLE_SECONDS:
            logout(request)
            messages.info(request, _("You were logged out after a while. Log in again to go on."))
            return redirect_to_login(request.get_full_path(), login_url=settings.LOGIN_URL)
        if SEEN not in request.session or now - seen > NOTED_EVERY:
            request.session[SEEN] = now
        return self.get_response(request)


def logged_in_at(request, now: float) -> float:
    """Return when the user logged in (seconds since 1970), as django-allauth stored it in the session."""
    methods = request.session.get("account_authentication_methods") or []
    return max((method.get("at", now) for method in methods), default=now)


def is_fresh(request) -> bool:
    """Return whether the user has logged in, or confirmed the password, within ``FRESH_SECONDS``."""
    now = time.time()
    return now - logged_in_at(request, now) <= FRESH_SECONDS


def ask_password(request):
    """Redirect to the page that asks for the password again and then leads back to this one.

    A posted form is saved: the view shows it again, or sends it, through ``saved_forms.find``.
    """
    query = {"next": request.get_full_path()}
    if request.method == "POST" and saved_forms.save(request, request.user.pk):
        query[saved_forms.NOTE] = "1"
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode(query)}")
