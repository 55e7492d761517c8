"""The list of what the retention job has erased at an organiser, and of what it will erase in the next days."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.lists import PageList
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import Section
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from ..declarations import expiry, registry
from ..models import RetentionRecord
from ..plan import outcome
from . import tables

DAYS_AHEAD = 30
MOST_ORGANISERS = 20
# Label of a model, and id of the row at ``Expiry.group_by`` (None or 0 without one).
Kind = tuple[str, int | None]


class RecordList(PageList):
    """Reads the names of all kinds on the page with one query per model."""

    def get_results(self, request):
        super().get_results(request)
        names = names_of((record.model, record.called) for record in self.result_list)
        for record in self.result_list:
            record.named = names[record.model, record.called]


@admin.register(RetentionRecord)
class RetentionAdmin(ReadOnlyAdmin):
    """Records of the retention job by day and kind of data."""

    list_display = ["day", "what", "rows"]
    list_display_links = None
    ordering = ["-day", "-pk"]
    fields = ["day", "what", "rows"]
    readonly_fields = fields
    change_list_template = "privacy/retention.html"

    @admin.display(description=gettext_lazy("what"))
    def what(self, record):
        kind = record.model, record.called
        return getattr(record, "named", None) or names_of([kind])[kind]

    def get_changelist(self, request, **kwargs):
        return RecordList

    def changelist_view(self, request, extra_context=None):
        """Show what is due above the list."""
        return super().changelist_view(request, {"coming": self.upcoming(request), **(extra_context or {})})

    def upcoming(self, request) -> list[Section]:
        """Return a table for each organiser of the staff member: what is erased on which day, and how many rows."""
        organisers = permissions.within(Organiser.objects.order_by("name"), self.allowed(request, "view"))
        return [upcoming_at(organiser) for organiser in organisers[:MOST_ORGANISERS]]


def upcoming_at(organiser: Organiser) -> Section:
    """Return the table of what the job erases in the next 30 days."""
    today = timezone.now().astimezone(ZoneInfo(organiser.time_zone)).date()
    upcoming = expiry.upcoming(organiser, today, DAYS_AHEAD)
    names = names_of((due.model._meta.label, due.group) for due in upcoming)
    rows = [[tables.day(due.day), names[due.model._meta.label, due.group], due.rows] for due in upcoming]
    title = _("%(organiser)s: goes by itself in the next %(days)d days") % {
        "organiser": organiser.name,
        "days": DAYS_AHEAD,
    }
    note = _("Nobody needs to do anything. What goes can’t be brought back; figures and totals stay.")
    return Section(title, [_("day"), _("what"), _("records")], rows, note if rows else "")


def names_of(kinds: Iterable[Kind]) -> dict[Kind, str]:
    """Return the names of kinds of data, such as “Answers: Allergies”; without a group that of the model alone."""
    wanted = list(dict.fromkeys(kinds))
    texts: dict[Kind, str] = {}
    for label in {label for label, _group in wanted}:
        name, model = tables.kind_of(label), outcome.model_of(label)
        rules = registry.declaration(model).expiry if model else ()
        path = next((rule.group_by for rule in rules if rule.group_by), "")
        groups = [group for other, group in wanted if other == label]
        ids = [group for group in groups if group]
        rows = registry.row_at(model, path)._base_manager.in_bulk(ids) if path and ids else {}
        for group in groups:
            row = rows.get(group)
            texts[label, group] = f"{name}: {row}" if row else name
    return texts
