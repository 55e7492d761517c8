"""Whether the process for background work runs, by the heartbeat that each worker writes into the database."""

from datetime import datetime, timedelta

from procrastinate.contrib.django.models import ProcrastinateWorker

# Workers write their heartbeat every 10 seconds, and wait up to 15 for a database that was away.
SILENT_AFTER = timedelta(minutes=1)


def running(now: datetime) -> bool:
    """Return whether a worker has written its heartbeat within the last minute. One query."""
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=now - SILENT_AFTER).exists()
