"""What was typed into a form that could not be taken: its fields, without what must not be kept or shown again."""

import re

from django.http import HttpRequest

from . import open_forms

# Passwords and codes are typed again; tokens are made anew.
_SECRET = re.compile(r"passw|secret|(^|[-_])(code|otp|pin)$", re.IGNORECASE)
_TOKENS = {"csrfmiddlewaretoken", open_forms.FIELD}


def fields(request: HttpRequest) -> list[list[str]]:
    """Pairs of name and value as posted, in their order, without tokens, passwords and codes.

    Without NUL either: the database can't store it, and no field takes it.
    """
    return [
        [name.replace("\x00", ""), value.replace("\x00", "")]
        for name, values in request.POST.lists()
        if name not in _TOKENS and not _SECRET.search(name)
        for value in values
    ]


def has_secret(request: HttpRequest) -> bool:
    """Whether a password or a code was posted: such a form can't be sent again without its owner."""
    return any(_SECRET.search(name) for name in request.POST)
