"""Buttons on a row's page. Each shows a confirmation page and then calls one function.

The button is a link to a page that tells what will happen; the form there is posted. Both check the permissions for the
row. If the user must enter something, the confirmation page has form fields, or the button opens its own page.
The page of a button that can't be pressed now is not opened by its URL either: the user is back on the row's page and reads why.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ticketshop.submissions import saved_forms

from . import staff_sessions

# The level of a message (django.contrib.messages) and the sentence that tells the result.
Outcome = tuple[int, str]


def always(row: Model) -> bool:
    """Return True: the default for buttons that are always offered."""
    return True


def never(row: Model) -> bool:
    """Return False."""
    return False


def no_reason(user, row: Model) -> str:
    """Return an empty text: the default for buttons that can be pressed wherever they are offered."""
    return ""


@dataclass(frozen=True)
class Button:
    """A button with a confirmation page.

    ``name`` is the end of the URL. ``offered``: whether the row's page shows the button now. ``why_not(user, row)``: the sentence that
    tells why a button that is offered can't be pressed all the same; empty if it can. Then the row's page shows that sentence instead of the
    button, so it also tells what to do. ``why_not_offered(user, row)``: the sentence for somebody who opens the page of a button by its URL
    while it is not offered; empty if there is nothing to tell. ``question``: sentences that tell what will happen. ``press(request, row, now)``: does it, checks the state of the row again, and returns the outcome. With
    ``form``, which gets the posted data and the row, the page has fields, and ``press`` gets the cleaned data as fourth argument.
    A ValidationError that it raises, or an outcome of the level ERROR, is shown in the form, with what was entered.
    ``asks_password``: whether the password is asked again if the log-in is not recent.
    """

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool]
    question: Callable[[Model], list[str]]
    press: Callable[..., Outcome]
    serious: bool = False
    form: Callable[..., Form] | None = None
    asks_password: Callable[[Model], bool] = never
    why_not: Callable[..., str] = no_reason
    why_not_offered: Callable[..., str] = no_reason
    on_page = True
    explains = False


@dataclass(frozen=True)
class Elsewhere:
    """A button that links to another page.

    ``name`` is the name of its URL, which gets the primary key of the row, or the attribute of the row named by ``about``.
    """

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool] = always
    serious: bool = False
    about: str = "pk"
    on_page = True
    why_not = staticmethod(no_reason)


@dataclass(frozen=True)
class OwnPage:
    """A button that opens its own page: ``view(admin_page, request, row)``, called after the permissions were checked.

    ``on_page``: False for a page to which other pages link, and not the buttons of the row. ``explains``: True for a page that is opened also if its
    button is not offered, because it tells more about it. ``offered``, ``why_not`` and ``why_not_offered`` are those of ``Button``.
    """

    name: str
    label: str
    permissions: tuple[str, ...]
    offered: Callable[[Model], bool]
    view: Callable[..., HttpResponse]
    serious: bool = False
    on_page: bool = True
    explains: bool = False
    why_not: Callable[..., str] = no_reason
    why_not_offered: Callable[..., str] = no_reason


def drawn(form: Form, fields: list[str] | None = None) -> AdminForm:
    """Return a form for the template ``admin/parts/form.html``, which draws it as the back office draws its own forms.

    With ``fields``, only these are drawn. The template adds the hidden fields. Labels begin with a capital letter, as those of columns do.
    """
    names = list(form.fields) if fields is None else fields
    visible = [name for name in names if not form.fields[name].widget.is_hidden]
    for name in visible:
        form.fields[name].label = capfirst(form[name].label)
    return AdminForm(form, [(None, {"fields": visible})], {})


class ButtonsMixin:
    """For a ``ScopedAdmin``: the buttons of its rows."""

    buttons: tuple[Button | OwnPage | Elsewhere, ...] = ()

    @classmethod
    def offer(cls, button: Button | OwnPage, after: str = "") -> None:
        """Add a button of a higher package, behind the button named ``after`` or last."""
        names = [existing.name for existing in cls.buttons]
        place = names.index(after) + 1 if after else len(names)
        cls.buttons = (*cls.buttons[:place], button, *cls.buttons[place:])

    def get_urls(self):
        own = (self._url(button) for button in self.buttons if not isinstance(button, Elsewhere))
        return [*own, *super().get_urls()]

    def _where(self, button: Button | OwnPage | Elsewhere, row: Model) -> str:
        """Return the URL of a button."""
        if isinstance(button, Elsewhere):
            return reverse(button.name, args=[getattr(row, button.about)])
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
        """Show the confirmation page on GET, and press the button on POST. If it can't be pressed now, redirect to the row's page."""
        row = self.row_for(request, object_id, *button.permissions)
        if refusal := self._refusal(request, row, button):
            messages.warning(request, refusal)
            return self.back_to(row)
        saved = saved_forms.find(request)
        if isinstance(button, OwnPage):
            return saved_forms.resend_page(request, saved) if saved else button.view(self, request, row)
        if button.asks_password(row) and not staff_sessions.is_fresh(request):
            return staff_sessions.ask_password(request)
        posted = request.method == "POST"
        data = request.POST if posted else (saved.data if saved else None)
        form = button.form(data, row) if button.form else None
        if posted and (form is None or form.is_valid()):
            entered = [form.cleaned_data] if form else []
            try:
                level, sentence = button.press(request, row, timezone.now(), *entered)
            except ValidationError as error:
                if form is None:
                    raise
                form.add_error(None, error)
            else:
                if form is None or level < messages.ERROR:
                    messages.add_message(request, level, sentence)
                    return self.back_to(row)
                form.add_error(None, sentence)
        context = {
            **self.about_row(request, row, button.label),
            "button": button,
            "sentences": button.question(row),
            "form": drawn(form) if form else None,
            "saved": saved,
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def heading(self, row: Model) -> str:
        """Return how the pages about a row name it. For rows whose text is only a number this is the place to say more."""
        return str(row)

    def about_row(self, request: HttpRequest, row: Model, title: str) -> dict:
        """Return the template context that all pages about one row share."""
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": self.heading(row),
            "row": row,
            "opts": self.opts,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]),
        }

    def _refusal(self, request: HttpRequest, row: Model, button: Button | OwnPage) -> str:
        """Return why the page of a button is not opened now, in sentences; empty if it is."""
        if button.explains:
            return ""
        offered = button.offered(row)
        reason = (button.why_not if offered else button.why_not_offered)(request.user, row)
        if offered and not reason:
            return ""
        text = _("“%(button)s” is not possible now.") % {"button": button.label}
        return f"{text} {reason or _('Nothing has changed.')}"

    def _of_page(self, request: HttpRequest, row: Model) -> list[tuple[Button | OwnPage | Elsewhere, str]]:
        """Return the buttons of a row's page that the user may press, each with the sentence why it can't be pressed now, if it can't."""
        return [
            (button, button.why_not(request.user, row))
            for button in self.buttons
            if self._is_offered(request, row, button)
        ]

    def _is_offered(self, request: HttpRequest, row: Model, button: Button | OwnPage | Elsewhere) -> bool:
        """Return whether a row's page has the button, or the sentence why it can't be pressed now, for this user."""
        permitted = all(request.user.has_perm(name, row) for name in button.permissions)
        return button.on_page and permitted and button.offered(row)

    def back_to_button(self, row: Model, name: str) -> HttpResponse:
        """Return a redirect to the page that the button of this name opens for the row."""
        return redirect(self._where(next(button for button in self.buttons if button.name == name), row))

    def address_of(self, request: HttpRequest, row: Model, name: str) -> str:
        """Return the URL of the page that the button of this name opens; empty if the user does not see the button."""
        for button in self.buttons:
            if (
                button.name == name
                and self._is_offered(request, row, button)
                and not button.why_not(request.user, row)
            ):
                return self._where(button, row)
        return ""

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            context["subtitle"] = self.heading(obj)
            of_page = self._of_page(request, obj)
            context["buttons"] = [
                (button, self._where(button, obj)) for button, why_not in of_page if not why_not
            ]
            context["refused"] = [(button, why_not) for button, why_not in of_page if why_not]
        return super().render_change_form(request, context, add, change, form_url, obj)
