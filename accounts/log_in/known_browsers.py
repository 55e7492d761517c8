"""Browsers that somebody has logged in with before: wrong passwords typed elsewhere do not lock them out.

A signed cookie says for which log-ins the browser is known, as keyed hashes. Tries from such a browser are counted by themselves; all others
of the same log-in share one counter, wherever they come from. (OWASP, "Slow down online guessing attacks with device cookies".)
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

AGE = 180 * 24 * 3600
# People who share a browser.
MOST = 4
SALT = "accounts.log_in.known_browsers"


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Let the browser show from now on that ``email`` has logged in with it."""
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


def number_of(request: HttpRequest, email: str) -> str:
    """Return the random name under which the browser is known for this log-in; empty if it is not."""
    return _read(request).get(_hash(email), "")


def _read(request: HttpRequest) -> dict[str, str]:
    value = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
    try:
        return dict(signing.loads(value, salt=SALT, max_age=AGE)) if value else {}
    except (signing.BadSignature, ValueError, TypeError):
        return {}


def _hash(email: str) -> str:
    return salted_hmac(SALT, email.strip().lower(), algorithm="sha256").hexdigest()[:24]
