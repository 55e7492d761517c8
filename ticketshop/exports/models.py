"""Requested exports, their files and their downloads. The rows contain no personal values."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import EXPORTS
from ticketshop.lib.personal import SUBJECT_UUIDS, Author, DeleteFile, Erase, Expiry, not_personal
from ticketshop.lib.spreadsheets.formats import FORMATS
from ticketshop.organisers.models import Organiser

STORAGE = "exports"


def private_storage() -> Storage:
    """Return the storage of files that have no URL."""
    return storages[STORAGE]


class Job(models.Model):
    """An export: what was requested, its progress, and its file until that is deleted."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("being written")
        DONE = "done", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("deleted again")

    OPEN = (State.QUEUED, State.RUNNING)

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    kind = models.CharField(_("what"), max_length=40)
    # The filters: ids and fixed codes, never text that a person typed.
    parameters = models.JSONField(_("filter"), default=dict)
    columns = ArrayField(models.CharField(max_length=60), default=list, verbose_name=_("columns"))
    # The labels in the first line of the file.
    column_labels = ArrayField(models.TextField(), default=list, verbose_name=_("columns"))
    format = models.CharField(
        _("file format"),
        max_length=12,
        choices=[(file_format.code, file_format.label) for file_format in FORMATS.values()],
    )
    sensitive = models.BooleanField(_("with sensitive answers"), default=False)
    reason = models.CharField(_("reason"), max_length=240, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    # Number of the current attempt. A worker whose attempt is older must not write.
    attempt = models.PositiveSmallIntegerField(default=0)
    rows_done = models.PositiveIntegerField(_("rows written"), default=0)
    rows_total = models.PositiveIntegerField(_("rows"), null=True, blank=True)
    error = models.CharField(_("what went wrong"), max_length=60, blank=True)
    file = models.FileField(_("file"), storage=private_storage, max_length=120, blank=True)
    size = models.PositiveBigIntegerField(_("bytes"), null=True, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    # Contact.subject_uuid of every person whose data is in the file.
    subjects = ArrayField(models.UUIDField(), default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    created_at = models.DateTimeField(_("asked for"))
    started_at = models.DateTimeField(_("begun"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    expires_at = models.DateTimeField(_("kept until"), null=True, blank=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        permissions = [("export_sensitive", _("Can export sensitive answers"))]
        constraints = [
            # The reason is deleted together with the file.
            models.CheckConstraint(
                condition=Q(sensitive=False) | ~Q(reason="") | Q(finished_at__isnull=False),
                name="export_sensitive_has_reason",
            )
        ]
        indexes = [
            models.Index(fields=["organiser", "-created_at"], name="export_newest"),
            models.Index(fields=["state"], name="export_open", condition=Q(state__in=["queued", "running"])),
            GinIndex(fields=["subjects"], name="export_subjects"),
        ]

    class Personal:
        subject = {"subjects": SUBJECT_UUIDS, "created_by": "user"}
        area = EXPORTS
        copy_context = ("created_at", "expires_at")
        expiry = (Expiry("exports.tidy", "expires_at", promise=_("24 hours.")),)
        withheld = {
            "file": _("it holds the data of others too"),
            "reason": _("a note of staff on their own work"),
        }
        columns = {
            "file": DeleteFile(storage=STORAGE),
            "created_by": Author(),
            "reason": Erase(),
            **not_personal("random names; receipts of erasure name them", "subjects"),
            **not_personal(
                "what was asked for and what became of it",
                "kind",
                "parameters",
                "columns",
                "column_labels",
                "format",
                "state",
                "attempt",
                "rows_done",
                "rows_total",
                "error",
                "size",
                "sha256",
                "created_at",
                "started_at",
                "finished_at",
                "expires_at",
            ),
        }

    def __str__(self):
        return f"#{self.pk}"

    @property
    def is_open(self) -> bool:
        """Return whether the export is queued or being written."""
        return self.state in self.OPEN


class Download(models.Model):
    """A download of the file of an export. The export has its filters, columns and rows."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="downloads", verbose_name=_("export"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    at = models.DateTimeField(_("when"))

    organiser_path = "job__organiser"

    class Meta:
        verbose_name = _("download")
        verbose_name_plural = _("downloads")

    class Personal:
        subject = {"by": "user"}
        area = EXPORTS
        copy_context = ("at",)
        columns = {"by": Author(), **not_personal("an instant", "at")}

    def __str__(self):
        return f"#{self.pk}"
