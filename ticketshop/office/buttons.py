"""Buttons on a row's page: each asks once more, and then calls one action.

The button is a link to a page that says what will happen; the form there is a POST. Both check the permission at the row.
Where more is to be said than yes, the question has fields, or the button opens a page of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.db.models import Model
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from ticketshop.submissions import saved_forms

# The level of a message (django.contrib.messages) and a sentence: what came of it.
Outcome = tuple[int, str]


def always(row: Model) -> bool:
    return True


@dataclass(frozen=True)
class Button:
    """``name`` ends the address. ``offered``: whether the page shows it now; ``question``: what will happen, in sentences;
    ``press``: does it, whatever the page showed, and says what came of it. With ``form``, called with what was
    posted and the row, the question has fields, and ``press`` gets what was entered as a fourth argument.
    A button that is not ``pressable`` any more is drawn all the same; the page says why (``ScopedAdmin.notes``)."""

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool]
    question: Callable[[Model], list[str]]
    press: Callable[..., Outcome]
    serious: bool = False
    form: Callable[..., Form] | None = None
    pressable: Callable[[Model], bool] = always


@dataclass(frozen=True)
class Elsewhere:
    """A button that leads to another page: ``name`` is that of its route, which takes the row's number, or that of
    the row it is ``about``."""

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool] = always
    serious: bool = False
    about: str = "pk"


@dataclass(frozen=True)
class OwnPage:
    """A button that opens a page of its own: ``view(admin_page, request, row)``, called once the permissions are there."""

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool]
    view: Callable[..., HttpResponse]
    serious: bool = False


def drawn(form: Form, fields: list[str] | None = None) -> AdminForm:
    """A form as the back office draws its own; with ``fields``, only these. ``admin/parts/form.html`` adds the hidden ones."""
    names = list(form.fields) if fields is None else fields
    visible = [name for name in names if not form.fields[name].widget.is_hidden]
    return AdminForm(form, [(None, {"fields": visible})], {})


class ButtonsMixin:
    """For a ``ScopedAdmin``: its ``buttons``."""

    buttons: tuple[Button | OwnPage | Elsewhere, ...] = ()

    @classmethod
    def offer(cls, button: Button | OwnPage, after: str = "") -> None:
        """Add a button of a room above this page's to the others: behind the one named ``after``, or last."""
        names = [one.name for one in cls.buttons]
        place = names.index(after) + 1 if after else len(names)
        cls.buttons = (*cls.buttons[:place], button, *cls.buttons[place:])

    def get_urls(self):
        own = (self._url(button) for button in self.buttons if not isinstance(button, Elsewhere))
        return [*own, *super().get_urls()]

    def _where(self, button: Button | OwnPage | Elsewhere, row: Model) -> str:
        """The address a button leads to; empty where it can't be pressed."""
        if isinstance(button, Elsewhere):
            return reverse(button.name, args=[getattr(row, button.about)])
        if isinstance(button, Button) and not button.pressable(row):
            return ""
        return reverse(f"admin:{self._address(button)}", args=[row.pk])

    def _address(self, button: Button | OwnPage) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{button.name.replace('-', '_')}"

    def _url(self, button: Button | OwnPage):
        @saved_forms.shows_saved_form
        def view(request, object_id):
            return self.button_view(request, object_id, button)

        return path(
            f"<path:object_id>/{button.name}/", self.admin_site.admin_view(view), name=self._address(button)
        )

    def button_view(self, request: HttpRequest, object_id: str, button: Button | OwnPage):
        """GET asks, POST does."""
        row = self.row_for(request, object_id, *button.permissions)
        kept = saved_forms.find(request)
        if isinstance(button, OwnPage):
            return saved_forms.resend_page(request, kept) if kept else button.view(self, request, row)
        posted = request.method == "POST"
        data = request.POST if posted else (kept.data if kept else None)
        form = button.form(data, row) if button.form else None
        if posted and (form is None or form.is_valid()):
            entered = [form.cleaned_data] if form else []
            level, sentence = button.press(request, row, timezone.now(), *entered)
            messages.add_message(request, level, sentence)
            return self.back_to(row)
        context = {
            **self.about_row(request, row, button.label),
            "button": button,
            "sentences": button.question(row),
            "form": drawn(form) if form else None,
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def about_row(self, request: HttpRequest, row: Model, title: str) -> dict:
        """What every page about one row tells its template."""
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(row),
            "row": row,
            "opts": self.opts,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]),
        }

    def _offered(self, request: HttpRequest, row: Model) -> list[Button | OwnPage | Elsewhere]:
        return [
            button
            for button in self.buttons
            if button.offered(row) and all(request.user.has_perm(name, row) for name in button.permissions)
        ]

    def address_of(self, request: HttpRequest, row: Model, name: str) -> str:
        """Return the address of the page that the button of this name opens; empty where the user is not offered it."""
        found = [button for button in self._offered(request, row) if button.name == name]
        return self._where(found[0], row) if found else ""

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            context["buttons"] = [
                (button, self._where(button, obj)) for button in self._offered(request, obj)
            ]
        return super().render_change_form(request, context, add, change, form_url, obj)
