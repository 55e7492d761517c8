"""Log-in sessions as their owner knows them: which browser on which device, and when it was last used.

No network address and no complete user agent is stored: only the names of browser and system.
"""

import time
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from ..models import Session, User

DEVICE, USED = "device", "used_at"
NOTED_EVERY = timedelta(hours=1)  # between two writes of the session, to save queries
# Part of a user agent -> name. The first that is found counts, because browsers name each other.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "Chrome/": "Chrome",
    "CriOS": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def name_of(user_agent: str) -> str:
    """Return the names of browser and system, with a vertical bar between them; both may be empty."""
    found = [
        next((name for part, name in names.items() if part in user_agent), "")
        for names in (BROWSERS, SYSTEMS)
    ]
    return "|".join(found)


def text_of(device: str) -> str:
    """Return a stored name of ``name_of`` in plain words."""
    browser, _bar, system = device.partition("|")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")


def note(request) -> None:
    """Write into the session which device uses it now."""
    request.session[DEVICE] = name_of(request.headers.get("User-Agent", ""))
    request.session[USED] = time.time()


def on_log_in(sender, request, user, **kwargs) -> None:
    """Note the device at each log-in (Django's signal)."""
    note(request)


def on_new_password(sender, request, user, **kwargs) -> None:
    """End the other sessions of a log-in after its password has changed (signals of django-allauth)."""
    end(user, but=request.session.session_key)


def session_use(get_response):
    """Middleware that notes once an hour that a log-in session is used. It reads no session that the page has not read."""

    def middleware(request):
        response = get_response(request)
        session = request.session
        belongs_to_user = session.accessed and bool(session.get("_auth_user_id"))
        if belongs_to_user and time.time() - session.get(USED, 0) > NOTED_EVERY.total_seconds():
            note(request)
        return response

    return middleware


def mark(session_key: str) -> str:
    """Return what names a session in a page: the key itself would open it."""
    return salted_hmac("accounts.session", session_key, algorithm="sha256").hexdigest()[:20]


def of(user: User, current_key: str | None) -> list[dict]:
    """Return the open sessions of a user, last used first: ``mark``, ``device``, ``used_at`` (or None), ``is_this``."""
    rows = Session.objects.filter(user=user, expire_date__gt=timezone.now())
    sessions = [
        {
            "mark": mark(row.session_key),
            "device": text_of(row.device),
            "used_at": row.used_at,
            "is_this": row.session_key == current_key,
        }
        for row in rows.only("session_key", "device", "used_at")
    ]
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(sessions, key=lambda one: (one["is_this"], one["used_at"] or oldest), reverse=True)


def end(user: User, *, but: str | None = None) -> int:
    """End the log-in sessions of a user, except that with the key ``but``. Return how many ended."""
    deleted, _by_model = Session.objects.filter(user=user).exclude(session_key=but).delete()
    return deleted


def end_marked(user: User, session_mark: str) -> bool:
    """End one session of a user. Return False if it has ended already."""
    keys = Session.objects.filter(user=user).values_list("session_key", flat=True)
    key = next((key for key in keys if constant_time_compare(mark(key), session_mark)), None)
    return key is not None and bool(Session.objects.filter(user=user, session_key=key).delete()[0])
