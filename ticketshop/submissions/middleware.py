"""Middleware that saves posted forms whose user must log in first."""

from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ticketshop.lib.forms import open_forms

from . import saved_forms


class KeptSubmissions:
    """Save such forms, and show them again. Comes after authentication, around everything that redirects to the log-in page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 405 and saved_forms.STORED in request.GET:
            # The URL accepts only POST: show a page from which the visitor can go on.
            return redirect(page_instead(request))
        if request.method == "POST" and (target := log_in_for(request, response)):
            # From the cookie, because the session may be gone.
            user_id = saved_forms.last_log_in(request)
            if (
                user_id
                and not is_log_out(request)
                and open_forms.comes_from_us(request)
                and saved_forms.save(request, user_id)
            ):
                response.headers["Location"] = target
        remember_log_in(request, response)
        return response

    def process_view(self, request, view, args, kwargs):
        if saved_forms.SESSION_NAME not in request.session:
            return None
        if request.method == "POST" and SESSION_KEY in request.session:
            saved_forms.delete(request)
        elif not getattr(view, "shows_saved_form", False) and (saved := saved_forms.find(request)):
            return saved_forms.resend_page(request, saved)
        return None


def is_log_out(request: HttpRequest) -> bool:
    """Return whether the request is a log-out."""
    return request.path in {reverse("account_logout"), reverse("admin:logout")}


def page_instead(request: HttpRequest) -> str:
    """Return the URL to go on from, for a URL that accepts only POST."""
    if request.path.startswith(reverse("admin:index")):
        return reverse("admin:index")
    pos = getattr(request, "pos", None)
    return reverse("account:home", args=[pos.slug]) if pos else reverse("home")


def log_in_for(request: HttpRequest, response: HttpResponse) -> str:
    """Return the URL of the log-in page with a note about the saved input; empty if the response is something else.

    The response must be a redirect to a log-in page whose ``next`` is this very URL.
    """
    if response.status_code not in {301, 302, 303}:
        return ""
    parts = urlsplit(response.headers["Location"])
    next_url = parse_qs(parts.query).get("next", [""])[0]
    if next_url != request.get_full_path() or parts.path not in {
        reverse(settings.LOGIN_URL),
        reverse("admin:login"),
    }:
        return ""
    return f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': next_url, saved_forms.NOTE: '1'})}"


def remember_log_in(request: HttpRequest, response: HttpResponse) -> None:
    """Store the user in a cookie of the browser, and delete it at a log-out by the user."""
    user_id = request.session.get(SESSION_KEY)
    if user_id:
        if saved_forms.last_log_in(request) != int(user_id):
            saved_forms.note_log_in(response, int(user_id))
    elif (
        request.method == "POST"
        and settings.LAST_LOG_IN_COOKIE_NAME in request.COOKIES
        and is_log_out(request)
    ):
        response.delete_cookie(settings.LAST_LOG_IN_COOKIE_NAME, samesite="Lax")
