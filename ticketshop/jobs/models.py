"""Rows at which a background job failed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import not_personal
from ticketshop.organisers.models import Organiser


class Failure(models.Model):
    """A row at which a job failed: since when, how often, and the time of the next try. No personal data."""

    organiser = models.ForeignKey(
        Organiser,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("organiser"),
    )
    job = models.CharField(_("task"), max_length=60)
    model = models.CharField(max_length=60)  # such as "sales.order"
    row = models.CharField(max_length=40)  # its primary key
    error = models.CharField(_("fault"), max_length=80)  # the kind of exception, never its text
    times = models.PositiveIntegerField(_("tries"), default=1)
    first_at = models.DateTimeField(_("failing since"))
    last_at = models.DateTimeField(_("last tried"))
    next_at = models.DateTimeField(_("next try"), db_index=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("task that failed")
        verbose_name_plural = _("tasks that failed")
        constraints = [models.UniqueConstraint(fields=["job", "model", "row"], name="failure_once")]

    class Personal:
        columns = not_personal(
            "the number of a row, and what became of work on it",
            "job",
            "model",
            "row",
            "error",
            "times",
            "first_at",
            "last_at",
            "next_at",
        )

    def __str__(self):
        from .rows import JOBS  # noqa: PLC0415  it reads this model

        job = JOBS.get(self.job)
        return str(job.title) if job else self.job
