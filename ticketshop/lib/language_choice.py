"""The language a visitor has chosen: a cookie, the same wherever it is chosen."""

from django.conf import settings
from django.http import HttpResponseBase


def remember(response: HttpResponseBase, code: str) -> HttpResponseBase:
    """Let a response carry the visitor's choice; an unknown language changes nothing. Returns the response."""
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
    return response
