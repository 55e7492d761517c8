"""What goes by itself at an organiser: what is due in the coming days, and what went."""

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
from . import lines

DAYS_AHEAD = 30
MOST_ORGANISERS = 20
# The label of a model, and the id of what tells some of its rows from others.
What = tuple[str, int | None]


class RecordList(PageList):
    """Names what went, with one query for each kind of name."""

    def get_results(self, request):
        super().get_results(request)
        names = names_of((record.model, record.called) for record in self.result_list)
        for record in self.result_list:
            record.named = names[record.model, record.called]


@admin.register(RetentionRecord)
class RetentionAdmin(ReadOnlyAdmin):
    list_display = ["day", "what", "rows"]
    list_display_links = None
    ordering = ["-day", "-pk"]
    fields = ["day", "what", "rows"]
    readonly_fields = fields
    change_list_template = "privacy/retention.html"

    @admin.display(description=gettext_lazy("what"))
    def what(self, record):
        what = record.model, record.called
        return getattr(record, "named", None) or names_of([what])[what]

    def get_changelist(self, request, **kwargs):
        return RecordList

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"coming": self.coming(request), **(extra_context or {})})

    def coming(self, request) -> list[Section]:
        """A table for each organiser: what goes on which day, and how many records."""
        organisers = permissions.within(Organiser.objects.order_by("name"), self.allowed(request, "view"))
        return [coming_at(organiser) for organiser in organisers[:MOST_ORGANISERS]]


def coming_at(organiser: Organiser) -> Section:
    today = timezone.now().astimezone(ZoneInfo(organiser.time_zone)).date()
    found = expiry.upcoming(organiser, today, DAYS_AHEAD)
    names = names_of((due.model._meta.label, due.called) for due in found)
    rows = [[lines.day(due.day), names[due.model._meta.label, due.called], due.rows] for due in found]
    title = _("%(organiser)s: goes by itself in the next %(days)d days") % {
        "organiser": organiser.name,
        "days": DAYS_AHEAD,
    }
    note = _("Nobody needs to do anything. What goes can’t be brought back; figures and totals stay.")
    return Section(title, [_("day"), _("what"), _("records")], rows, note if rows else "")


def names_of(what: Iterable[What]) -> dict[What, str]:
    """“Answers: Allergies”; where nothing tells rows apart the kind of data alone."""
    wanted = list(dict.fromkeys(what))
    texts: dict[What, str] = {}
    for label in {label for label, _called in wanted}:
        kind, model = lines.kind_of(label), outcome.model_of(label)
        ends = registry.declaration(model).expiry if model else ()
        path = next((one.group_by for one in ends if one.group_by), "")
        ids = [called for one, called in wanted if one == label and called]
        rows = registry.row_at(model, path)._base_manager.in_bulk(ids) if path and ids else {}
        for one, called in wanted:
            if one == label:
                named = rows.get(called)
                texts[one, called] = f"{kind}: {named}" if named else kind
    return texts
