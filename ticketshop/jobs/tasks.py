"""Tasks that run every minute and continue work that failed or was interrupted."""

import logging

from django.utils import timezone
from procrastinate.contrib.django import app

from . import rows

logger = logging.getLogger("ticketshop.jobs")


@app.periodic(cron="* * * * *")
@app.task(name="jobs.try_again", queueing_lock="jobs.try_again")
def try_again(timestamp: int) -> None:
    """Try the rows that failed and whose next try is due."""
    rows.try_all_again(timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="jobs.take_up_stalled", queueing_lock="jobs.take_up_stalled", pass_context=True)
async def take_up_stalled(context, timestamp: int) -> None:
    """Start the jobs of killed workers again. Every job may run twice without harm."""
    for job in await context.app.job_manager.get_stalled_jobs():
        try:
            await context.app.job_manager.retry_job(job)
        except Exception:
            logger.exception("stalled job not taken up id=%s", job.id)
