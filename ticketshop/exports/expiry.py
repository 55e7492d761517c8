"""What goes by itself: files whose time is over, files that belong to no job, jobs that nobody works at."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Q

from .models import Job, private_storage

KEPT_FOR = timedelta(hours=24)
# A worker that was killed is noticed within a minute or two; what is not finished after so long never will be.
GIVEN_UP_AFTER = timedelta(hours=1)


def tidy(now: datetime) -> None:
    """May run twice, and while files are being written."""
    for job in Job.objects.filter(state=Job.State.DONE, expires_at__lte=now).defer("subjects"):
        job.file.delete(save=False)
        Job.objects.filter(pk=job.pk, state=Job.State.DONE).update(state=Job.State.EXPIRED, file="")
    lost = Q(state=Job.State.RUNNING, started_at__lte=now - GIVEN_UP_AFTER)
    never_begun = Q(state=Job.State.QUEUED, created_at__lte=now - KEPT_FOR)
    Job.objects.filter(lost | never_begun).update(state=Job.State.FAILED, error="lost", finished_at=now)
    _delete_orphans(now)


def _delete_orphans(now: datetime) -> None:
    folder = Path(private_storage().path(""))
    if not folder.is_dir():
        return
    known = set(Job.objects.exclude(file="").values_list("file", flat=True))
    old = (now - GIVEN_UP_AFTER).timestamp()
    for path in folder.iterdir():
        if path.name in known or path.stat().st_mtime > old:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
