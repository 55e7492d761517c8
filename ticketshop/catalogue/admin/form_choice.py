"""The select that chooses a form: what it offers, where forms are made, and who is told of what was chosen."""

from collections.abc import Callable, Iterable

from django.db import models
from django.forms import BaseForm, ModelChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from registration_forms.models import RegistrationForm


class FormChoice(ModelChoiceField):
    """A form by its name. One that is not published asks nothing yet, and says so."""

    def label_from_instance(self, form):
        if form.published_id is None:
            return _("%(form)s (not published yet)") % {"form": form.name}
        return form.name


# What a room above tells staff once a form was chosen on a page: the catalogue does not know what is sold.
TELLERS: list[Callable[[HttpRequest, RegistrationForm], None]] = []


def chosen(forms: Iterable[BaseForm]) -> set[RegistrationForm]:
    """Return the registration forms that were chosen just now on these forms of a page."""
    return {
        form.cleaned_data[name]
        for form in forms
        for name in form.changed_data
        if isinstance(form.fields.get(name), FormChoice) and form.cleaned_data.get(name) is not None
    }


class TellsOfForms:
    """For a ``ModelAdmin`` that chooses forms on its page or in its inlines."""

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        rows = [one for formset in formsets for one in formset.forms if one not in formset.deleted_forms]
        for registration_form in sorted(chosen([form, *rows]), key=lambda one: one.pk):
            for tell in TELLERS:
                tell(request, registration_form)


class AsksForms:
    """For pages and inlines with keys to forms. A form is a page of its own with questions: no popup makes one."""

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
