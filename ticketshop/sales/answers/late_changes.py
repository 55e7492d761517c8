"""What was typed on a page of answers or names that was opened while it could still be changed."""

from collections.abc import Iterable
from typing import Protocol

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _


class Entry(Protocol):
    """``why``: the sentence that says why it can't be changed, if so; ``prefix``: what the names of its fields begin with."""

    why: str

    @property
    def heading(self) -> str: ...

    @property
    def prefix(self) -> str: ...


def say_outcome(request: HttpRequest, entries: Iterable[Entry], saved: str) -> None:
    """Tell what became of a page that was sent: ``saved`` says what was saved, and is empty where nothing was.

    Of a ticket or form that can't be changed any more it is said that nothing of it was saved.
    """
    late = [
        str(entry.heading)
        for entry in entries
        if entry.why and any(name.startswith(f"{entry.prefix}-") for name in request.POST)
    ]
    if late:
        text = _("Not saved, because it can’t be changed any more: %(what)s.")
        messages.error(request, text % {"what": ", ".join(late)})
    if saved:
        messages.success(request, saved)
    elif not late:
        messages.info(request, _("Nothing has changed."))
