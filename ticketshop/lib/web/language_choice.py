"""The language a visitor has chosen, in a cookie; and language buttons that keep a half-filled form."""

from collections.abc import Callable
from functools import wraps

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation


def remember(response: HttpResponseBase, code: str) -> HttpResponseBase:
    """Set the language cookie on a response, unless the language is unknown. Return the response."""
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


# A language button posts the page's form: name of the button, and id of the form.
FIELD, FORM = "language", "typed"


def keeps_typed(view: Callable) -> Callable:
    """Decorate a view so that the language buttons post its form, and typed values are not lost.

    The form has the id ``FORM`` and no field named "language". If ``is_chosen``, the view saves nothing and shows the form with
    the posted values (``as_typed``).
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
    """Return whether a form was posted by a language button."""
    return request.method == "POST" and FIELD in request.POST


def as_typed(form: forms.BaseForm) -> None:
    """Clear the errors of a bound form, so that it shows the posted values without messages."""
    form.errors.clear()  # reading ``errors`` validates the form
