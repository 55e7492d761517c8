"""Buttons on a row's page: each asks once more, and then calls one action.

The button is a link to a page that says what will happen; the form there is a POST. Both check the permission at the row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

# The level of a message (django.contrib.messages) and a sentence: what came of it.
Outcome = tuple[int, str]


@dataclass(frozen=True)
class Button:
    """``name`` ends the address. ``offered``: whether the page shows it now; ``question``: what will happen, in sentences;
    ``press``: does it, whatever the page showed, and says what came of it."""

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool]
    question: Callable[[Model], list[str]]
    press: Callable[[HttpRequest, Model, datetime], Outcome]
    serious: bool = False


class WithButtons:
    """For a ``ScopedAdmin``: its ``buttons``."""

    buttons: tuple[Button, ...] = ()

    def get_urls(self):
        return [*(self._url(button) for button in self.buttons), *super().get_urls()]

    def _address(self, button: Button) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{button.name.replace('-', '_')}"

    def _url(self, button: Button):
        def view(request, object_id):
            return self.button_view(request, object_id, button)

        return path(
            f"<path:object_id>/{button.name}/", self.admin_site.admin_view(view), name=self._address(button)
        )

    def button_view(self, request: HttpRequest, object_id: str, button: Button):
        """GET asks, POST does."""
        row = self.row_for(request, object_id, *button.permissions)
        if request.method == "POST":
            level, sentence = button.press(request, row, timezone.now())
            messages.add_message(request, level, sentence)
            return self.back_to(row)
        context = {
            **self.admin_site.each_context(request),
            "title": button.label,
            "subtitle": str(row),
            "row": row,
            "opts": self.opts,
            "button": button,
            "sentences": button.question(row),
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]),
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            context["buttons"] = [
                (button, reverse(f"admin:{self._address(button)}", args=[obj.pk]))
                for button in self.buttons
                if button.offered(obj)
                and all(request.user.has_perm(name, obj) for name in button.permissions)
            ]
        return super().render_change_form(request, context, add, change, form_url, obj)
