"""Messages about a page of answers or names that was posted after some of it could no longer be changed."""

from collections.abc import Iterable
from typing import Protocol

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _


class EditableItem(Protocol):
    """A ticket or form on such a page.

    ``why``: the sentence that states why it can't be changed; empty if it can. ``prefix``: the beginning of
    its field names.
    """

    why: str

    @property
    def heading(self) -> str:
        """Return the heading on the page."""

    @property
    def prefix(self) -> str:
        """Return the beginning of the names of its fields."""


def say_outcome(request: HttpRequest, items: Iterable[EditableItem], saved: str) -> None:
    """Show what became of a posted page. ``saved``: the message about what was saved; empty if nothing was.

    Items that can't be changed any more are named in an error, as not saved.
    """
    late = [
        str(item.heading)
        for item in items
        if item.why and any(name.startswith(f"{item.prefix}-") for name in request.POST)
    ]
    if late:
        text = _("Not saved, because it can’t be changed any more: %(what)s.")
        messages.error(request, text % {"what": ", ".join(late)})
    if saved:
        messages.success(request, saved)
    elif not late:
        messages.info(request, _("Nothing has changed."))
