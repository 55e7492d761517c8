"""Back office: the exports, their progress, their files (for a day), and their downloads."""

from datetime import datetime

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import FileResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.lib.spreadsheets.formats import FORMATS
from ticketshop.office.buttons import Button, Outcome, OwnPage, always
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, Section

from . import jobs, kinds
from .models import Job

ERRORS = {
    "lost": gettext_lazy("The export was interrupted. Start it again."),
    "attempts": gettext_lazy("It was started several times and never finished. Export less at once."),
    "too_long": gettext_lazy("Reading took too long. Export less at once, with a filter."),
    "too_wide": gettext_lazy(
        "It has more columns than a spreadsheet holds. Ask for it without a column for each choice."
    ),
    "forgotten": gettext_lazy("Somebody in it was erased while it was written. Ask for it again."),
    "fault": gettext_lazy("An unexpected error happened. The log of the shop has the details."),
}


def _is_open(job: Job) -> bool:
    return job.is_open


def _has_file(job: Job) -> bool:
    return job.state == Job.State.DONE and bool(job.file)


def _question(job: Job) -> list[str]:
    return [_("What is written so far is thrown away.")]


def _stop(request, job: Job, now: datetime) -> Outcome:
    if not jobs.cancel(job, now=now):
        return messages.WARNING, _("The export was over already.")
    history.record(job, "export_stopped", by=request.user, now=now)
    return messages.SUCCESS, _("The export is stopped.")


def _download(page, request, job: Job):
    """Show the download page on GET, and send the file on POST.

    A download is recorded, and a GET must not change anything.
    """
    if not kinds.may_fetch(request.user, job):
        raise PermissionDenied
    if request.method == "POST" and (path := jobs.fetch(job, by=request.user, now=timezone.now())):
        name = f"{slugify(job.kind)}-{timezone.localtime(job.created_at):%Y-%m-%d-%H%M}"
        file_format = FORMATS[job.format]
        return FileResponse(
            path.open("rb"),
            as_attachment=True,
            filename=f"{name}.{file_format.extension}",
            content_type=file_format.content_type,
        )
    has_file = _has_file(job)
    sentences = [_("That you fetched it is noted."), _("Keep the file where only those see it who need it.")]
    context = {
        **page.about_row(request, job, _("Download")),
        "sentences": sentences
        if has_file
        else [_("There is no file: it is not ready, or it was deleted again.")],
        "there": has_file,
    }
    return TemplateResponse(request, "admin/exports/download.html", context)


STOP = Button("stop", gettext_lazy("Stop"), ("exports.change_job",), _is_open, _question, _stop, serious=True)
# The page of the export has a button of its own, which sends the file at once. The page tells if there is none.
DOWNLOAD = OwnPage(
    "download", gettext_lazy("Download"), ("exports.add_job",), always, _download, on_page=False
)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "what", "state", "rows_text", "author", "downloads_text"]
    list_filter = ["state"]
    list_select_related = ["created_by"]
    ordering = ["-created_at", "-pk"]
    fields = [
        "what",
        "state",
        "problem",
        "rows_text",
        "format",
        "columns_text",
        "reason",
        "author",
        "created_at",
        "expires_at",
        "sha256",
    ]
    readonly_fields = fields
    buttons = (DOWNLOAD, STOP)
    change_form_template = "admin/exports/job/change_form.html"

    def get_queryset(self, request):
        # ``subjects`` may contain a hundred thousand ids, which no page here needs.
        return super().get_queryset(request).defer("subjects").annotate(fetched=Count("downloads"))

    def get_fields(self, request, obj=None):
        left_out = {
            "problem": not (obj and obj.error),
            "reason": not (obj and obj.reason),
            "sha256": not (obj and obj.sha256),
        }
        return [name for name in self.fields if not left_out.get(name)]

    @admin.display(description=gettext_lazy("what"))
    def what(self, job):
        return kinds.title(job)

    @admin.display(description=gettext_lazy("what went wrong"))
    def problem(self, job):
        if job.state == Job.State.QUEUED and job.error:
            return _("An unexpected error happened. It is tried again in a few minutes.")
        return ERRORS.get(job.error, NONE)

    @admin.display(description=gettext_lazy("rows"))
    def rows_text(self, job):
        if job.rows_total is None:
            return NONE
        return _("%(done)d of %(total)d") % {"done": job.rows_done, "total": job.rows_total}

    @admin.display(description=gettext_lazy("asked for by"))
    def author(self, job):
        return job.created_by.email if job.created_by else NONE

    @admin.display(description=gettext_lazy("downloads"))
    def downloads_text(self, job):
        return job.fetched

    @admin.display(description=gettext_lazy("columns"))
    def columns_text(self, job):
        return ", ".join(job.column_labels or job.columns) or NONE

    def links(self, request, row):
        return [(_("Look again"), "")] if row.is_open else []

    def sections(self, request, row):
        kind = kinds.KINDS.get(row.kind)
        filters = [[what, text] for what, text in (kind.filters(row) if kind else [])]
        fetched = [
            [
                download.by.email if download.by else NONE,
                date_format(timezone.localtime(download.at), "DATETIME_FORMAT"),
            ]
            for download in row.downloads.select_related("by").order_by("-at")[:100]
        ]
        return [
            Section(_("Filter"), [_("what"), _("which")], filters),
            Section(_("Downloads"), [_("by"), _("when")], fetched),
        ]

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            context["title"] = kinds.title(obj)
            context["may_fetch"] = _has_file(obj) and kinds.may_fetch(request.user, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)
