"""Request an export, stop it, fetch its file."""

from datetime import datetime
from pathlib import Path

from django.db import transaction

from ticketshop.organisers.models import Organiser

from . import tasks
from .kinds import Kind
from .models import Download, Job


def request(
    kind: Kind, *, organiser: Organiser, parameters: dict, file_format: str, by, now: datetime, reason: str = "",
    sensitive: bool = False,
) -> Job:  # fmt: skip
    """Create a job and queue it. The worker starts after the commit of the caller's transaction."""
    with transaction.atomic():
        job = Job.objects.create(
            organiser=organiser,
            kind=kind.code,
            parameters=parameters,
            format=file_format,
            sensitive=sensitive,
            reason=reason,
            created_by=by,
            created_at=now,
        )
        tasks.write.defer(export_id=job.pk)
    return job


def cancel(job: Job, *, now: datetime) -> bool:
    """Stop an export. The worker notices after its current page of rows. Return False if the export had ended already."""
    stopped = Job.objects.filter(pk=job.pk, state__in=Job.OPEN).update(
        state=Job.State.CANCELLED, finished_at=now
    )
    return bool(stopped)


def fetch(job: Job, *, by, now: datetime) -> Path | None:
    """Record a download and return the path of the file; None if there is no file, or no file any more."""
    if job.state != Job.State.DONE or not job.file or (job.expires_at and job.expires_at <= now):
        return None
    path = Path(job.file.path)
    if not path.exists():
        return None
    Download.objects.create(job=job, by=by, at=now)
    return path
