"""Refusals any room may answer with: neutral pages that say what to do now."""

from datetime import timedelta

from django.shortcuts import render

from . import open_forms, typed, waits


def csrf_failure(request, reason=""):
    """The form's token was missing, old or foreign: nothing has changed, and what to do now.

    What was typed on a page of ours comes back with a new token and a button that sends it; where it holds a password
    the person types it again.
    """
    fields = []
    if open_forms.comes_from_us(request) and not typed.has_secret(request):
        fields = typed.fields(request)
    context = {"fields": fields, "has_file": bool(request.FILES), "address": request.get_full_path()}
    return render(request, "403_csrf.html", context, status=403)


class TooManyTries(Exception):
    """A limit was reached deep inside a page; ``ticketshop.middleware.Refuse`` answers with 429.

    ``wait``: until the limit allows one more.
    """

    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.wait = wait


class PersonGone(Exception):
    """Whose data were to be changed is being erased; ``ticketshop.middleware.Refuse`` answers with 409."""


def person_gone(request):
    """Nothing was changed: the person is being erased, or was joined with another entry."""
    return render(request, "409.html", status=409)


def method_not_allowed(request, allowed: str):
    """The address exists, but does not answer this method."""
    response = render(request, "405.html", status=405)
    response.headers["Allow"] = allowed
    return response


def too_large(request):
    """More was sent than is accepted; none of it was read."""
    return render(request, "413.html", status=413)


def too_many_requests(request, wait: timedelta):
    """A limit was reached: neutral, and when to come back. ``wait``: until the limit allows one more."""
    response = render(request, "429.html", {"again_in": waits.again_in(wait)}, status=429)
    response.headers["Retry-After"] = str(int(waits.rounded(wait).total_seconds()))
    return response
