"""Views and exceptions for refused requests: pages that tell what to do next, without personal data."""

from datetime import timedelta

from django.shortcuts import render

from ticketshop.lib.forms import open_forms, posted

from . import waits


def csrf_failure(request, reason=""):
    """Show the page for a form with a missing, expired or foreign token.

    If the form came from a page of this site, the page contains the typed values with a new token and a button that posts them
    again; not if there is a password among them.
    """
    fields = []
    if open_forms.comes_from_us(request) and not posted.has_secret(request):
        fields = posted.fields(request)
    context = {"fields": fields, "has_file": bool(request.FILES), "address": request.get_full_path()}
    return render(request, "403_csrf.html", context, status=403)


class TooManyTries(Exception):
    """A limit is reached. ``ticketshop.middleware.Refuse`` answers with status 429.

    ``wait``: the time until the limit allows one more.
    """

    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.wait = wait


class PersonGone(Exception):
    """The person whose data were to be changed is being erased. ``ticketshop.middleware.Refuse`` answers with status 409."""


class LinkReplaced(Exception):
    """A link that was mailed earlier was replaced by a new one. ``ticketshop.middleware.Refuse`` answers with status 410."""


def link_replaced(request):
    """Show the page (410) for a link in an earlier mail that was replaced."""
    return render(request, "410.html", status=410)


def person_gone(request):
    """Show the page (409) for a person whose erasure has begun, or whose contact was merged with another."""
    return render(request, "409.html", status=409)


def method_not_allowed(request, allowed: str):
    """Show the page (405) for a URL that does not accept the method. ``allowed``: the methods, with commas."""
    response = render(request, "405.html", status=405)
    response.headers["Allow"] = allowed
    return response


def too_large(request):
    """Show the page (413) for a request that is larger than accepted; its body was not read."""
    return render(request, "413.html", status=413)


def too_many_requests(request, wait: timedelta):
    """Show the page (429) for a limit that is reached. ``wait``: the time until it allows one more."""
    response = render(request, "429.html", {"again_in": waits.again_in(wait)}, status=429)
    response.headers["Retry-After"] = str(int(waits.rounded(wait).total_seconds()))
    return response
