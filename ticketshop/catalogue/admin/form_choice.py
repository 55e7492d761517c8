"""The select field that chooses a form: its options, where forms are made, and the message after a choice."""

from collections.abc import Callable, Iterable

from django.db import models
from django.forms import BaseForm, ModelChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from registration_forms.models import RegistrationForm


class FormChoice(ModelChoiceField):
    """A select of forms by name. The option of an unpublished form states that it asks nothing yet."""

    def label_from_instance(self, form):
        if form.published_id is None:
            return _("%(form)s (not published yet)") % {"form": form.name}
        return form.name


# Functions of higher packages that tell staff something after a form was chosen: the catalogue can't import
# what is sold.
TELLERS: list[Callable[[HttpRequest, RegistrationForm], None]] = []


def chosen(forms: Iterable[BaseForm]) -> set[RegistrationForm]:
    """Return the registration forms that were just chosen on these Django forms of a page."""
    return {
        form.cleaned_data[name]
        for form in forms
        for name in form.changed_data
        if isinstance(form.fields.get(name), FormChoice) and form.cleaned_data.get(name) is not None
    }


class TellsOfForms:
    """Mixin for a ``ModelAdmin`` whose page or inlines choose forms."""

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        rows = [
            row_form
            for formset in formsets
            for row_form in formset.forms
            if row_form not in formset.deleted_forms
        ]
        for registration_form in sorted(chosen([form, *rows]), key=lambda chosen_form: chosen_form.pk):
            for tell in TELLERS:
                tell(request, registration_form)


class AsksForms:
    """Mixin for pages and inlines with keys to forms. Without popups: a form is made on a separate page, with
    its questions.
    """

    def formfield_for_foreignkey(self, db_field: models.ForeignKey, request, **kwargs):
        if db_field.remote_field.model is RegistrationForm:
            kwargs["form_class"] = FormChoice
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: models.Field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.is_relation and db_field.remote_field.model is RegistrationForm:
            field.widget.can_add_related = False
            field.help_text = format_html(
                _('Forms are made and changed <a href="{}">on their own pages</a>.'),
                reverse("admin:registration_forms_registrationform_changelist"),
            )
        return field
