"""Known browsers: those a log-in was used in before. Wrong passwords typed in other browsers do not lock them out.

A signed cookie contains the log-ins for which the browser is known, as keyed hashes. Wrong passwords from a known browser
are counted separately; those from all other browsers share one counter per log-in. Source: OWASP, "Slow down online
guessing attacks with device cookies".
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

AGE = 180 * 24 * 3600
# Maximum number of log-ins for which one browser is known.
MOST = 4
SALT = "accounts.log_in.known_browsers"


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Set the cookie that makes the browser known for the log-in ``email``."""
    known = _read(request)
    known[_hash(email)] = known.pop(_hash(email), None) or secrets.token_urlsafe(12)
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        signing.dumps(dict(list(known.items())[-MOST:]), salt=SALT, compress=True),
        max_age=AGE,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def browser_id(request: HttpRequest, email: str) -> str:
    """Return the random id of the browser for this log-in; empty if it is not known."""
    return _read(request).get(_hash(email), "")


def _read(request: HttpRequest) -> dict[str, str]:
    value = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
    try:
        return dict(signing.loads(value, salt=SALT, max_age=AGE)) if value else {}
    except (signing.BadSignature, ValueError, TypeError):
        return {}


def _hash(email: str) -> str:
    return salted_hmac(SALT, email.strip().lower(), algorithm="sha256").hexdigest()[:24]
