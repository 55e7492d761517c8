"""The language a visitor has chosen: a cookie, the same wherever it is chosen."""

from collections.abc import Callable
from functools import wraps

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation


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


# The button of a language sends the page's own form: its field, and the form's id.
FIELD, FORM = "language", "typed"


def keeps_typed(view: Callable) -> Callable:
    """Let the buttons of the languages send the form of a shop's page, so that nothing typed is lost.

    The form has the id ``FORM`` and no field named "language"; the view saves nothing where ``is_chosen``, and draws the form
    as it was posted (``as_typed``).
    """

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        request.language_form = FORM
        if not is_chosen(request):
            return view(request, *args, **kwargs)
        code = request.POST[FIELD]
        if code in request.pos.languages:
            translation.activate(code)
            request.LANGUAGE_CODE = code
        return remember(view(request, *args, **kwargs), code)

    return wrapped


def is_chosen(request: HttpRequest) -> bool:
    """Whether a form was sent by the button of a language."""
    return request.method == "POST" and FIELD in request.POST


def as_typed(form: forms.BaseForm) -> None:
    """Let a bound form be drawn with what was posted, without saying yet what is missing."""
    form.errors.clear()  # asking for them checks the form
