"""A question that a page asks before it saves a row, about the effect of the change on rows of other packages.

A higher package adds the question to a page (``ScopedAdmin.ask_first``). The page saves the row, then the package looks at
what changed. If its question was not answered yet, the transaction is rolled back and the question is shown together with the
posted values.
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

from ..buttons import drawn

# Names that the page of the question posts in addition: the answered question, and the button back to the form.
CONFIRMED, EDIT = "_confirmed", "_edit"
# Prefix of the question's own fields.
PREFIX = "ask"


@dataclass(frozen=True)
class Question:
    """A question to confirm.

    ``sentences`` tell what will happen. ``fingerprint`` identifies this exact question: if the effect changes, the new question is
    asked again. ``form``, called with the posted data and a prefix, adds fields to the question.
    """

    title: str
    button: str
    sentences: list[str]
    fingerprint: str
    form: Callable[..., forms.Form] | None = None


class Watch(Protocol):
    """Created with the row before it is saved; its methods are called after that, in the same transaction."""

    def question(self) -> Question | None:
        """Return the question to ask, or None if the change affects nothing else."""

    def carry_out(self, request: HttpRequest, entered: dict, now: datetime) -> str:
        """Do what the question announced and return the sentence about it. ``entered``: cleaned data of the question's form."""


class ConfirmationNeeded(Exception):
    """The row must not be saved before this question is answered."""

    def __init__(self, row: Model, question: Question, form: forms.Form | None, files: list[tuple[str, str]]):
        super().__init__(question.title)
        self.row, self.question, self.form, self.files = row, question, form, files


class ConfirmationMixin:
    """For ``ScopedAdmin``: pages that ask before they save."""

    _watch: Callable[[Model], Watch] | None = None

    @classmethod
    def ask_first(cls, watch: Callable[[Model], Watch]) -> None:
        """Set the watch of the pages of this class."""
        cls._watch = staticmethod(watch)

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        if EDIT not in request.POST:
            return form

        class EditAgain(form):
            """Shows the form again with the posted values."""

            def clean(self):
                values = super().clean()
                self.add_error(None, forms.ValidationError(_not_saved_yet(), code=EDIT))
                return values

        return EditAgain

    def render_change_form(self, request, context, *args, **kwargs):
        """Show going back to the form as a message, not as an error, if there is no other error."""
        form = context["adminform"].form
        only = len(context["errors"] or []) == 1 and form.has_error(NON_FIELD_ERRORS, code=EDIT)
        if only and len(form.non_field_errors()) == 1:
            context["errors"] = []
            messages.info(request, _not_saved_yet())
        return super().render_change_form(request, context, *args, **kwargs)

    def start_watch(self, request, obj) -> None:
        """Create the watch. Call it before the row is saved."""
        request.watch = self._watch(obj) if self._watch else None

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        watch = getattr(request, "watch", None)
        question = watch.question() if watch else None
        if question is None:
            return
        confirmed = request.POST.get(CONFIRMED) == question.fingerprint
        question_form = (
            question.form(request.POST if confirmed else None, prefix=PREFIX) if question.form else None
        )
        if not confirmed or (question_form is not None and not question_form.is_valid()):
            raise ConfirmationNeeded(form.instance, question, question_form, _take_back_files(form))
        entered = question_form.cleaned_data if question_form is not None else {}
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


def _not_saved_yet() -> str:
    return _("Nothing is saved yet. Change what you like, then save.")


def _take_back_files(form: forms.ModelForm) -> list[tuple[str, str]]:
    """Delete the uploaded files of the row that is not saved. Return (name, label) of their fields, to be chosen again."""
    columns = {field.name: field for field in form.instance._meta.concrete_fields}
    taken = []
    for name in form.changed_data:
        if isinstance(columns.get(name), FileField) and form.files.get(form.add_prefix(name)):
            stored = getattr(form.instance, name)
            stored.storage.delete(stored.name)
            taken.append((form.add_prefix(name), str(form.fields[name].label)))
    return taken
