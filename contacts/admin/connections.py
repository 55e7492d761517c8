"""The list of all connections, and the page of one connection with the buttons that change it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from contacts import merging
from contacts.linking import link_types
from contacts.models import ContactLink
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link

from . import link_buttons, picking, tables, unreachable


@admin.register(ContactLink)
class ContactLinkAdmin(ReadOnlyAdmin):
    """A connection. Its history records are written on both contacts and read from the parent's."""

    list_display = ["number", "parent_name", "type", "child_name", "status", "origin", "since"]
    list_display_links = ["number"]
    list_filter = ["status"]
    list_select_related = ["parent", "child", "type"]
    ordering = ["-pk"]
    sortable_by = []
    buttons = link_buttons.ALL
    fields = ["parent_link", "child_link", "type_text", "status", "request_text"]
    rights = (gettext_lazy("What they may do"), {"fields": ["permission_parent"]})
    source = (
        gettext_lazy("Where from"),
        {"fields": ["origin", "shop", "author", "started_at", "entered_name", "entered_email"]},
    )
    consent = (gettext_lazy("Consent"), {"fields": ["consent_at", "consent_by", "consent_reason"]})
    ending = (gettext_lazy("End"), {"fields": ["ended_at", "ender", "reason_text"]})
    readonly_fields = [
        *fields,
        *(name for part in (rights, source, consent, ending) for name in part[1]["fields"]),
    ]

    def get_queryset(self, request):
        return (
            super()
            .get_queryset(request)
            .select_related("parent", "child", "type", "origin_pos", "created_by", "ended_by", "request")
        )

    def get_fieldsets(self, request, obj=None):
        """Leave out the consent of a connection without one, and the end of an open one."""
        fieldsets = [*super().get_fieldsets(request, obj), self.rights, self.source]
        fieldsets += [self.consent] if obj and obj.consent_at else []
        return [*fieldsets, self.ending] if obj and not obj.is_open else fieldsets

    def events(self, row):
        return merging.events_of(row.parent).filter(details__link=row.pk)

    @admin.display(description=gettext_lazy("number"))
    def number(self, row):
        return str(row)

    @admin.display(description=gettext_lazy("parent"))
    def parent_name(self, row):
        return picking.name_and_number(row.parent)

    @admin.display(description=gettext_lazy("child"))
    def child_name(self, row):
        return picking.name_and_number(row.child)

    @admin.display(description=gettext_lazy("parent"))
    def parent_link(self, row):
        return link(row.parent, picking.name_and_number(row.parent))

    @admin.display(description=gettext_lazy("child"))
    def child_link(self, row):
        return link(row.child, picking.name_and_number(row.child))

    @admin.display(description=gettext_lazy("type"))
    def type_text(self, row):
        return link_types.both_ways(row.type)

    @admin.display(description=gettext_lazy("point of sale"))
    def shop(self, row):
        return row.origin_pos or NONE

    @admin.display(description=gettext_lazy("since"))
    def since(self, row):
        return tables.day(row.started_at)

    @admin.display(description=gettext_lazy("request"))
    def request_text(self, row):
        row.child_unreachable = bool(unreachable.notes(row.child))
        return tables.request_text(row) or NONE

    @admin.display(description=gettext_lazy("name as entered"))
    def entered_name(self, row):
        return row.entered_name or NONE

    @admin.display(description=gettext_lazy("made by"))
    def author(self, row):
        return row.created_by.email if row.created_by else NONE

    @admin.display(description=gettext_lazy("ended by"))
    def ender(self, row):
        return row.ended_by.email if row.ended_by else NONE

    @admin.display(description=gettext_lazy("reason"))
    def reason_text(self, row):
        return tables.end_reason_text(row) or NONE
