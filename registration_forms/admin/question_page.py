"""A question's page: its texts, rules, condition and choices."""

from datetime import datetime

from django.contrib import admin, messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.mixins.paged_inlines import PagedInlinesMixin
from ticketshop.office.translated_admin import TranslatedAdmin, in_language

from ..building import drafts
from ..definitions import Question
from ..field_types import TYPES
from ..models import Field
from . import publish_texts
from .choices import ChoiceInline
from .condition_fields import FIELDS
from .question_form import QuestionForm, full_text


def _is_asked(field: Field) -> bool:
    return field.archived_at is None


def _archive_question(field: Field) -> list[str]:
    return [
        _("From the next published version on the question is no longer asked."),
        _("Its answers and their export stay."),
    ]


def _why_not_archived(user, field: Field) -> str:
    if field.system_ref == Field.SystemRef.EMAIL and field.form.kind == "order":
        return _("An order form always asks for the e-mail address.")
    return _needed_text(drafts.dependants(field.form, field))


def _needed_text(dependants: list[Question]) -> str:
    """Return the sentence about the questions that depend on one; empty if there are none."""
    if not dependants:
        return ""
    names = ", ".join(publish_texts.quoted(question.label) for question in dependants)
    sentence = _("Other questions depend on this one: %(names)s. Change their conditions first.")
    return sentence % {"names": names}


def _archive(request, field: Field, now: datetime) -> Outcome:
    try:
        done = drafts.archive(field, by=request.user, now=now)
    except drafts.Needed as error:
        return messages.ERROR, _needed_text(error.questions)
    if done:
        return messages.SUCCESS, _("The question is archived.")
    return messages.WARNING, _("The question is archived already. Nothing has changed.")


ARCHIVE = Button(
    "archive",
    gettext_lazy("Archive"),
    ("registration_forms.change_field",),
    _is_asked,
    _archive_question,
    _archive,
    serious=True,
    why_not=_why_not_archived,
)


def _is_archived(field: Field) -> bool:
    return not _is_asked(field)


def _restore_question(field: Field) -> list[str]:
    return [_("The question comes back as the last one. Buyers are asked once the form is published.")]


def _why_not_restored(user, field: Field) -> str:
    if not drafts.has_room(field.form):
        return full_text()
    return _placed() if drafts.is_placed(field.form, field.system_ref) else ""


def _placed() -> str:
    return _("The form asks for this already: another question took its place.")


def _restore(request, field: Field, now: datetime) -> Outcome:
    try:
        done = drafts.restore(field, by=request.user, now=now)
    except drafts.Full:
        return messages.ERROR, full_text()
    except drafts.Placed:
        return messages.ERROR, _placed()
    if done:
        return messages.SUCCESS, _("The question is back.")
    return messages.WARNING, _("The question is back already. Nothing has changed.")


RESTORE = Button(
    "restore",
    gettext_lazy("Restore"),
    ("registration_forms.change_field",),
    _is_archived,
    _restore_question,
    _restore,
    why_not=_why_not_restored,
)


@admin.register(Field)
class FieldAdmin(PagedInlinesMixin, TranslatedAdmin):
    """A question. It is added on its form's page."""

    form = QuestionForm
    off_the_list = True
    translated = ("label", "help_text", "purpose")
    list_display = ["label", "form", "type_label"]
    list_select_related = ["form"]
    ordering = ["form_id", "position", "pk"]
    inlines = [ChoiceInline]
    buttons = (ARCHIVE, RESTORE)
    readonly_fields = ["form"]
    change_form_template = "admin/registration_forms/field/change_form.html"

    def has_add_permission(self, request):
        return False

    @admin.display(description=gettext_lazy("type"))
    def type_label(self, question):
        return TYPES[question.type].label

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("form__organiser")

    def get_inlines(self, request, obj):
        return self.inlines if obj and TYPES[obj.type].has_choices else []

    def languages(self, request, obj):
        return obj.form.organiser.languages if obj else super().languages(request, obj)

    def get_fieldsets(self, request, obj=None):
        """Put the columns of every question first. The other fieldsets are folded until one of their fields is used."""
        languages, changing = self.languages(request, obj), self.has_change_permission(request, obj)
        kind = TYPES[obj.type] if obj else None
        first = ["form", *(f"label_{code}" for code in languages), "type", "visibility"]
        if changing and kind and kind.has_choices:
            first.append("lines")
        helps = [f"help_text_{code}" for code in languages]
        fieldsets = [(None, {"fields": first})]
        rules = [f"rule_{name}" for name in kind.rule_names] if kind else []
        if rules and changing:
            fieldsets.append((gettext_lazy("What may be answered"), {"fields": rules}))
        fieldsets.append(
            (gettext_lazy("Help for buyers"), _folded(helps, any(getattr(obj, name) for name in helps)))
        )
        if changing:
            text = gettext_lazy("Without a condition it is always asked.")
            fieldsets.append(
                (gettext_lazy("When it is asked"), _folded(FIELDS, obj and obj.condition, description=text))
            )
        purposes = [f"purpose_{code}" for code in languages]
        more = ["sensitive", *purposes, "retention_days", "copyable", "on_ticket", "at_door", "staff_only"]
        used = obj and any((obj.sensitive, obj.retention_days, obj.on_ticket, obj.at_door, obj.staff_only))
        fieldsets.append((gettext_lazy("What happens with the answer"), _folded(more, used)))
        return fieldsets

    def get_form(self, request, obj=None, change=False, **kwargs):
        """Add the language to each label, because texts of several languages stand together."""
        form = super().get_form(request, obj, change=change, **kwargs)
        for name in self.translated:
            for code in self.languages(request, obj):
                if (field := form.base_fields.get(f"{name}_{code}")) is not None:
                    field.label = in_language(field.label, code)
                    if name == "label":
                        field.help_text = _("It may hold a link: [our rules](https://www.example.org).")
        return form

    def save_model(self, request, obj, form, change):
        columns = {field.name for field in obj._meta.concrete_fields}
        changed = {name for name in form.changed_data if name in columns}
        rules = form.rules()
        for name, value in (("rules", rules), ("condition", form.condition)):
            if getattr(obj, name) != value:
                setattr(obj, name, value)
                changed.add(name)
        if obj.sensitive and obj.copyable:
            obj.copyable = False
            changed.add("copyable")
        if any(name.startswith("purpose_") for name in changed):
            changed.add("purpose")  # the column in the database constraint
        if changed:
            obj.save(update_fields=sorted(changed))
        if lines := form.cleaned_data.get("lines"):
            drafts.add_choices(obj, lines, obj.form.organiser.languages[0])
        drafts.mark_changed(obj.form)

    def save_formset(self, request, form, formset, change):
        super().save_formset(request, form, formset, change)
        if getattr(formset, "deactivated", 0):
            messages.warning(
                request,
                _("Choices that buyers were offered are no longer offered; buyers who chose them keep them."),
            )

    def construct_change_message(self, request, form, formsets, add=False):
        """Record the fields of rules and of the condition as their two columns, and lines as added choices."""
        details = super().construct_change_message(request, form, formsets, add)
        if lines := form.cleaned_data.get("lines"):
            added = details.get("added", {})
            details["added"] = {**added, "choice": added.get("choice", 0) + len(lines)}
        names = {_column(name) for name in details.pop("columns", ()) if name != "lines"}
        return {**details, "columns": sorted(names)} if names else details

    def response_post_save_change(self, request, obj):
        if address := self.requested_part(request, obj):
            return redirect(address)
        page = reverse("admin:registration_forms_registrationform_change", args=[obj.form_id])
        return redirect(f"{page}#question-{obj.pk}")

    def links(self, request, row):
        page = reverse("admin:registration_forms_registrationform_change", args=[row.form_id])
        return [(_("Back to the form"), f"{page}#question-{row.pk}")]


def _folded(fields: list, used: object, **options) -> dict:
    """Return a fieldset that is folded while ``used`` is false."""
    return {"fields": fields, "classes": [] if used else ["collapse"], **options}


def _column(name: str) -> str:
    if name.startswith("when"):
        return "condition"
    return "rules" if name.startswith("rule_") else name
