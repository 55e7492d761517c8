"""The fields of a posted form that was refused, without passwords, codes and tokens, so that a page can show them again."""

import re

from django.http import HttpRequest

from . import open_forms

# Passwords and codes must be typed again; a new page has new tokens.
_SECRET = re.compile(r"passw|secret|(^|[-_])(code|otp|pin)$", re.IGNORECASE)
_TOKENS = {"csrfmiddlewaretoken", open_forms.FIELD}


def fields(request: HttpRequest) -> list[list[str]]:
    """Return [name, value] for each posted field, in order, without tokens, passwords and codes.

    NUL characters are removed: the database can't store them, and no field accepts them.
    """
    return [
        [name.replace("\x00", ""), value.replace("\x00", "")]
        for name, values in request.POST.lists()
        if name not in _TOKENS and not _SECRET.search(name)
        for value in values
    ]


def has_secret(request: HttpRequest) -> bool:
    """Return whether a password or a code was posted: then the form can't be posted again automatically."""
    return any(_SECRET.search(name) for name in request.POST)
