"""A question that a page of the back office asks before it saves a row: what the change means for rows of other packages.

A package above says for which pages (``ScopedAdmin.ask_first``). Everything is written, then the package looks at what is different;
if it has a question that was not answered, all of it is rolled back, and the question is shown with what was typed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import FileField, Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from .buttons import drawn

# What the question's page posts beside the row's own form: the question answered, and back to the form.
CONFIRMED, EDIT = "_confirmed", "_edit"
# Before the names of the question's own fields.
PREFIX = "ask"


@dataclass(frozen=True)
class Question:
    """``sentences``: what will happen. ``fingerprint``: names exactly this question, so that another one is asked anew.

    ``form``, called with what was posted and a prefix, gives the question fields of its own.
    """

    title: str
    button: str
    sentences: list[str]
    fingerprint: str
    form: Callable[..., forms.Form] | None = None


class Watch(Protocol):
    """Made with the row before it is written; both functions are called after, in the same transaction."""

    def question(self) -> Question | None:
        """What to ask; None where the change means nothing for anybody."""

    def carry_out(self, request: HttpRequest, entered: dict, now: datetime) -> str:
        """Do what the question announced; returns the sentence that says so. ``entered``: what the question's form holds."""


class ConfirmationNeeded(Exception):
    """The row is not to be saved before this question is answered."""

    def __init__(self, row: Model, question: Question, form: forms.Form | None, files: list[tuple[str, str]]):
        super().__init__(question.title)
        self.row, self.question, self.form, self.files = row, question, form, files


class ConfirmationMixin:
    """For ``ScopedAdmin``: pages that ask before they save."""

    _watch: Callable[[Model], Watch] | None = None

    @classmethod
    def ask_first(cls, watch: Callable[[Model], Watch]) -> None:
        """Have the pages of this class watched."""
        cls._watch = staticmethod(watch)

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        if EDIT not in request.POST:
            return form

        class NotYet(form):
            """Drawn once more, with everything typed."""

            def clean(self):
                values = super().clean()
                self.add_error(None, forms.ValidationError(_not_yet(), code=EDIT))
                return values

        return NotYet

    def render_change_form(self, request, context, *args, **kwargs):
        """Going back to the form is no error: where it is the only one, the page says it as a message."""
        form = context["adminform"].form
        only = len(context["errors"] or []) == 1 and form.has_error(NON_FIELD_ERRORS, code=EDIT)
        if only and len(form.non_field_errors()) == 1:
            context["errors"] = []
            messages.info(request, _not_yet())
        return super().render_change_form(request, context, *args, **kwargs)

    def start_watch(self, request, obj) -> None:
        """Call before the row is written."""
        request.watch = self._watch(obj) if self._watch else None

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        watch = getattr(request, "watch", None)
        question = watch.question() if watch else None
        if question is None:
            return
        confirmed = request.POST.get(CONFIRMED) == question.fingerprint
        asked = question.form(request.POST if confirmed else None, prefix=PREFIX) if question.form else None
        if not confirmed or (asked is not None and not asked.is_valid()):
            raise ConfirmationNeeded(form.instance, question, asked, _take_back_files(form))
        entered = asked.cleaned_data if asked is not None else {}
        messages.success(request, watch.carry_out(request, entered, timezone.now()))

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ConfirmationNeeded as ask:
            return self._ask(request, ask)

    def _ask(self, request, ask: ConfirmationNeeded):
        row = type(ask.row)._default_manager.get(pk=ask.row.pk)
        own = {CONFIRMED, EDIT, "csrfmiddlewaretoken"}
        context = {
            **self.about_row(request, row, ask.question.title),
            "question": ask.question,
            "form": drawn(ask.form) if ask.form else None,
            "files": ask.files,
            "posted": [
                (name, value)
                for name, values in request.POST.lists()
                if name not in own and not name.startswith(f"{PREFIX}-")
                for value in values
            ],
        }
        return TemplateResponse(request, "admin/ask_first.html", context)


def _not_yet() -> str:
    return _("Nothing is saved yet. Change what you like, then save.")


def _take_back_files(form: forms.ModelForm) -> list[tuple[str, str]]:
    """Delete the uploaded files that were stored with the row; name and label of their fields: they are chosen again."""
    columns = {field.name: field for field in form.instance._meta.concrete_fields}
    taken = []
    for name in form.changed_data:
        if isinstance(columns.get(name), FileField) and form.files.get(form.add_prefix(name)):
            stored = getattr(form.instance, name)
            stored.storage.delete(stored.name)
            taken.append((form.add_prefix(name), str(form.fields[name].label)))
    return taken
