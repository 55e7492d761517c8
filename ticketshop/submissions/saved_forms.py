"""Save the input of a form whose user was sent to the log-in page, and show it after the log-in.

``ticketshop.submissions.middleware`` saves every posted form that is answered with a redirect to the log-in page, and the back
office each one before which it asks for the password again. When the same person opens the form's URL in the same browser, a view shows the input:

    @saved_forms.shows_saved_form               # without it the visitor gets a page with a button that sends it again
    def profile(request):
        saved = saved_forms.find(request)       # None, or the saved form; only for GET
        form = ProfileForm(request.POST or (saved.data if saved else None))
        if request.method == "POST" and form.is_valid():
            ...

Showing the input stores nothing. A form posted to the same URL deletes the saved one; it is deleted after an hour anyway.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from ticketshop.lib.forms import posted
from ticketshop.lib.web.network import network
from ticketshop.limits import limits

from .models import KeptSubmission

SAVED_FOR = timedelta(hours=1)
# Name in the session: keys of the forms saved for this browser, the newest last.
SESSION_NAME = "kept_submissions"
MOST = 5
# Query parameter with which the page that asks for the password tells that the input was saved.
NOTE = "kept"
# Query parameter with which a page shows the stored values instead of the saved input.
STORED = "stored"
_SALT = "ticketshop.last-log-in"


# --- who was logged in ------------------------------------------------------------------------------------------
def last_log_in(request: HttpRequest) -> int | None:
    """Return the id of the user that this browser was logged in as last, even if the session is gone; None for guests."""
    value = request.COOKIES.get(settings.LAST_LOG_IN_COOKIE_NAME, "")
    try:
        return int(signing.loads(value, salt=_SALT, max_age=settings.SESSION_COOKIE_AGE))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def note_log_in(response: HttpResponse, user_id: int) -> None:
    """Set the cookie by which ``last_log_in`` recognises the user."""
    response.set_cookie(
        settings.LAST_LOG_IN_COOKIE_NAME,
        signing.dumps(user_id, salt=_SALT),
        max_age=settings.SESSION_COOKIE_AGE,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


# --- saving -----------------------------------------------------------------------------------------------------
def save(request: HttpRequest, user_id: int | None) -> bool:
    """Save the posted form for ``user_id`` (None: for any user of this browser). Return False if it was not saved.

    A form without fields is saved too: it may be a button whose URL accepts only POST, and after the log-in the visitor would
    have no way back to it.
    """
    pairs = posted.fields(request)
    if (not pairs and posted.has_secret(request)) or not limits.hit(
        "submission_keep", network(request), timezone.now()
    ):
        return False
    saved = KeptSubmission.objects.create(
        user_id=user_id,
        address=request.get_full_path(),
        fields=pairs,
        has_file=bool(request.FILES),
        expires_at=timezone.now() + SAVED_FOR,
    )
    keys = [*request.session.get(SESSION_NAME, []), str(saved.key)]
    KeptSubmission.objects.filter(key__in=_as_uuids(keys[:-MOST])).delete()
    request.session[SESSION_NAME] = keys[-MOST:]
    return True


def expired(now: datetime) -> QuerySet[KeptSubmission]:
    """Return the saved forms whose hour is over; a periodic job deletes them."""
    return KeptSubmission.objects.filter(expires_at__lt=now)


# --- showing again -------------------------------------------------------------------------------------------------
def shows_saved_form(view: Callable) -> Callable:
    """Decorate a view that shows the saved input by itself (``find``)."""
    view.shows_saved_form = True
    return view


def find(request: HttpRequest) -> KeptSubmission | None:
    """Return the saved form for this URL, or None. Queries the database only if the session names a saved form."""
    if request.method != "GET" or STORED in request.GET or not request.session.get(SESSION_NAME):
        return None
    return _at(request).first()


def delete(request: HttpRequest) -> None:
    """Delete the saved form for this URL, because a form was posted to it."""
    if SESSION_NAME in request.session:
        _at(request).delete()


def resend_page(request: HttpRequest, saved: KeptSubmission) -> HttpResponse:
    """Return the page that explains what happened, with a button that posts the saved input."""
    return render(request, "submissions/again.html", {"kept": saved})


def _at(request: HttpRequest):
    """Return the saved forms for this browser, this URL and the current user, newest first."""
    keys = _as_uuids(request.session.get(SESSION_NAME, []))
    if not keys:
        return KeptSubmission.objects.none()
    user_id = request.session.get(SESSION_KEY)
    rows = KeptSubmission.objects.filter(
        key__in=keys, address=request.get_full_path(), expires_at__gt=timezone.now()
    )
    mine = rows.filter(user=None) | rows.filter(user=user_id) if user_id else rows.filter(user=None)
    return mine.order_by("-pk")


def _as_uuids(keys: list[str]) -> list[uuid.UUID]:
    return [uuid.UUID(key) for key in keys]
