"""The select that chooses a form: what it offers, and where forms are made."""

from django.db import models
from django.forms import ModelChoiceField
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
