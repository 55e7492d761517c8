"""Keep what was typed into a form that met the log-in page, and give it back afterwards.

``ticketshop.submissions.middleware`` keeps every form that is answered with a redirect to the log-in page. When the same
person comes back to the form's address in the same browser, a view shows what was typed:

    @saved_forms.shows_saved_form                       # without it the visitor gets a page with a button that sends it again
    def profile(request):
        kept = saved_forms.find(request)          # None, or what was typed; only for GET
        form = ProfileForm(request.POST or (kept.data if kept else None))
        if request.method == "POST" and form.is_valid():
            ...

Nothing is saved by showing it. A form that arrives at the same address makes the kept one go; an hour does in any case.
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

from ticketshop.lib import typed
from ticketshop.lib.network import network
from ticketshop.limits import limits

from .models import KeptSubmission

SAVED_FOR = timedelta(hours=1)
# In the session: keys of what is kept for this browser, the latest last.
SESSION_NAME = "kept_submissions"
MOST = 5
# With this in the address a page shows what is stored, and not what was typed.
STORED = "stored"
_SALT = "ticketshop.last-log-in"


# --- who was logged in ------------------------------------------------------------------------------------------
def last_log_in(request: HttpRequest) -> int | None:
    """The number of the log-in that this browser had last, also where its session is gone; None for guests."""
    value = request.COOKIES.get(settings.LAST_LOG_IN_COOKIE_NAME, "")
    try:
        return int(signing.loads(value, salt=_SALT, max_age=settings.SESSION_COOKIE_AGE))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def note_log_in(response: HttpResponse, user_id: int) -> None:
    """Let the browser remember whose log-in it has."""
    response.set_cookie(
        settings.LAST_LOG_IN_COOKIE_NAME,
        signing.dumps(user_id, salt=_SALT),
        max_age=settings.SESSION_COOKIE_AGE,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


# --- keeping -----------------------------------------------------------------------------------------------------
def save(request: HttpRequest, user_id: int | None) -> bool:
    """Keep what was posted for ``user_id`` (None: whoever uses this browser); False where it may not be kept.

    A button without fields is kept too: its address may take nothing but a form, and would be a dead end after the log-in.
    """
    pairs = typed.fields(request)
    if (not pairs and typed.has_secret(request)) or not limits.hit(
        "submission_keep", network(request), timezone.now()
    ):
        return False
    kept = KeptSubmission.objects.create(
        user_id=user_id,
        address=request.get_full_path(),
        fields=pairs,
        has_file=bool(request.FILES),
        expires_at=timezone.now() + SAVED_FOR,
    )
    keys = [*request.session.get(SESSION_NAME, []), str(kept.key)]
    KeptSubmission.objects.filter(key__in=_as_uuids(keys[:-MOST])).delete()
    request.session[SESSION_NAME] = keys[-MOST:]
    return True


def expired(now: datetime) -> QuerySet[KeptSubmission]:
    """The forms that were kept for an hour: a periodic job deletes them."""
    return KeptSubmission.objects.filter(expires_at__lt=now)


# --- giving back -------------------------------------------------------------------------------------------------
def shows_saved_form(view: Callable) -> Callable:
    """Mark a view that shows by itself what was typed (``find``)."""
    view.shows_saved_form = True
    return view


def find(request: HttpRequest) -> KeptSubmission | None:
    """What was typed into the form at this address before a log-in; asks the database only where something is kept."""
    if request.method != "GET" or STORED in request.GET:
        return None
    return _at(request).first()


def delete(request: HttpRequest) -> None:
    """A form has arrived at this address: what was kept for it is not needed any more."""
    if SESSION_NAME in request.session:
        _at(request).delete()


def resend_page(request: HttpRequest, kept: KeptSubmission) -> HttpResponse:
    """The page that says what happened, with a button that sends what was typed."""
    return render(request, "submissions/again.html", {"kept": kept})


def _at(request: HttpRequest):
    """What is kept for this browser, this address, and whoever is logged in now."""
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
