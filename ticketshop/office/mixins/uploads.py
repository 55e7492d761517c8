"""Pages with uploaded pictures: tell the user when a chosen file was not stored."""

from django.db import transaction
from django.db.models import FileField
from django.utils.translation import gettext as _

from ticketshop.lib.storages import NotStored


class StorageErrorsMixin:
    """For ``ScopedAdmin``: a file that was not stored gives an error at its field, and all other input stays.

    Browsers never send a file again by themselves, so the user must choose it once more.
    """

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return (
            type(form.__name__, (FileNotStoredForm, form), {})
            if getattr(request, "disk_is_full", False)
            else form
        )

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except NotStored:
            # The transaction is rolled back. Show the form again with the error.
            request.disk_is_full = True
            return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if context.get("errors"):
            form = context["adminform"].form
            for name in _chosen(form):
                if not form.has_error(name):
                    form.add_error(
                        name, _("Choose the file once more: it is not kept while something is wrong.")
                    )
        return super().render_change_form(request, context, add, change, form_url, obj)


class FileNotStoredForm:
    """Mixed into the form of a page whose file could not be stored. It is never valid."""

    def full_clean(self):
        super().full_clean()
        sentence = _(
            "The picture can’t be stored at the moment: the server’s disk is full. Nothing has been saved."
            " Save without it, or tell the person who looks after the server and try again."
        )
        for name in _chosen(self):
            self.add_error(name, sentence)


def _chosen(form) -> list[str]:
    """Return the names of the file fields for which a file was sent."""
    columns = {field.name for field in form._meta.model._meta.concrete_fields if isinstance(field, FileField)}
    return [name for name in form.fields if name in columns and form.files.get(form.add_prefix(name))]
