"""The list of forms, and a form's page: its questions in order, and the buttons for it."""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.values.text import number_in
from ticketshop.office.buttons import Button, Outcome, OwnPage
from ticketshop.office.scoped_admin import ScopedAdmin, ScopedForm
from ticketshop.office.sections import NONE

from .. import definitions
from ..building import drafts, publishing
from ..building.ready_made_forms import READY_MADE
from ..definitions import Definition, parse
from ..field_types import TYPES
from ..models import Field, RegistrationForm
from . import add_question_page, copy_page, preview_page, publish_page, publish_texts, used_by, versions_page
from .question_form import full_text

CHANGE = ("registration_forms.change_registrationform",)
ADD_QUESTION = (*CHANGE, "registration_forms.add_field")


class RegistrationFormForm(ScopedForm):
    class Meta:
        widgets = {"group_asks": forms.RadioSelect}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ready_made = ""
        if self.instance._state.adding and "kind" in self.fields:
            self.fields["kind"] = forms.ChoiceField(
                label=self.fields["kind"].label,
                choices=_kinds(),
                help_text=_("A ready-made form has its questions already: change them as you like."),
            )

    def clean_name(self):
        return " ".join(self.cleaned_data["name"].split())

    def clean_kind(self):
        kind, _colon, self.ready_made = self.cleaned_data["kind"].partition(":")
        return kind


def _kinds() -> list:
    """Return the choices of kind: an empty form, and the ready-made forms of each kind."""
    choices = [("", _("Choose…"))]
    for kind in RegistrationForm.Kind:
        options = [(kind.value, _("empty, to begin with your own questions"))]
        options += [
            (f"{kind.value}:{ready_made.code}", capfirst(str(ready_made.name)))
            for ready_made in READY_MADE
            if ready_made.kind == kind.value
        ]
        choices.append((capfirst(kind.label), options))
    return choices


def _in_use(form: RegistrationForm) -> bool:
    return form.archived_at is None


def _archive_question(form: RegistrationForm) -> list[str]:
    return [
        _("The form can no longer be chosen for tariffs, passes and shops."),
        _("Its answers and their export stay."),
    ]


def _why_not_archived(user, form: RegistrationForm) -> str:
    if not used_by.is_used(form):
        return ""
    return _("The form is still asked: take it off the tariffs, passes and shops listed below first.")


def _why_full(user, form: RegistrationForm) -> str:
    if drafts.has_room(form):
        return ""
    return full_text()


def _archive(request, form: RegistrationForm, now: datetime) -> Outcome:
    if sentence := _why_not_archived(request.user, form):
        return messages.ERROR, sentence
    drafts.set_archived(form, True, by=request.user, now=now)
    return messages.SUCCESS, _("The form is archived.")


def _restore_question(form: RegistrationForm) -> list[str]:
    return [_("The form can be chosen for tariffs, passes and shops again.")]


def _restore(request, form: RegistrationForm, now: datetime) -> Outcome:
    drafts.set_archived(form, False, by=request.user, now=now)
    return messages.SUCCESS, _("The form is back.")


def _is_archived(form: RegistrationForm) -> bool:
    return not _in_use(form)


def _is_published(form: RegistrationForm) -> bool:
    return form.published_id is not None


PREVIEW = OwnPage(
    "preview",
    gettext_lazy("Preview as buyer"),
    ("registration_forms.view_registrationform",),
    _in_use,
    preview_page.view,
)
PUBLISH = OwnPage("publish", gettext_lazy("Publish"), CHANGE, _in_use, publish_page.view)
VERSIONS = OwnPage(
    "versions",
    gettext_lazy("Versions"),
    ("registration_forms.view_registrationform",),
    _is_published,
    versions_page.view,
    why_not_offered=lambda user, form: _("The form was not published yet."),
)
ADD = OwnPage(
    "add-question",
    gettext_lazy("Add a question"),
    ADD_QUESTION,
    _in_use,
    add_question_page.view,
    why_not=_why_full,
)
COPY = OwnPage(
    "copy",
    gettext_lazy("Copy to another season"),
    ("registration_forms.view_registrationform", "registration_forms.add_registrationform"),
    _in_use,
    copy_page.view,
)
ARCHIVE = Button(
    "archive",
    gettext_lazy("Archive"),
    CHANGE,
    _in_use,
    _archive_question,
    _archive,
    serious=True,
    why_not=_why_not_archived,
)
RESTORE = Button("restore", gettext_lazy("Restore"), CHANGE, _is_archived, _restore_question, _restore)


@admin.register(RegistrationForm)
class RegistrationFormAdmin(ScopedAdmin):
    form = RegistrationFormForm
    list_display = ["name", "kind_text", "used_by_text", "answers_text", "version_text", "draft_text"]
    list_filter = ["kind"]
    list_select_related = ["organiser", "published"]
    ordering = ["-pk"]
    search_fields = ["name"]
    buttons = (ADD, PREVIEW, PUBLISH, VERSIONS, COPY, ARCHIVE, RESTORE)
    change_form_template = "admin/registration_forms/registrationform/change_form.html"
    fieldsets = [
        (None, {"fields": ["name", "kind"]}),
        (
            gettext_lazy("More settings"),
            {"fields": ["group_asks", "editable_until"], "classes": ["collapse"]},
        ),
    ]

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), *(["kind"] if obj else [])]

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or obj.kind == RegistrationForm.Kind.TARIFF:
            return fieldsets
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field != "group_asks"]})
            for name, options in fieldsets
        ]

    # --- the list ------------------------------------------------------------------------------------
    def get_changelist_instance(self, request):
        page = super().get_changelist_instance(request)
        rows = {row.pk: row for row in page.result_list}
        used, answered = used_by.counts(list(rows)), used_by.answers(list(rows))
        fields: dict[int, list[Field]] = {pk: [] for pk in rows}
        drafted_fields = Field.objects.filter(form__in=rows, archived_at=None).prefetch_related("choices")
        for field in drafted_fields.order_by("position", "pk"):
            fields[field.form_id].append(field)
        for pk, row in rows.items():
            row.used, row.answered = used[pk], answered[pk]
            row.differs = publishing.differs(row, fields[pk])
        return page

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_text(self, form):
        return form.get_kind_display()

    @admin.display(description=gettext_lazy("used by"))
    def used_by_text(self, form):
        return used_by.text(form.used) or NONE

    @admin.display(description=gettext_lazy("answers"))
    def answers_text(self, form):
        return form.answered

    @admin.display(description=gettext_lazy("published"))
    def version_text(self, form):
        return _("version %(number)d") % {"number": form.published.number} if form.published else NONE

    @admin.display(description=gettext_lazy("draft"))
    def draft_text(self, form):
        if form.archived_at:
            return _("archived")
        return _("not published yet") if form.differs else NONE

    # --- the page ------------------------------------------------------------------------------------
    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            drafts.add_first_questions(obj, form.ready_made)
        elif "group_asks" in form.changed_data:
            drafts.mark_changed(obj)

    def response_add(self, request, obj, post_url_continue=None):
        if IS_POPUP_VAR in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("The form is there. Now add its questions."))
        return self.back_to(obj)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if object_id and request.method == "POST" and "_move" in request.POST:
            return self._move(request, object_id)
        if object_id and request.method == "POST" and "_duplicate" in request.POST:
            return self._duplicate(request, object_id)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _move(self, request, object_id):
        row = self.row_for(request, object_id, *CHANGE)
        direction, number, place = (*request.POST["_move"].split(":"), "", "")[:3]
        revision = request.POST.get("revision", "")
        if not (direction in (drafts.UP, drafts.DOWN, "to") and _is_number(number) and _is_number(revision)):
            raise PermissionDenied
        if direction == "to" and not _is_number(place):
            raise PermissionDenied
        way = int(place) if direction == "to" else direction
        page = reverse("admin:registration_forms_registrationform_change", args=[row.pk])
        try:
            moved = drafts.move(
                row, int(number), way, revision=int(revision), by=request.user, now=timezone.now()
            )
        except drafts.Changed:
            messages.error(
                request,
                _(
                    "Somebody else changed this form meanwhile. Nothing was moved: look at it, and move again."
                ),
            )
            return redirect(page)
        return redirect(f"{page}#question-{moved.pk}" if moved else page)

    def _duplicate(self, request, object_id):
        row = self.row_for(request, object_id, *ADD_QUESTION)
        number = number_in(request.POST["_duplicate"], digits=17)
        field = row.fields.filter(pk=number, archived_at=None).first() if number else None
        if field is None:
            raise PermissionDenied
        try:
            made = drafts.duplicate(field, by=request.user, now=timezone.now())
        except drafts.Full:
            messages.error(request, full_text())
            return self.back_to(row)
        messages.success(request, _("The copy is here. Change what it asks."))
        return redirect(reverse("admin:registration_forms_field_change", args=[made.pk]))

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            built = parse(definitions.build(obj))
            context["questions"] = _rows(obj, built)
            context["problems"] = publish_texts.problems(publishing.problems_of(obj, built), built, obj)
            context["differs"] = publishing.differs(obj)
            context["used"] = used_by.is_used(obj)
            context["assign_url"] = self.address_of(request, obj, used_by.ASSIGN)
            context["may_move"] = self.has_change_permission(request, obj)
            context["may_add"] = all(request.user.has_perm(name, obj) for name in ADD_QUESTION)
            context["add_url"] = self.address_of(request, obj, ADD.name)
            context["archived"] = obj.fields.exclude(archived_at=None).order_by("-archived_at")
        return super().render_change_form(request, context, add, change, form_url, obj)

    def sections(self, request, row):
        return [used_by.section(row)]


def _is_number(text: str) -> bool:
    return number_in(text, digits=17) is not None


def _rows(form: RegistrationForm, built: Definition) -> list[dict]:
    """Return the questions as the template lists them."""
    rows = {field.key: field for field in form.fields.filter(archived_at=None)}
    questions = [
        {
            "row": rows[question.key],
            "number": number,
            "label": question.label,
            "type": TYPES[question.type].label,
            "shown": rows[question.key].get_visibility_display(),
            "known": bool(question.system_ref),
            "condition": publish_texts.condition(question, built),
            "url": reverse("admin:registration_forms_field_change", args=[rows[question.key].pk]),
        }
        for number, question in enumerate(built.questions, 1)
    ]
    for number, question_row in enumerate(questions):
        question_row["first"], question_row["last"] = number == 0, number == len(questions) - 1
    return questions
