"""The types of connections, which hold for the whole platform; its administrator changes them."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy

from contacts.models import Contact, LinkType
from ticketshop.office.scoped_admin import ScopedForm
from ticketshop.office.translated_admin import TranslatedAdmin


class KindsField(forms.MultipleChoiceField):
    """The choice of kinds of contacts: persons, organisations, or both."""

    def __init__(self, **kwargs):
        super().__init__(
            choices=Contact.Kind.choices,
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": gettext_lazy("Tick at least one.")},
            **kwargs,
        )


class LinkTypeForm(ScopedForm):
    """A type of connections."""

    parent_kinds = KindsField(label=gettext_lazy("The parent may be"))
    child_kinds = KindsField(label=gettext_lazy("The child may be"))


@admin.register(LinkType)
class LinkTypeAdmin(TranslatedAdmin):
    """Types of connections. They can't be deleted, as links use them, but made inactive; the code can't be changed."""

    form = LinkTypeForm
    records_values = True
    translated = ("label_parent_to_child", "label_child_to_parent")
    list_display = ["code", "label_parent_to_child", "label_child_to_parent", "active", "reserved"]
    ordering = ["pk"]
    sortable_by = []
    fieldsets = [
        (None, {"fields": ["code", "active", "reserved"]}),
        (gettext_lazy("For whom"), {"fields": ["parent_kinds", "child_kinds"]}),
    ]

    def languages(self, request, obj):
        return [code for code, _name in settings.CONTENT_LANGUAGES]

    def get_readonly_fields(self, request, obj=None):
        fields = [*super().get_readonly_fields(request, obj), "reserved"]
        return [*fields, "code"] if obj else fields
