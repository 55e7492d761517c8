"""On the page of a date: the list for the door before, the entries afterwards, for staff who may see its tickets."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from ticketshop.catalogue.admin.sessions import SessionAdmin
from ticketshop.catalogue.models import Session
from ticketshop.lib.spreadsheets.formats import Format, SpreadsheetCsv, Xlsx
from ticketshop.office.buttons import OwnPage, always
from ticketshop.office.sections import Section

from ..door import counts, entry_sheet

SEE = ("sales.view_ticket", "sales.view_order")
PDF = "application/pdf"


def _file(
    request: HttpRequest, row: Session, content: bytes, kind: str, extension: str, name: str = "door"
) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    day = timezone.localtime(row.starts_at)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{day:%Y-%m-%d-%H%M}.{extension}"'
    return response


def _pdf(page, request: HttpRequest, row: Session) -> HttpResponse:
    from ..tickets import door_list  # noqa: PLC0415  loads the PDF library

    return _file(request, row, door_list.pdf(row), PDF, "pdf")


def _xlsx(page, request: HttpRequest, row: Session) -> HttpResponse:
    from ..tickets import door_list  # noqa: PLC0415  loads the PDF library

    return _file(request, row, door_list.xlsx(row), Xlsx.content_type, Xlsx.extension)


def _entries(file_format: Format):
    def view(page, request: HttpRequest, row: Session) -> HttpResponse:
        content = entry_sheet.content(row, file_format)
        return _file(request, row, content, file_format.content_type, file_format.extension, name="entries")

    return view


def _own_page(name: str, label, view, action: str = "door_list") -> OwnPage:
    @require_safe
    def safe(request, page, row):
        """Answer GET requests only."""
        page.record(request, row, action)
        return view(page, request, row)

    return OwnPage(name, label, SEE, always, lambda page, request, row: safe(request, page, row))


SessionAdmin.offer(_own_page("door-list", gettext_lazy("List for the door (PDF)"), _pdf))
SessionAdmin.offer(_own_page("door-sheet", gettext_lazy("List for the door (XLSX)"), _xlsx))
SessionAdmin.offer(
    _own_page("door-entries", gettext_lazy("Entries at the door (XLSX)"), _entries(Xlsx()), "entries_list")
)
SessionAdmin.offer(
    _own_page(
        "door-entries-csv",
        gettext_lazy("Entries at the door (CSV)"),
        _entries(SpreadsheetCsv()),
        "entries_list",
    )
)


def _people_in(request: HttpRequest, session: Session) -> list[Section]:
    """Return the table of people who were let in, once there is one, for staff who may see tickets."""
    if not request.user.has_perm("sales.view_ticket", session):
        return []
    every = counts.of_session(session)
    if not every.people_in:
        return []
    rows = [*counts.by_tariff(session), counts.Figures(_("All"), every.people_in, every.sold)]
    number = counts.with_passes(session).people_in
    note = ngettext(
        "Of the people in, %(number)d came in with the code of a season pass, without a booking: beyond the places of the allotments.",
        "Of the people in, %(number)d came in with the code of a season pass, without a booking: beyond the places of the allotments.",
        number,
    ) % {"number": number}
    columns = [_("tariff or season pass"), _("in"), _("to come"), _("sold or let in")]
    cells = [[row.label, row.people_in, row.to_come, row.sold] for row in rows]
    return [Section(_("People in"), columns, cells, note if number else "")]


SessionAdmin.more_sections.append(_people_in)
