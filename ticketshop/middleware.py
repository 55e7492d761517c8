"""Middleware for every request of the installation."""

from csp.constants import HEADER
from csp.decorators import csp_update
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import BadRequest
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse
from django.utils.functional import cached_property
from psycopg.errors import ForeignKeyViolation

from ticketshop.lib.frames import with_room
from ticketshop.lib.web import refusals
from ticketshop.sales.payments import form_targets


class ContentPolicy(CSPMiddleware):
    """Django-csp's middleware, with the header of most pages computed once: for each response it cost as much as three queries."""

    def process_response(self, request, response):
        if self.get_policy_parts(request=request, response=response) != PolicyParts():
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self._common)
        return response

    @cached_property
    def _common(self) -> str:
        return build_policy()


class CompressPages(GZipMiddleware):
    """Compress text responses, and drawings, which are text. Pictures and documents are compressed already."""

    def process_response(self, request, response):
        if response.headers.get("Content-Type", "").startswith(("text/", "image/svg+xml")):
            return super().process_response(request, response)
        return response


def room_for_frames(get_response):
    """Handle the request inside of ``with_room``, which tells why. The body of a streamed response is read later, outside of it."""

    def middleware(request):
        return with_room(get_response, request)

    return middleware


def sound_requests(get_response):
    """Drop malformed session cookies and refuse forms in an encoding other than UTF-8."""

    def middleware(request):
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if key is not None and not (key.isascii() and key.isalnum()):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        if request.content_params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
            raise BadRequest("a form in another encoding than UTF-8")
        return get_response(request)

    return middleware


def small_requests(get_response):
    """Refuse a body that is too large, by its declared length, before it is read: 413.

    A body without a length is not read at all. Larger bodies are allowed in the back office, where pictures are uploaded.
    """

    def middleware(request):
        text = request.META.get("CONTENT_LENGTH") or "0"
        length = int(text[:20]) if text.isascii() and text.isdecimal() else 0
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and (
            length > settings.UPLOAD_MAX_BYTES or not request.path.startswith(reverse("admin:index"))
        ):
            return refusals.too_large(request)
        return get_response(request)

    return middleware


def provider_forms(get_response):
    """Name in the content security policy of a page the payment providers to which its forms lead, see ``form_targets``."""

    def middleware(request):
        response = get_response(request)
        origins = getattr(request, "form_origins", None)
        if origins is None and _sends_form_again(request, response):
            origins = form_targets.of_shop(request.pos)
        if origins:
            csp_update({"form-action": origins})(lambda _request: response)(request)
        return response

    return middleware


def camera_pages(get_response):
    """Allow the camera and WebAssembly on a page whose view has set ``response.uses_camera``. Every other page refuses both."""

    def middleware(request):
        response = get_response(request)
        if getattr(response, "uses_camera", False):
            policy = response.headers["Permissions-Policy"]
            response.headers["Permissions-Policy"] = policy.replace("camera=()", "camera=(self)")
            csp_update({"script-src": "'wasm-unsafe-eval'"})(lambda _request: response)(request)
        return response

    return middleware


def _sends_form_again(request, response) -> bool:
    """Return whether the page is not the view's own, but has a form that sends once more what was posted to the view."""
    match = request.resolver_match
    return (
        match is not None
        and getattr(match.func, "leads_to_provider", False)
        and getattr(request, "pos", None) is not None
        and response.status_code in {200, 403}
    )


def leaving(get_response):
    """Clear the browser's cache and storage after a log-out, on any page.

    The storage stays while entries of the door wait in it for the network; it contains no names.
    """

    def middleware(request):
        was_logged_in = SESSION_KEY in request.session
        response = get_response(request)
        if was_logged_in and SESSION_KEY not in request.session:
            entries_wait = request.COOKIES.get("door_waits") == "1"
            response.headers["Clear-Site-Data"] = '"cache"' if entries_wait else '"cache", "storage"'
        return response

    return middleware


def worded_refusals(get_response):
    """Answer a method that a URL does not accept with a page instead of an empty response."""

    def middleware(request):
        response = get_response(request)
        if response.status_code == 405 and not response.content:
            return refusals.method_not_allowed(request, response.headers["Allow"])
        return response

    return middleware


def private_pages(get_response):
    """Forbid shared caches to store pages that may contain personal data or forms."""

    def middleware(request):
        response = get_response(request)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response

    return middleware


def _refers_to_erased_user(exception: Exception) -> bool:
    """Return whether the database refused a row because it refers to a user who was erased during the request."""
    cause = exception.__cause__
    if not isinstance(cause, ForeignKeyViolation):
        return False
    return f'"{get_user_model()._meta.db_table}"' in (cause.diag.message_detail or "")


class Refuse:
    """Answer exceptions for refused requests: 429 for a limit, 409 while a person is being erased, 410 for a replaced link."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, refusals.TooManyTries):
            return refusals.too_many_requests(request, exception.wait)
        if isinstance(exception, refusals.PersonGone) or _refers_to_erased_user(exception):
            return refusals.person_gone(request)
        if isinstance(exception, refusals.LinkReplaced):
            return refusals.link_replaced(request)
        return None
