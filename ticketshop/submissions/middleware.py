"""Every form that met the log-in page is kept, and comes back."""

from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ticketshop.lib import open_forms

from . import saved_forms

# Added to the address of the log-in page, which says then that what was typed is kept.
NOTE = "kept"


class KeptSubmissions:
    """Middleware; after authentication, around everything that sends to the log-in page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 405 and saved_forms.STORED in request.GET:
            # An address that takes forms only: whoever sends nothing more goes on from a page.
            return redirect(page_instead(request))
        if request.method == "POST" and (target := log_in_for(request, response)):
            # The cookie, and not the session: that one may be gone.
            user_id = saved_forms.last_log_in(request)
            if (
                user_id
                and not is_log_out(request)
                and open_forms.comes_from_us(request)
                and saved_forms.save(request, user_id)
            ):
                response.headers["Location"] = target
        note(request, response)
        return response

    def process_view(self, request, view, args, kwargs):
        if saved_forms.SESSION_NAME not in request.session:
            return None
        if request.method == "POST" and SESSION_KEY in request.session:
            saved_forms.delete(request)
        elif not getattr(view, "shows_saved_form", False) and (kept := saved_forms.find(request)):
            return saved_forms.resend_page(request, kept)
        return None


def is_log_out(request: HttpRequest) -> bool:
    return request.path in {reverse("account_logout"), reverse("admin:logout")}


def page_instead(request: HttpRequest) -> str:
    """Where whoever gives a form up goes on that has no page of its own."""
    if request.path.startswith(reverse("admin:index")):
        return reverse("admin:index")
    pos = getattr(request, "pos", None)
    return reverse("account:home", args=[pos.slug]) if pos else reverse("home")


def log_in_for(request: HttpRequest, response: HttpResponse) -> str:
    """Where a redirect to the log-in page leads that comes back to this very address; empty for any other answer."""
    if response.status_code not in {301, 302, 303}:
        return ""
    parts = urlsplit(response.headers["Location"])
    wanted = parse_qs(parts.query).get("next", [""])[0]
    if (
        parts.path not in {reverse(settings.LOGIN_URL), reverse("admin:login")}
        or wanted != request.get_full_path()
    ):
        return ""
    return f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': wanted, NOTE: '1'})}"


def note(request: HttpRequest, response: HttpResponse) -> None:
    """Let the browser remember whose log-in it has; a log-out that somebody asked for makes it forget."""
    user_id = request.session.get(SESSION_KEY)
    if user_id:
        if saved_forms.last_log_in(request) != int(user_id):
            saved_forms.note_log_in(response, int(user_id))
    elif request.method == "POST" and is_log_out(request):
        response.delete_cookie(settings.LAST_LOG_IN_COOKIE_NAME, samesite="Lax")
