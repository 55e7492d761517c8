"""What holds for every answer of the installation."""

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import BadRequest
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse
from psycopg.errors import ForeignKeyViolation

from ticketshop.lib import refusals


class CompressPages(GZipMiddleware):
    """Text goes out compressed; pictures and documents are so already."""

    def process_response(self, request, response):
        if response.headers.get("Content-Type", "").startswith("text/"):
            return super().process_response(request, response)
        return response


def sound_requests(get_response):
    """What no browser sends and nothing below could read is left out or refused here."""

    def middleware(request):
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if key is not None and not (key.isascii() and key.isalnum()):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        if request.content_params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
            raise BadRequest("a form in another encoding than UTF-8")
        return get_response(request)

    return middleware


def small_requests(get_response):
    """Refuse a body by its declared length, before any of it is read: 413. A body without a length is not read at all.

    Pictures are uploaded in the back office alone.
    """

    def middleware(request):
        back_office = request.path.startswith(reverse("admin:index"))
        most = settings.UPLOAD_MAX_BYTES if back_office else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isascii() and length.isdecimal() and int(length[:20]) > most:
            return refusals.too_large(request)
        return get_response(request)

    return middleware


def leaving(get_response):
    """What a log-in left in the browser goes with the log-out, whichever page ended it."""

    def middleware(request):
        was_in = SESSION_KEY in request.session
        response = get_response(request)
        if was_in and SESSION_KEY not in request.session:
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return middleware


def worded_refusals(get_response):
    """A method that an address does not know is refused with a page, not with nothing."""

    def middleware(request):
        response = get_response(request)
        if response.status_code == 405 and not response.content:
            return refusals.method_not_allowed(request, response.headers["Allow"])
        return response

    return middleware


def private_pages(get_response):
    """A page with a name or a form of one person on it is never kept by anybody else."""

    def middleware(request):
        response = get_response(request)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response

    return middleware


def _names_a_log_in_that_is_gone(exception: Exception) -> bool:
    """Whether a row was to name a log-in that was erased while the page was made: the database has refused it."""
    cause = exception.__cause__
    if not isinstance(cause, ForeignKeyViolation):
        return False
    return f'"{get_user_model()._meta.db_table}"' in (cause.diag.message_detail or "")


class Refuse:
    """Answers what was refused deep inside a page: 429 for a limit, 409 for a person who is being erased."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, refusals.TooManyTries):
            return refusals.too_many_requests(request, exception.wait)
        if isinstance(exception, refusals.PersonGone) or _names_a_log_in_that_is_gone(exception):
            return refusals.person_gone(request)
        return None
